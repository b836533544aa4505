package system

import (
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// joinRuns are the edits that append to a RUN those that follow it, up to the
// last one, and a further command, if it is not empty. ok is false if the
// commands would not do the same there: something is between the RUNs, one of
// them changes the shell for those after it, or has a mount.
func joinRuns(p *analysis.Pass, first, last *dockerfile.Instruction, more string) (joined []*dockerfile.Instruction, edits []whittle.Edit, ok bool) {
	between, ok := p.Recipe.Between(first, last)
	if !ok || first.Stage != last.Stage || first.JSON {
		return nil, nil, false
	}
	joined = []*dockerfile.Instruction{first}
	for _, in := range append(slices.Clone(between), last) {
		switch {
		case recipe.OnlyConfigures(in):
		case in.Keyword == "RUN" && len(in.Flags) == 0 && len(in.Heredocs) == 0 && !in.JSON && len(in.Comments) == 0:
			joined = append(joined, in)
		default:
			return nil, nil, false
		}
	}
	var commands []piece
	for i, in := range joined {
		if i+1 < len(joined) && recipe.LeavesState(in) || more != "" && recipe.LeavesState(in) {
			return nil, nil, false
		}
		if i == 0 {
			continue
		}
		parts, ok := oneLine(p, in)
		if !ok {
			return nil, nil, false
		}
		for n, text := range parts {
			c := piece{text: text}
			if n == 0 {
				c.comments, _ = commentsAbove(p, in)
			}
			commands = append(commands, c)
		}
	}
	if more != "" {
		commands = append(commands, piece{text: more})
	}
	if len(commands) > maxJoined {
		return nil, nil, false
	}
	edit, ok := appended(p, first, commands)
	if !ok {
		return nil, nil, false
	}
	edits = []whittle.Edit{edit}
	for _, in := range joined[1:] {
		if _, from := commentsAbove(p, in); from >= 0 {
			edits = append(edits, p.Dockerfile.RemoveFrom(in, from)...)
		} else {
			edits = append(edits, p.Dockerfile.Remove(in)...)
		}
	}
	return joined, edits, true
}

// maxJoined bounds the commands that are appended to a RUN: the file is read again
// after each.
const maxJoined = 30

// piece is a command that is appended to a RUN, with the comments about it.
type piece struct {
	comments []string
	text     string
}

// commentsAbove are the comments directly above an instruction, and the offset of
// the first one, -1 if there is none.
func commentsAbove(p *analysis.Pass, in *dockerfile.Instruction) (comments []string, from int) {
	from = -1
	src := string(p.Dockerfile.Source[:in.Span.Start])
	for src = strings.TrimSuffix(src, "\n"); src != ""; {
		start := strings.LastIndexByte(src, '\n') + 1
		line := strings.TrimSpace(src[start:])
		if !strings.HasPrefix(line, "#") {
			break
		}
		comments, from = append([]string{line}, comments...), start
		src = strings.TrimSuffix(src[:start], "\n")
	}
	return comments, from
}

// lineJoint matches the end of a line that continues, with the blanks around it.
var lineJoint = regexp.MustCompile(`[ \t]*\\[ \t]*\r?\n[ \t]*`)

// oneLine are the members of a RUN's list, each on one line; ok is false unless
// each runs only if those before it succeeded.
func oneLine(p *analysis.Pass, in *dockerfile.Instruction) (parts []string, ok bool) {
	s, err := in.Shell()
	if err != nil || len(s.Comments) > 0 || len(in.Args) != 1 {
		return nil, false
	}
	commands := s.Commands()
	from := in.Args[0].Span.Start
	for i, c := range commands {
		if c.Depth > 0 || c.Negated {
			return nil, false
		}
		end := in.Args[0].Span.End
		switch c.After.Text {
		case "|":
			continue
		case "&&":
			end = c.After.Span.Start
		case "":
			if i+1 < len(commands) {
				return nil, false
			}
		default:
			return nil, false
		}
		text := strings.TrimSpace(lineJoint.ReplaceAllString(string(p.Dockerfile.Source[from:end]), " "))
		if strings.ContainsAny(text, "\r\n") {
			return nil, false
		}
		parts = append(parts, text)
		from = c.After.Span.End
	}
	// What a line joint within quotes has become is another word.
	again, err := dockerfile.ParseShell("joined", strings.Join(parts, " && "))
	return parts, err == nil && slices.EqualFunc(again.Commands(), commands, func(a, b dockerfile.Command) bool {
		return slices.EqualFunc(a.Words, b.Words, func(v, w dockerfile.Word) bool { return v.Text == w.Text })
	})
}

// appended is the edit that appends commands to a RUN, one after the other.
func appended(p *analysis.Pass, in *dockerfile.Instruction, commands []piece) (whittle.Edit, bool) {
	f := p.Dockerfile
	place := func(f *dockerfile.File) *dockerfile.Instruction {
		n := slices.IndexFunc(p.Dockerfile.Stages[in.Stage].Instructions, func(o dockerfile.Instruction) bool { return o.Span == in.Span })
		return &f.Stages[in.Stage].Instructions[n]
	}
	for _, c := range commands {
		edit, err := place(f).AppendCommand(c.text)
		if err != nil {
			return whittle.Edit{}, false
		}
		if len(c.comments) > 0 {
			edit.New = withComments(edit.New, c.comments)
		}
		text, err := dockerfile.Apply(f.Source, []whittle.Edit{edit})
		if err != nil {
			return whittle.Edit{}, false
		}
		if f, err = dockerfile.Parse(f.Name, text); err != nil {
			return whittle.Edit{}, false
		}
	}
	edit := analysis.OneEdit([]byte(in.Text()), []byte(place(f).Text()))
	edit.Span.Start += in.Span.Start
	edit.Span.End += in.Span.Start
	return edit, true
}

// withComments puts comments, each on a line, before the command that an edit
// appends.
func withComments(text string, comments []string) string {
	nl := strings.LastIndexByte(text, '\n')
	if nl < 0 {
		operator := "&&"
		if strings.HasPrefix(strings.TrimSpace(text), ";") {
			operator = ";"
		}
		before, command, _ := strings.Cut(text, operator+" ")
		text = before + operator + " \\\n    " + command
		nl = strings.LastIndexByte(text, '\n')
	}
	last := text[nl+1:]
	indent := last[:len(last)-len(strings.TrimLeft(last, " \t"))]
	return text[:nl+1] + indent + strings.Join(comments, "\n"+indent) + "\n" + last
}
