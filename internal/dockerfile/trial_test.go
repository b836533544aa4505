package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	shellparse "whittle.dev/whittle/internal/shell"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"mvdan.cc/sh/v3/syntax"
)

// trial is one operation on one file, with what must come of it.
type trial struct {
	name string
	run  func() ([]whittle.Edit, error)
	// sure says that Apply takes what the operation returns.
	sure bool
	// want compares BuildKit's view of the file before and after.
	want func(old, now []node) error
	// again is the same on the result, where it must change nothing more.
	again func(f *File) ([]whittle.Edit, error)
	// drops says that the operation may take a comment out, as a whole word
	// that holds one.
	drops bool
}

// node is an instruction as BuildKit's parser has it.
type node struct {
	keyword, text string
	flags, docs   []string
	ast           *parser.Node
}

func (n node) same(o node) bool {
	return n.keyword == o.keyword && n.text == o.text && slices.Equal(n.flags, o.flags) && slices.Equal(n.docs, o.docs)
}

// nodes is BuildKit's view of a file.
func nodes(src []byte) ([]node, error) {
	res, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	var out []node
	for _, n := range res.AST.Children {
		v := node{keyword: strings.ToUpper(n.Value), text: strings.TrimSpace(n.Original), flags: n.Flags, ast: n}
		for _, d := range n.Heredocs {
			v.docs = append(v.docs, d.Name+"\n"+d.Content)
		}
		out = append(out, v)
	}
	return out, nil
}

// others sees that all nodes but the one at i are the same.
func others(i int, check func(old, now node) error) func(old, now []node) error {
	return func(old, now []node) error {
		if len(old) != len(now) {
			return fmt.Errorf("%d instructions became %d", len(old), len(now))
		}
		for j := range old {
			if j != i && !old[j].same(now[j]) {
				return fmt.Errorf("instruction %d was %q and is %q", j, old[j].text, now[j].text)
			}
		}
		if old[i].keyword != now[i].keyword {
			return fmt.Errorf("instruction %d was %s and is %s", i, old[i].keyword, now[i].keyword)
		}
		return check(old[i], now[i])
	}
}

// order sees that the file has these nodes.
func order(want func(old []node) []node) func(old, now []node) error {
	return func(old, now []node) error {
		old = want(slices.Clone(old))
		if !slices.EqualFunc(old, now, node.same) {
			return fmt.Errorf("the instructions are %q, want %q", texts(now), texts(old))
		}
		return nil
	}
}

func texts(list []node) (out []string) {
	for _, n := range list {
		out = append(out, n.text)
	}
	return out
}

// ran is what BuildKit would run of a RUN: each simple command as the shell's
// printer writes it. ok is false where it cannot be read.
func ran(n node, lang syntax.LangVariant) (out []string, ok bool) {
	text, ok := scriptText(n)
	if !ok {
		return nil, false
	}
	return printed(text, lang)
}

// scriptText is what the shell gets of a RUN.
func scriptText(n node) (text string, ok bool) {
	parsed, err := understand(n.ast)
	run, isRun := parsed.(*instructions.RunCommand)
	if err != nil || !isRun || !run.PrependShell {
		return "", false
	}
	text = strings.Join(run.CmdLine, " ")
	if h, err := parser.ParseHeredoc(text); err == nil && h != nil && len(run.Files) > 0 {
		text = run.Files[0].Data
		if run.Files[0].Chomp {
			text = parser.ChompHeredocContent(text)
		}
	} else {
		for _, file := range run.Files {
			text += "\n" + file.Data + file.Name
		}
	}
	return text, true
}

func printed(text string, lang syntax.LangVariant) (out []string, ok bool) {
	file, err := shellparse.Parse(text, lang)
	if err != nil {
		return nil, false
	}
	var b strings.Builder
	syntax.Walk(file, func(n syntax.Node) bool {
		st, isStmt := n.(*syntax.Stmt)
		if !isStmt || !simple(st) {
			return true
		}
		b.Reset()
		for _, r := range st.Redirs {
			fmt.Fprintf(&b, "%s ", r.Op)
			if err := syntax.NewPrinter().Print(&b, r.Word); err != nil {
				return true
			}
			b.WriteByte(' ')
		}
		if st.Cmd != nil {
			if err := syntax.NewPrinter(syntax.SingleLine(true)).Print(&b, st.Cmd); err != nil {
				return true
			}
		}
		out = append(out, b.String())
		return true
	})
	return out, true
}

