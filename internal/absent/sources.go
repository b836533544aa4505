package absent

import (
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// source is a path of the build context that an instruction names.
type source struct {
	// written is the word of the Dockerfile; path is what it comes to, clean and
	// relative to the context.
	written, path string
	// folder says that a slash follows the path.
	folder bool
	glob   bool
	// parent is the folder of a path whose name is not known, as a variable is
	// empty.
	parent string
	// empty are its variables that are empty; unknown says that the value of one
	// is not known; outside that it leads out of the context.
	empty            []string
	unknown, outside bool
}

// shown is how messages name it.
func (s source) shown() string {
	switch {
	case s.outside, s.path == "":
		return "`" + s.written + "`"
	case s.glob:
		return "`" + s.path + "`"
	case s.folder:
		return s.path + "/"
	}
	return s.path
}

// covers says that a path is a part of the source.
func (s source) covers(at string) bool {
	return !s.glob && (s.path == "." || whittle.Under(at, s.path))
}

// sources are the paths of the context that an instruction copies or mounts.
func (x *explainer) sources(in *dockerfile.Instruction) (out []source) {
	if !slices.Contains([]string{"COPY", "ADD", "RUN"}, in.Keyword) || in.Keyword == "RUN" && len(in.Flags) == 0 {
		return nil
	}
	v := x.variables(in)
	switch in.Keyword {
	case "COPY", "ADD":
		if len(in.Flag("from")) > 0 || len(in.Args) < 2 {
			return nil
		}
		for _, a := range in.Args[:min(len(in.Args)-1, maxSources)] {
			if strings.HasPrefix(a.Value, "<<") || in.Keyword == "ADD" && remote(a.Value) {
				continue
			}
			out = append(out, v.source(a.Value, x.file.Escape))
		}
	case "RUN":
		for _, mount := range in.Flag("mount") {
			if word, ok := bound(mount); ok {
				out = append(out, v.source(word, x.file.Escape))
			}
		}
	}
	return out
}

// remote says that ADD downloads a source.
func remote(word string) bool {
	word = strings.Trim(word, `"'`)
	return strings.Contains(word, "://") || strings.HasPrefix(word, "git@")
}

// bound is the path of the context that --mount names.
func bound(mount string) (source string, ok bool) {
	kind := "bind"
	for field := range strings.SplitSeq(mount, ",") {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "type":
			kind = value
		case "source", "src":
			source = value
		case "from":
			return "", false
		}
	}
	return source, kind == "bind" && source != ""
}

// variables are the values of ARG and ENV at an instruction.
type variables struct {
	values map[string]string
	// empty are arguments that nobody has given a value.
	empty map[string]bool
	// asked are those that a word has used.
	asked *[]string
}

// Get implements [dockerfile.Environment].
func (v variables) Get(name string) (string, bool) {
	*v.asked = append(*v.asked, name)
	value, ok := v.values[name]
	return value, ok
}

// Keys implements [dockerfile.Environment].
func (v variables) Keys() []string { return slices.Sorted(maps.Keys(v.values)) }

// maxVariables bounds how many variables are followed.
const maxVariables = 500

// followed are the variables at a place of the Dockerfile.
type followed struct {
	variables
	global *variables
	// stage is the place's, and next its first instruction that is not followed yet.
	stage, next int
}

// variables are those at an instruction, in its stage and those below it. Of the stage
// that was asked about last, only what has come since is followed: instructions are
// asked about in their order.
func (x *explainer) variables(at *dockerfile.Instruction) variables {
	if at.Stage < 0 {
		return *x.globals()
	}
	in := x.file.Stages[at.Stage].Instructions
	if f := x.last; f == nil || f.stage != at.Stage || f.next > 0 && in[f.next-1].Line >= at.Line {
		x.last = x.below(at.Stage)
	}
	f := x.last
	for ; f.next < min(len(in), maxInstructions) && in[f.next].Line < at.Line; f.next++ {
		if k := in[f.next].Keyword; k == "ENV" || k == "ARG" {
			x.assign(&f.variables, f.global, &in[f.next])
		}
	}
	return f.variables
}

// below are the variables with which a stage begins: those that the stages below it
// have set.
func (x *explainer) below(stage int) *followed {
	f := &followed{variables: noVariables(), global: x.globals(), stage: stage}
	for _, i := range x.file.Ancestry(&x.file.Stages[stage]) {
		if i == stage {
			break
		}
		all := x.file.Stages[i].Instructions
		for j := range min(len(all), maxInstructions) {
			if all[j].Keyword == "ENV" {
				x.assign(&f.variables, f.global, &all[j])
			}
		}
	}
	return f
}

// globals are the arguments before the first FROM.
func (x *explainer) globals() *variables {
	v := noVariables()
	for i := range x.file.Meta {
		x.assign(&v, nil, &x.file.Meta[i])
	}
	return &v
}

func noVariables() variables {
	return variables{values: map[string]string{}, empty: map[string]bool{}, asked: &[]string{}}
}

// assign follows one ARG or ENV.
func (x *explainer) assign(v, global *variables, in *dockerfile.Instruction) {
	set := func(name, value string, ok bool) {
		if len(v.values) < maxVariables {
			delete(v.values, name)
			if ok {
				v.values[name], v.empty[name] = value, value == ""
			}
		}
	}
	if in.Keyword == "ENV" && len(in.Args) == 2 && !strings.Contains(in.Args[0].Value, "=") {
		value, ok := dockerfile.ExpandWith(in.Args[1].Value, x.file.Escape, *v)
		set(in.Args[0].Value, value, ok)
		return
	}
	for _, a := range in.Args {
		name, word, has := strings.Cut(a.Value, "=")
		given, isGiven := x.Args[name]
		switch {
		case in.Keyword == "ENV" || has && !isGiven:
			value, ok := dockerfile.ExpandWith(word, x.file.Escape, *v)
			set(name, value, ok)
		case isGiven:
			set(name, given, true)
		case global != nil && global.values[name] != "":
			set(name, global.values[name], true)
		case predefined(name):
		default:
			set(name, "", true)
		}
	}
}

// predefined says that BuildKit gives an argument its value.
// https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope
func predefined(name string) bool {
	return strings.HasPrefix(name, "TARGET") || strings.HasPrefix(name, "BUILD") || strings.HasPrefix(strings.ToLower(name), "http") || strings.HasSuffix(strings.ToLower(name), "_proxy")
}

// source is a word of the Dockerfile with its variables replaced.
func (v variables) source(word string, escape rune) source {
	s := source{written: strings.Trim(word, `"'`)}
	*v.asked = nil
	value, ok := dockerfile.ExpandWith(word, escape, v)
	for _, name := range *v.asked {
		if _, known := v.values[name]; !known {
			s.unknown = true // the base image may set it
		}
		if v.empty[name] && !slices.Contains(s.empty, name) {
			s.empty = append(s.empty, name)
		}
	}
	if !ok || strings.Contains(value, "\x00") {
		s.unknown = true
		return s
	}
	clean := path.Clean(strings.TrimLeft(value, "/"))
	s.outside = clean == ".." || strings.HasPrefix(clean, "../")
	s.folder = strings.HasSuffix(value, "/")
	s.path = clean
	if len(s.empty) > 0 {
		s.parent = path.Dir(strings.TrimLeft(value, "/") + "x")
	}
	s.glob = strings.ContainsAny(clean, "*?[")
	return s
}
