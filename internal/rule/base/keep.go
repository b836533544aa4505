package base

import (
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// installEdits installs packages in a stage before the first RUN that uses them: in
// the apt-get install that is there, else in a RUN before the first instruction that
// adds files.
func installEdits(p *analysis.Pass, st *dockerfile.Stage, names []string, first *dockerfile.Instruction) []whittle.Edit {
	for i := range st.Instructions {
		in := &st.Instructions[i]
		if in.Keyword == "RUN" {
			if edits, ok := addToInstall(in, names); ok {
				return edits
			}
		}
		if in == first {
			break
		}
	}
	text := installText(names)
	for i := range st.Instructions {
		in := &st.Instructions[i]
		switch in.Keyword {
		case "RUN", "COPY", "ADD", "USER":
			return []whittle.Edit{p.Dockerfile.InsertBefore(in, text+paragraph(p.Dockerfile, in))}
		}
	}
	return []whittle.Edit{p.Dockerfile.InsertAfter(&st.Head, text)}
}

// paragraph is a blank line if one is before an instruction and its comments.
func paragraph(f *dockerfile.File, in *dockerfile.Instruction) string {
	at := f.InsertBefore(in, "").Span.Start
	above := string(f.Source[:at])
	if strings.HasSuffix(strings.ReplaceAll(above, "\r", ""), "\n\n") {
		return "\n"
	}
	return ""
}

// addToInstall adds packages to the first command of a RUN that installs some, if
// nothing but apt comes before it.
func addToInstall(in *dockerfile.Instruction, names []string) (edits []whittle.Edit, ok bool) {
	script, err := in.Shell()
	if err != nil || script.Exec || in.JSON {
		return nil, false
	}
	for _, c := range script.Commands() {
		a, isApt := recipe.ReadApt(&c)
		switch {
		case isApt && a.Verb == "install" && c.Depth == 0 && a.Literal() && len(a.Packages()) > 0:
			_, first := a.Options()
			for _, name := range names {
				edit, err := in.AddToList(a.Command, first, name)
				if err != nil {
					return nil, false
				}
				edits = append(edits, edit)
			}
			return edits, true
		case !isApt && c.Name() != "set":
			return nil, false
		}
	}
	return nil, false
}

// installText is a RUN that installs packages.
func installText(names []string) string {
	const update, clean = "RUN apt-get update && ", " && rm -rf /var/lib/apt/lists/*"
	install := "apt-get install -y --no-install-recommends "
	if line := update + install + strings.Join(names, " ") + clean; len(line) <= longestLine {
		return line
	}
	return "RUN apt-get update && \\\n    " + install + "\\\n        " + strings.Join(names, " \\\n        ") + " && \\\n    rm -rf /var/lib/apt/lists/*"
}

// longestLine is the longest line that is written, in columns.
const longestLine = 120
