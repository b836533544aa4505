package restage

import (
	"cmp"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// lineEnd is the file's.
func (r *Plan) lineEnd() string {
	if i := strings.IndexByte(string(r.File.Source), '\n'); i > 0 && r.File.Source[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// keyword is a keyword in the case that the file uses, with what is behind keywords
// there.
func (r *Plan) keyword(word string) string {
	gap := " "
	for i := range r.Runtime {
		if in := r.Runtime[i].In; in.Keyword == word {
			if text := in.Text(); len(text) > len(word) && text[len(word)] == '\t' {
				gap = "\t"
			}
			break
		}
	}
	if text := r.File.Stages[0].Head.Text(); strings.HasPrefix(text, "from") {
		word = strings.ToLower(word)
	}
	return word + gap
}

// joins is how the RUNs of the file join their commands over lines: with what
// indentation, and whether "&&" leads a line or ends one.
func (r *Outline) joins() (indent string, leads bool) {
	indent = "    "
	var above string
	for line := range strings.Lines(string(r.File.Source)) {
		line = strings.TrimRight(line, "\r\n")
		bare := strings.TrimLeft(line, " \t")
		before, continued := strings.CutSuffix(above, "\\")
		above = line
		leads = strings.HasPrefix(bare, "&&")
		if continued && len(bare) < len(line) && (leads || strings.HasSuffix(strings.TrimSpace(before), "&&")) {
			return line[:len(line)-len(bare)], leads
		}
	}
	return indent, false
}

// joint is what stands between two commands of a RUN over lines.
func (r *Outline) joint(nl string) string {
	indent, leads := r.joins()
	if leads {
		return " \\" + nl + indent + "&& "
	}
	return " && \\" + nl + indent
}

// page is a text that is made of lines of a Dockerfile.
type page struct {
	b  strings.Builder
	nl string
	// gap says that what comes next is parted by a blank line.
	gap bool
}

// put writes an instruction with the lines above it, which have their line ends.
func (w *page) put(lead, text string) {
	if text == "" {
		w.gap = w.gap || startsBlank(lead)
		return
	}
	if w.b.Len() > 0 {
		w.b.WriteString(w.nl)
	}
	if w.gap && !startsBlank(lead) {
		w.b.WriteString(w.nl)
	}
	w.gap = false
	w.b.WriteString(lead + text)
}

// startsBlank says that lines start with a blank one.
func startsBlank(lead string) bool {
	line, _, ok := strings.Cut(lead, "\n")
	return ok && strings.TrimSpace(line) == ""
}

// parted are the blank lines that lines start with, and the rest.
func parted(lead string) (blank, rest string) {
	rest = lead
	for startsBlank(rest) {
		_, after, _ := strings.Cut(rest, "\n")
		rest = after
	}
	return lead[:len(lead)-len(rest)], rest
}

// uncommented are lines without comments.
func uncommented(lead string) string {
	var b strings.Builder
	for line := range strings.Lines(lead) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			b.WriteString(line)
		}
	}
	blank, rest := parted(b.String())
	if blank != "" { // one is enough where there was a comment between two
		_, after, _ := strings.Cut(blank, "\n")
		blank = blank[:len(blank)-len(after)]
	}
	return blank + rest
}

// lead are the lines between an instruction and what is before it: comments and
// blank lines, with what the line of the instruction starts with.
func (r *Plan) lead(before int, in *dockerfile.Instruction) string {
	gap := string(r.File.Source[before:in.Span.Start])
	_, lead, _ := strings.Cut(gap, "\n")
	return lead
}

// Text returns the new Dockerfile.
func (r *Plan) Text() (string, error) {
	if r.split == nil {
		return r.rebuilt()
	}
	if r.leaf {
		return leaves{r}.text()
	}
	w := &page{nl: r.lineEnd()}
	st := r.split
	src := r.File.Source
	head := st.Head.Text()
	from, err := r.heads(head)
	if err != nil {
		return "", err
	}
	w.b.Write(src[:st.Head.Span.Start])
	w.b.WriteString(from[0])
	r.writeBuilder(w)
	w.b.WriteString(w.nl + w.nl)
	w.gap = false
	w.b.WriteString(from[1])
	r.writeImage(w)
	w.b.Write(src[st.Span.End:])
	return w.b.String(), nil
}

// heads are the FROM lines of the two stages.
func (r *Plan) heads(head string) (from [2]string, err error) {
	st := r.split
	bare, name, err := r.parts(st)
	if err != nil {
		return from, err
	}
	keyword := strings.TrimSpace(r.keyword("AS"))
	if words := strings.Fields(name); len(words) > 0 {
		keyword = words[0]
	}
	from[0] = bare + " " + keyword + " " + r.label
	from[1] = head
	if r.base != st.Base && st.Index == r.Final.Index && st.From == nil {
		from[0] = strings.Replace(from[0], st.Base, cmp.Or(r.Full, st.Base), 1)
		from[1] = strings.Replace(head, st.Base, r.base, 1)
	}
	return from, nil
}

// writeBuilder writes the stage that installs, below its FROM line.
func (r *Plan) writeBuilder(w *page) {
	before, made := r.split.Head.Span.End, !r.Moved
	for i := range r.plan {
		p := &r.plan[i]
		lead := r.lead(before, p.In)
		before = p.In.Span.End
		if p.bare && p.final != "" && p.builder != "" {
			lead = uncommented(lead)
		}
		if p.builder != "" && p.Role == recipe.Installing && !made {
			made = true
			blank, rest := parted(lead)
			w.put(blank, r.makeVenv(w.nl))
			lead = rest
		}
		w.put(lead, p.builder)
	}
}

// makeVenv are the lines that make the environment.
func (r *Plan) makeVenv(nl string) string {
	if r.plain {
		return r.keyword("RUN") + r.python() + " -m venv " + r.venv + nl + r.path()
	}
	return "# The environment has no pip: the builder's own installs into it." + nl +
		r.keyword("RUN") + r.python() + " -m venv --without-pip " + r.venv
}

// python is how the original calls the interpreter.
func (r *Plan) python() string {
	for i := range r.Runtime {
		if in := r.Runtime[i].In; in.Keyword == "RUN" && strings.Contains(in.Text(), "python3 -m ") {
			return "python3"
		}
	}
	return "python"
}

// writeImage writes the image's stage, below its FROM line.
func (r *Plan) writeImage(w *page) {
	quiet := r.Quiet
	before, brought := r.split.Head.Span.End, false
	for i := range r.plan {
		p := &r.plan[i]
		lead := r.lead(before, p.In)
		before = p.In.Span.End
		if len(quiet) > 0 && i == 0 {
			w.put("", strings.Join(quiet, w.nl))
		}
		if p.forBuild && p.builder != "" || r.leaf && p.Role != recipe.Keeps {
			lead = uncommented(lead)
		}
		if !brought && (p.Role == recipe.Installing || p.final != "" && i < r.lastInstall() && (copies{r}).brings(p.Step)) {
			brought = true
			blank, rest := parted(lead)
			w.put(blank, strings.Join(r.bring(), w.nl))
			if lead = rest; p.Role != recipe.Installing && blank != "" {
				lead = blank + rest
			}
			if p.final == "" {
				continue
			}
		}
		w.put(lead, p.final)
	}
}

// bring are the lines that bring the environment into the image.
func (r *Plan) bring() []string {
	lines := []string{r.keyword("COPY") + "--from=" + r.label + " " + r.venv + " " + r.venv}
	if r.Moved {
		lines = append(lines, r.path())
	}
	return lines
}
