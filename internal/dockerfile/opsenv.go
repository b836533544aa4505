package dockerfile

import (
	"regexp"
	"strings"

	"whittle.dev/whittle"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// SetEnv gives an environment variable a value in a stage. Where the stage sets
// it, each such value is replaced; else it is added to the last ENV before the
// stage's first command where that sets several, or is a further ENV after that,
// or after FROM and the labels and arguments that follow it.
// Variables in the value are replaced as in any ENV. Nothing to change gives
// no edits.
func (f *File) SetEnv(stage int, name, value string) ([]whittle.Edit, error) {
	if stage < 0 || stage >= len(f.Stages) {
		head := &f.Stages[0].Head
		return nil, head.misuse("there is no stage %d", stage)
	}
	st := &f.Stages[stage]
	if err := st.Head.editable(); err != nil {
		return nil, err
	}
	if !variable.MatchString(name) {
		return nil, st.Head.misuse("%.80q is no name of a variable", name)
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		return nil, st.Head.unsupported("the value of %s has more than one line", name)
	}
	quoted := envQuote(value)
	edits, found := st.replaceEnv(name, value, quoted)
	if found {
		return st.checkedEnv(name, quoted, edits)
	}
	after, title := &st.Head, true
	for i := range st.Instructions {
		in := &st.Instructions[i]
		switch in.Keyword {
		case "ENV":
			after, title = in, false
			continue
		case "LABEL", "MAINTAINER", "ARG":
			if title { // they say what FROM makes, and stay beside it
				after = in
			}
			continue
		case "WORKDIR", "USER", "EXPOSE", "STOPSIGNAL":
			title = false
			continue
		}
		break
	}
	pair := name + "=" + quoted
	if env, ok := after.parsed.(*instructions.EnvCommand); ok && len(after.Args) == len(env.Env) && len(env.Env) > 1 {
		last := after.Args[len(after.Args)-1].Span
		lead := " "
		if n := len(after.Args); n > 1 {
			if indent, own := after.ownLine(after.Args[n-2].Span); own {
				lead = ` \` + f.lineEnd() + indent
			}
		}
		return st.checkedEnv(name, quoted, []whittle.Edit{{Span: whittle.Span{Start: last.End, End: last.End}, New: lead + pair}})
	}
	return st.checkedEnv(name, quoted, []whittle.Edit{f.InsertAfter(after, "ENV "+pair)})
}

// checkedEnv gives the edits if the stage then sets the variable to nothing else.
func (st *Stage) checkedEnv(name, quoted string, edits []whittle.Edit) ([]whittle.Edit, error) {
	if len(edits) == 0 {
		return nil, nil
	}
	after, err := st.Head.edited(edits)
	if err != nil {
		return nil, err
	}
	more, found := after.Stages[st.Index].replaceEnv(name, quoted, quoted)
	if !found || len(more) > 0 {
		return nil, st.Head.unsupported("the stage would not set %s as it should", name)
	}
	return edits, nil
}

// replaceEnv gives every ENV of the stage that sets the variable the value.
func (st *Stage) replaceEnv(name, value, quoted string) (edits []whittle.Edit, found bool) {
	for i := range st.Instructions {
		in := &st.Instructions[i]
		env, ok := in.parsed.(*instructions.EnvCommand)
		if !ok {
			continue
		}
		for j, kv := range env.Env {
			if kv.Key != name {
				continue
			}
			found = true
			if sameEnv(kv.Value, value, quoted) {
				continue
			}
			if len(in.Args) == len(env.Env) { // NAME=VALUE …
				edits = append(edits, in.ReplaceArg(j, name+"="+quoted))
			} else if len(in.Args) == 2 { // NAME VALUE
				edits = append(edits, in.ReplaceArg(1, quoted))
			}
		}
	}
	return edits, found
}

// sameEnv says that what is written gives the value.
func sameEnv(written, value, quoted string) bool {
	switch {
	case written == quoted:
		return true
	case strings.HasPrefix(written, `"`):
		return written == `"`+value+`"` && !strings.ContainsAny(value, `"\`)
	case strings.HasPrefix(written, `'`):
		return written == `'`+value+`'` && !strings.ContainsAny(value, `'$`)
	}
	return false
}

// envQuote is a value as ENV needs it; variables in it are still replaced.
func envQuote(value string) string {
	if value != "" && !strings.ContainsAny(value, " \t\v\f'\"\\") {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