// runs compares what BuildKit runs before and after.
func runs(in *Instruction, check func(old, now []string) error) func(old, now node) error {
	return func(old, now node) error {
		lang, _ := language(in.shell)
		a, ok := ran(old, lang)
		if !ok {
			return nil // the reading of this package is looser: the first line names a shell
		}
		b, ok := ran(now, lang)
		if !ok {
			return errors.New("BuildKit's view of the script does not parse")
		}
		return check(a, b)
	}
}

// trials are all operations over all instructions of a file.
func trials(f *File) []trial {
	var out []trial
	all := f.all()
	for i, in := range all {
		out = append(out, lineTrials(f, i)...)
		for _, j := range []int{i - 1, i + 1, len(all) - 1, 0} {
			if j >= 0 && j < len(all) && j != i {
				out = append(out, moveTrial(f, i, j))
			}
		}
		out = append(out, flagTrials(i, in)...)
		out = append(out, argTrials(i, in)...)
		if in.Keyword == "RUN" || in.Keyword == "CMD" {
			out = append(out, appendTrial(i, in, "rm -rf /added"))
		}
		if s, err := in.Shell(); err == nil {
			for k := range s.Commands() {
				out = append(out, commandTrials(i, in, s, k)...)
			}
		}
	}
	for i := range f.Stages {
		out = append(out, envTrial(f, i, "ADDED", "1"), envTrial(f, i, "A", `x "y" z`))
	}
	return out
}

func lineTrials(f *File, i int) []trial {
	in := f.all()[i]
	line := "LABEL added=1"
	if in.Stage < 0 || in == &f.Stages[0].Head {
		line = "ARG ADDED=1"
	}
	added := func(at int) func(old, now []node) error {
		return order(func(old []node) []node {
			return slices.Insert(old, at, node{keyword: line[:strings.IndexByte(line, ' ')], text: line})
		})
	}
	return []trial{
		{name: "InsertBefore", want: added(i), sure: in.Stage < 0 || in.Keyword != "FROM" || i == len(f.Meta),
			run: func() ([]whittle.Edit, error) { return []whittle.Edit{f.InsertBefore(in, line)}, nil }},
		{name: "InsertAfter", want: added(i + 1), sure: !in.line.open,
			run: func() ([]whittle.Edit, error) { return []whittle.Edit{f.InsertAfter(in, line)}, nil }},
		{name: "Remove", sure: in.Keyword != "FROM" && in.Keyword != "SHELL", want: order(func(old []node) []node { return slices.Delete(old, i, i+1) }),
			run: func() ([]whittle.Edit, error) { return f.Remove(in), nil }},
	}
}

func moveTrial(f *File, i, j int) trial {
	to := j + 1 // in the list without i
	if i < j {
		to = j
	}
	return trial{name: "Move", sure: true,
		run: func() ([]whittle.Edit, error) { all := f.all(); return f.Move(all[i], all[j]) },
		want: order(func(old []node) []node {
			n := old[i]
			return slices.Insert(slices.Delete(old, i, i+1), to, n)
		}),
		again: func(f *File) ([]whittle.Edit, error) { all := f.all(); return f.Move(all[to], all[to-1]) }}
}

// flagTrials set a flag that the instruction has, and for some one that no
// instruction has.
func flagTrials(i int, in *Instruction) []trial {
	switch in.Keyword {
	case "RUN":
		return []trial{flagTrial(i, in, "SetFlag", "network", "none"), flagTrial(i, in, "AddFlag", "mount", "type=cache,target=/added")}
	case "COPY", "ADD":
		return []trial{flagTrial(i, in, "SetFlag", "chmod", "0755"), flagTrial(i, in, "AddFlag", "exclude", "*.pyc")}
	case "FROM":
		return []trial{flagTrial(i, in, "SetFlag", "platform", "linux/arm64")}
	case "HEALTHCHECK":
		return []trial{flagTrial(i, in, "SetFlag", "retries", "7")}
	}
	return []trial{flagTrial(i, in, "SetFlag", "unheard", "of")}
}

