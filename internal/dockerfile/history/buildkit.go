package history

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// buildkit is the history that BuildKit's frontend writes (dockerfile2llb,
// commitToHistory): the instruction with its variables replaced, and
// " # buildkit" after those that make files. ONBUILD writes nothing.
type buildkit struct{}

const mark = " # buildkit"

func (buildkit) silent(in *dockerfile.Instruction) bool { return in.Keyword == "ONBUILD" }

func (buildkit) added(string) bool { return false }

func (buildkit) match(s *scope, c command, step whittle.Step) (ok, exact bool) {
	text := step.CreatedBy
	switch c := c.parsed.(type) {
	case *instructions.RunCommand:
		return s.matchRun(c, text)
	case *instructions.CopyCommand:
		return s.matchCopy("COPY", c.SourcesAndDest, copyFlags(s, c.Parents, c.Chown, c.Chmod), text)
	case *instructions.AddCommand:
		return s.matchCopy("ADD", c.SourcesAndDest, copyFlags(s, false, c.Chown, c.Chmod), text)
	case *instructions.WorkdirCommand:
		return s.matchWorkdir(c, text)
	}
	if step.Layer >= 0 {
		return false, false
	}
	return s.matchSetting(c.parsed, text)
}

// matchSetting compares the instructions that only change the configuration,
// which both builders write in the same way, except for EXPOSE.
func (s *scope) matchSetting(parsed any, text string) (ok, exact bool) {
	switch c := parsed.(type) {
	case *instructions.EnvCommand:
		return s.matchPairs("ENV", c.Env, text)
	case *instructions.LabelCommand:
		return s.matchPairs("LABEL", c.Labels, text)
	case *instructions.ArgCommand:
		return s.matchArg(c, text)
	case *instructions.CmdCommand:
		return anyLike(text, s.commandLines("CMD", c.ShellDependantCmdLine)...)
	case *instructions.EntrypointCommand:
		return anyLike(text, s.commandLines("ENTRYPOINT", c.ShellDependantCmdLine)...)
	case *instructions.HealthCheckCommand:
		return anyLike(text, healthLines(c)...)
	case *instructions.ShellCommand:
		if ok, exact = anyLike(text, fmt.Sprintf("SHELL %v", c.Shell)); ok {
			s.shells = [][]string{c.Shell}
		}
		return ok, exact
	case *instructions.ExposeCommand:
		return anyLike(text, s.ports(c.Ports)...)
	case *instructions.UserCommand:
		return anyLike(text, "USER "+s.expand(c.User))
	case *instructions.StopSignalCommand:
		return anyLike(text, "STOPSIGNAL "+s.expand(c.Signal))
	case *instructions.VolumeCommand:
		return anyLike(text, fmt.Sprintf("VOLUME %v", s.expandAll(c.Volumes)))
	case *instructions.MaintainerCommand:
		return anyLike(text, "MAINTAINER "+c.Maintainer)
	}
	return false, false
}

func (s *scope) expandAll(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = s.expand(w)
	}
	return out
}

// matchPairs compares ENV and LABEL, and learns what ENV sets.
func (s *scope) matchPairs(keyword string, pairs instructions.KeyValuePairs, text string) (ok, exact bool) {
	var want strings.Builder
	want.WriteString(keyword)
	type pair struct{ key, value string }
	set := make([]pair, len(pairs))
	for i, p := range pairs {
		set[i] = pair{s.expand(p.Key), s.expand(p.Value)}
		want.WriteString(" " + set[i].key + "=" + set[i].value)
	}
	if ok, exact = anyLike(text, want.String()); !ok || keyword != "ENV" {
		return ok, exact
	}
	if head := keyword + " " + set[0].key + "="; len(set) == 1 && strings.HasPrefix(text, head) {
		set[0].value = text[len(head):]
	}
	for _, p := range set {
		if strings.Contains(p.key, wild) {
			s.forget()
			continue
		}
		s.set(p.key, p.value)
		s.image[p.key] = s.env[p.key]
	}
	return ok, exact
}

