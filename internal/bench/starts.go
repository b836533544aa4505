package bench

import (
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
)

// job is a command with what its result is judged by.
type job struct {
	build.Command
	// process is the process of the image, as compose starts it where it does.
	process whittle.Process
	// start is how compose starts it, nil where it does not.
	start *project.Start
}

// Started are the processes that a variant's image starts: its own, or those that
// compose makes of it.
func Started(v project.Variant, p whittle.Process) []whittle.Process {
	if len(v.Starts) == 0 {
		return []whittle.Process{p}
	}
	var out []whittle.Process
	for _, s := range v.Starts {
		out = append(out, runs.Started(p, s))
	}
	return out
}

// Whole are the starts of a variant whose files the image has: without those over
// which compose mounts folders of this machine, which the files cannot be judged by.
func Whole(v project.Variant) project.Variant {
	v.Starts = slices.DeleteFunc(slices.Clone(v.Starts), func(s project.Start) bool { return len(s.Mounts) > 0 })
	return v
}

// OtherCommands are the command lines of starts besides the first: those of compose,
// and the image's own, where compose replaces it.
func OtherCommands(v project.Variant, p whittle.Process) [][]string {
	all := Started(v, p)
	out := [][]string{}
	for _, other := range append(all[1:len(all):len(all)], p) {
		argv := slices.Concat(other.Entrypoint, other.Cmd)
		same := func(have []string) bool { return slices.Equal(have, argv) }
		if len(argv) > 0 && !same(slices.Concat(all[0].Entrypoint, all[0].Cmd)) && !slices.ContainsFunc(out, same) {
			out = append(out, argv)
		}
	}
	return out
}

// ownStarts are the watched runs of what a variant's image starts. missing says why
// there is none.
func (b *Bench) ownStarts(v project.Variant, p whittle.Process) (out []job, missing string, err error) {
	for i, process := range Started(v, p) {
		c, none := runs.OwnStart(process, runs.Requests(b.Project.Requests), runs.Patience)
		if none != "" {
			missing = none
			continue
		}
		one := job{Command: c, process: process}
		var start *project.Start
		if len(v.Starts) > 0 {
			start = &v.Starts[i]
			one.User, one.Dir, one.start = start.User, start.WorkingDir, start
			if len(v.Starts) > 1 {
				one.Name = start.Name
			}
		}
		commands := []build.Command{one.Command}
		if err := b.Inputs.SetStartEnvironment(commands, nil, start); err != nil {
			return nil, "", err
		}
		one.Command = commands[0]
		out = append(out, one)
	}
	if len(out) > 0 {
		missing = ""
	}
	return out, missing, nil
}

// environmentStart is the start whose environment the other runs of a variant get,
// nil for the image's own.
func environmentStart(v project.Variant) *project.Start {
	if len(v.Starts) == 0 {
		return nil
	}
	return &v.Starts[0]
}