func flagTrial(i int, in *Instruction, op, name, value string) trial {
	set := func(in *Instruction) ([]whittle.Edit, error) {
		if op == "AddFlag" {
			return in.AddFlag(name, value)
		}
		return in.SetFlag(name, value)
	}
	flag := "--" + name + "=" + value
	return trial{name: op, sure: true,
		run:   func() ([]whittle.Edit, error) { return set(in) },
		again: func(f *File) ([]whittle.Edit, error) { return set(f.all()[i]) },
		want: others(i, func(old, now node) error {
			want := slices.Clone(old.flags)
			at := slices.IndexFunc(want, func(s string) bool { return strings.HasPrefix(s, "--"+name+"=") })
			switch {
			case slices.Contains(want, flag):
			case at >= 0 && op == "SetFlag":
				want[at] = flag
			default:
				want = append(want, flag)
			}
			if !slices.Equal(want, now.flags) || !slices.Equal(old.docs, now.docs) || !slices.Equal(arguments(old.ast), arguments(now.ast)) {
				return fmt.Errorf("flags %q became %q, arguments %q %q", old.flags, now.flags, arguments(old.ast), arguments(now.ast))
			}
			return nil
		})}
}

// arguments are the words that BuildKit makes of an instruction.
func arguments(n *parser.Node) (out []string) {
	for n = n.Next; n != nil; n = n.Next {
		out = append(out, strings.TrimSpace(n.Value))
	}
	return out
}

func argTrials(i int, in *Instruction) (out []trial) {
	switch in.Keyword {
	case "RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK", "ONBUILD", "SHELL":
		return nil
	}
	for k := range in.Args {
		text := "added"
		switch {
		case in.JSON:
			text = `"added"`
		case strings.Contains(in.Args[k].Value, "="):
			text = "ADDED=1"
		}
		out = append(out, trial{name: "ReplaceArg",
			run: func() ([]whittle.Edit, error) { return []whittle.Edit{in.ReplaceArg(k, text)}, nil },
			want: others(i, func(old, now node) error {
				if !strings.Contains(now.text, text) || !slices.Equal(old.flags, now.flags) {
					return fmt.Errorf("%q has no %q", now.text, text)
				}
				return nil
			})})
	}
	return out
}

func appendTrial(i int, in *Instruction, command string) trial {
	return trial{name: "AppendCommand", sure: true,
		run: func() ([]whittle.Edit, error) {
			e, err := in.AppendCommand(command)
			return []whittle.Edit{e}, err
		},
		want: others(i, func(old, now node) error {
			if !slices.Equal(old.flags, now.flags) {
				return fmt.Errorf("flags %q became %q", old.flags, now.flags)
			}
			return runs(in, func(a, b []string) error {
				if !slices.Equal(append(slices.Clone(a), command), b) && !removesToo(a, b, command) {
					return fmt.Errorf("it runs %q, before %q", b, a)
				}
				return nil
			})(old, now)
		})}
}

// removesToo says that the last command of a, an "rm -rf", has got the words of
// another one in b.
func removesToo(a, b []string, command string) bool {
	n := len(a) - 1
	words, ok := strings.CutPrefix(command, "rm -rf")
	return ok && n >= 0 && len(b) == len(a) && strings.HasPrefix(a[n], "rm -") && slices.Equal(a[:n], b[:n]) && b[n] == a[n]+words
}

func commandTrials(i int, in *Instruction, s *Script, k int) (out []trial) {
	c := s.Commands()[k]
	out = append(out, trial{name: "RemoveCommand", sure: true,
		run: func() ([]whittle.Edit, error) { return in.RemoveCommand(c) },
		want: others(i, runs(in, func(a, b []string) error {
			gone := len(a) - len(b)
			for j := range b {
				if gone > 0 && slices.Equal(slices.Concat(a[:j], a[j+gone:]), b) {
					return nil
				}
			}
			if gone > 0 && slices.Equal(a[:len(b)], b) {
				return nil
			}
			return fmt.Errorf("it runs %q, before %q", b, a)
		}))})
	if len(c.Words) > 0 {
		out = append(out, wordTrials(i, in, s, c)...)
	}
	if in.Keyword != "RUN" { // ran reads nothing else
		for j := range out {
			out[j].want = others(i, func(_, _ node) error { return nil })
		}
	}
	return out
}