// matchArg compares ARG: a name, and a value where the default, a global ARG
// or the command line gave one. The value is whatever the line says.
func (s *scope) matchArg(c *instructions.ArgCommand, text string) (ok, exact bool) {
	rest, ok := strings.CutPrefix(text, "ARG")
	if !ok {
		return false, false
	}
	exact = true
	for i, kv := range c.Args {
		if rest, ok = strings.CutPrefix(rest, " "+kv.Key); !ok {
			return false, false
		}
		value, given := strings.CutPrefix(rest, "=")
		if given {
			rest = ""
			if i+1 < len(c.Args) {
				at := strings.Index(value, " "+c.Args[i+1].Key)
				if at < 0 {
					return false, false
				}
				value, rest = value[:at], value[at:]
			}
		}
		if !given && kv.Value != nil {
			return false, false
		}
		if given {
			exact = exact && kv.Value != nil && s.expand(*kv.Value) == value
			if len(c.Args) > 1 {
				value = wild // where one ends is not certain
			}
			s.set(kv.Key, value)
		}
		s.declare(kv.Key)
	}
	return rest == "", exact
}

// matchRun compares RUN. The line names the build arguments before the shell.
func (s *scope) matchRun(c *instructions.RunCommand, text string) (ok, exact bool) {
	rest, ok := strings.CutPrefix(text, "RUN ")
	if !ok {
		return false, false
	}
	rest, ok = strings.CutSuffix(rest, mark)
	if !ok {
		return false, false
	}
	prefixes := []string{""}
	if len(s.args) > 0 || strings.HasPrefix(rest, "|") && s.baseArgs > 0 {
		prefixes = s.argPrefixes(rest)
	}
	var wants []string
	for _, prefix := range prefixes {
		for _, line := range s.runLines(c.ShellDependantCmdLine) {
			wants = append(wants, prefix+line)
		}
	}
	return anyLike(rest, wants...)
}

// argPrefixes are what may come before the command: the number of arguments
// and each with its value. More than the chain declares come from the
// triggers of the base image, fewer never; before 2023 BuildKit repeated those
// declared twice.
func (s *scope) argPrefixes(text string) []string {
	number, _, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(strings.TrimPrefix(number, "|"))
	if err != nil {
		return nil
	}
	if len(text) < len(s.args)*len(" a=") {
		return nil
	}
	var known strings.Builder
	for _, name := range s.args {
		value, set := s.env[name]
		if !set {
			value = ""
			if !s.closed {
				value = wild // the base image may set it
			}
		}
		known.WriteString(name + "=" + value + " ")
	}
	switch {
	case n == len(s.args):
		return []string{number + " " + known.String()}
	case n == s.declared || n > len(s.args) && n <= len(s.args)+s.baseArgs:
		return []string{number + " " + wild}
	}
	return nil
}

// runLines are the command lines that a RUN may come to.
func (s *scope) runLines(c instructions.ShellDependantCmdLine) []string {
	bodies := []string{strings.Join(c.CmdLine, " ")}
	if !c.PrependShell {
		return bodies
	}
	if len(c.Files) > 0 {
		bodies = append(bodies, heredocBodies(c)...)
	}
	var lines []string
	for _, shell := range s.shells {
		for _, b := range bodies {
			lines = append(lines, strings.Join(shell, " ")+" "+b)
		}
	}
	return lines
}

// heredocBodies are the scripts that a RUN with heredocs hands to the shell.
func heredocBodies(c instructions.ShellDependantCmdLine) []string {
	line := strings.Join(c.CmdLine, " ")
	if h, err := parser.ParseHeredoc(line); err == nil && h != nil {
		data := c.Files[0].Data
		if c.Files[0].Chomp {
			data = parser.ChompHeredocContent(data)
		}
		return []string{data, path.Join("/dev/pipes", c.Files[0].Name)}
	}
	parts := []string{line}
	for _, file := range c.Files {
		parts = append(parts, file.Data+file.Name)
	}
	return []string{strings.Join(parts, "\n")}
}

// copyFlags are the flags that the line of COPY or ADD repeats.
func copyFlags(s *scope, parents bool, chown, chmod string) string {
	out := ""
	if parents {
		out += " --parents"
	}
	if chown != "" {
		out += " --chown=" + s.expand(chown)
	}
	if chmod != "" {
		out += " --chmod=" + s.expand(chmod)
	}
	return out
}