func wordTrials(i int, in *Instruction, s *Script, c Command) (out []trial) {
	same := func(undo func(old, now string) bool) func(old, now []node) error {
		return others(i, runs(in, func(a, b []string) error {
			if len(a) != len(b) {
				return fmt.Errorf("it runs %q, before %q", b, a)
			}
			for j := range a {
				if a[j] != b[j] && !undo(a[j], b[j]) {
					return fmt.Errorf("it runs %q, before %q", b[j], a[j])
				}
			}
			if slices.Equal(a, b) {
				return fmt.Errorf("nothing changed of %q", a)
			}
			return nil
		}))
	}
	const more = " --added 'a b'"
	out = append(out, trial{name: "AddWords", sure: true,
		run: func() ([]whittle.Edit, error) {
			e, err := in.AddWords(c, len(c.Words)/2, "--added", "'a b'")
			return []whittle.Edit{e}, err
		},
		want: same(func(old, now string) bool {
			for at := range len(old) + 1 {
				if old[:at]+more+old[at:] == now {
					return true
				}
			}
			return false
		})})
	if len(c.Words) > 1 {
		out = append(out, trial{name: "AddToList", sure: true,
			run: func() ([]whittle.Edit, error) {
				e, err := in.AddToList(c, len(c.Words)/2, "'a b'")
				return []whittle.Edit{e}, err
			},
			want: same(func(old, now string) bool {
				for at := range len(old) + 1 {
					if old[:at]+" 'a b'"+old[at:] == now {
						return true
					}
				}
				return false
			})})
	}
	last := len(c.Words) - 1
	nested := strings.ContainsAny(c.Words[last].Text, "`(\n")
	free := others(i, func(_, _ node) error { return nil })
	if last > 0 {
		t := trial{name: "RemoveWords", sure: true, drops: nested,
			run:  func() ([]whittle.Edit, error) { return in.RemoveWords(c, last, last+1) },
			want: same(func(old, now string) bool { return len(now) < len(old) })}
		if nested {
			t.want = free
		}
		out = append(out, t)
	}
	if s.Exec {
		return out
	}
	t := trial{name: "ReplaceWord", drops: nested,
		run:  func() ([]whittle.Edit, error) { return []whittle.Edit{in.ReplaceWord(c.Words[last], "'a b'")}, nil },
		want: same(func(_, now string) bool { return strings.Contains(now, "'a b'") })}
	if nested || c.Words[last].Text == "'a b'" || c.Name() == "" {
		t.want = free
	}
	return append(out, t)
}

func envTrial(f *File, stage int, name, value string) trial {
	return trial{name: "SetEnv", sure: true,
		run:   func() ([]whittle.Edit, error) { return f.SetEnv(stage, name, value) },
		again: func(f *File) ([]whittle.Edit, error) { return f.SetEnv(stage, name, value) },
		want: func(old, now []node) error {
			at, changed := -1, 0
			for _, n := range now {
				if n.keyword == "FROM" {
					at++
				}
				if n.keyword == "ENV" && at == stage {
					parsed, err := understand(n.ast)
					if err != nil {
						return err
					}
					for _, kv := range parsed.(*instructions.EnvCommand).Env {
						got, _, err := shell.NewLex('\\').ProcessWord(kv.Value, lookup{})
						if kv.Key == name && (err != nil || got != value) {
							return fmt.Errorf("%s is %q: %v", name, got, err)
						} else if kv.Key == name {
							changed++
						}
					}
				}
			}
			if changed == 0 {
				return fmt.Errorf("%s is not set", name)
			}
			isEnv := func(n node) bool { return n.keyword == "ENV" }
			old, now = slices.DeleteFunc(slices.Clone(old), isEnv), slices.DeleteFunc(slices.Clone(now), isEnv)
			return order(func(n []node) []node { return n })(old, now)
		}}
}