// matchCopy compares COPY and ADD; BuildKit before 2023 left the flags out.
func (s *scope) matchCopy(keyword string, c instructions.SourcesAndDest, flags, text string) (ok, exact bool) {
	var parts []string
	for _, src := range c.SourcePaths {
		parts = append(parts, s.expand(src))
	}
	for _, src := range c.SourceContents {
		parts = append(parts, "<<"+src.Path)
	}
	files := " " + strings.Join(append(parts, s.expand(c.DestPath)), " ") + mark
	return anyLike(text, keyword+flags+files, keyword+files)
}

// matchWorkdir compares WORKDIR, whose line has the absolute path, on Windows
// without its drive.
func (s *scope) matchWorkdir(c *instructions.WorkdirCommand, text string) (ok, exact bool) {
	dir, found := strings.CutPrefix(text, "WORKDIR ")
	if !found {
		return false, false
	}
	to := s.expand(c.Path)
	ok, exact = anyLike(dir, s.chdir(to)...)
	if !ok {
		to = strings.ReplaceAll(to, `\`, "/")
		if len(to) > 1 && to[1] == ':' {
			to = to[2:]
		}
		ok, exact = anyLike(strings.ReplaceAll(dir, `\`, "/"), s.chdir(to)...)
	}
	if ok {
		s.dir = dir
	}
	return ok, exact
}

// commandLines are what CMD and ENTRYPOINT write.
func (s *scope) commandLines(keyword string, c instructions.ShellDependantCmdLine) []string {
	if !c.PrependShell {
		return []string{fmt.Sprintf("%s %q", keyword, c.CmdLine)}
	}
	var lines []string
	for _, shell := range s.shells {
		args := append(slices.Clone(shell), strings.Join(c.CmdLine, " "))
		lines = append(lines, fmt.Sprintf("%s %q", keyword, args))
	}
	return lines
}

// healthLines are what HEALTHCHECK writes: Go's %+v of the settings, and in
// older versions %q of a pointer to them.
func healthLines(c *instructions.HealthCheckCommand) []string {
	h := *c.Health
	return []string{
		fmt.Sprintf("HEALTHCHECK {Test:%v Interval:%v Timeout:%v StartPeriod:%v StartInterval:%v Retries:%d}",
			h.Test, h.Interval, h.Timeout, h.StartPeriod, h.StartInterval, h.Retries),
		fmt.Sprintf("HEALTHCHECK {Test:%v Interval:%v Timeout:%v StartPeriod:%v Retries:%d}",
			h.Test, h.Interval, h.Timeout, h.StartPeriod, h.Retries),
		fmt.Sprintf("HEALTHCHECK &{%q %q %q %q %q '\\x%02x'}", h.Test, h.Interval, h.Timeout, h.StartPeriod, h.StartInterval, h.Retries),
		fmt.Sprintf("HEALTHCHECK &{%q %q %q %q %s}", h.Test, h.Interval, h.Timeout, h.StartPeriod, wild),
	}
}

// ports are what EXPOSE writes: a list now, a map in older versions.
func (s *scope) ports(words []string) []string {
	var ports []string
	for _, w := range words {
		if strings.ContainsRune(w, '$') {
			return []string{"EXPOSE [" + wild + "]", "EXPOSE map[" + wild + "]"}
		}
		if ports = append(ports, portRange(w)...); len(ports) > 1<<18 {
			return nil
		}
	}
	sorted := slices.Clone(ports)
	slices.Sort(sorted)
	return []string{
		fmt.Sprintf("EXPOSE %v", ports),
		"EXPOSE map[" + strings.Join(slices.Compact(sorted), ":{} ") + ":{}]",
	}
}

// portRange expands [ip:][host:]first[-last][/protocol].
func portRange(word string) []string {
	port, proto, ok := strings.Cut(word, "/")
	if !ok {
		proto = "tcp"
	}
	port = port[strings.LastIndexByte(port, ':')+1:]
	first, last, ok := strings.Cut(port, "-")
	if !ok {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil {
		return []string{word}
	}
	var out []string
	for p := from; p <= to; p++ {
		out = append(out, fmt.Sprintf("%d/%s", p, strings.ToLower(proto)))
	}
	return out
}
