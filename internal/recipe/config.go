package recipe

import (
	"path"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// Process is what the instructions of the image set of its configuration: how it
// starts, as whom, where, and with which variables. What the base image sets is not
// among it. ARG variables are not replaced.
func (rc *Recipe) Process() (p whittle.Process) {
	for _, in := range rc.Chain() {
		switch in.Keyword {
		case "ENTRYPOINT":
			p.Entrypoint, p.Cmd = startOf(in, in.Args), nil
		case "CMD":
			p.Cmd = startOf(in, in.Args)
		case "HEALTHCHECK":
			p.Healthcheck = healthOf(in)
		case "USER":
			p.User = strings.Trim(in.Args[0].Value, `"'`)
		case "WORKDIR":
			if at := strings.Trim(in.Args[0].Value, `"'`); path.IsAbs(at) || p.WorkingDir != "" {
				p.WorkingDir = path.Join("/", p.WorkingDir, at)
				if path.IsAbs(at) {
					p.WorkingDir = path.Clean(at)
				}
			}
		case "ENV":
			p.Env = append(p.Env, variables(in)...)
		}
	}
	return p
}

// startOf are the words that a CMD or an ENTRYPOINT starts: those of the JSON array, or
// the shell with the command.
func startOf(in *dockerfile.Instruction, args []dockerfile.Arg) (words []string) {
	if in.JSON {
		for _, a := range args {
			words = append(words, a.Value)
		}
		return words
	}
	var text []string
	for _, a := range args {
		text = append(text, a.Value)
	}
	return []string{"/bin/sh", "-c", strings.Join(text, " ")}
}

// healthOf is the test of a HEALTHCHECK.
func healthOf(in *dockerfile.Instruction) *whittle.Healthcheck {
	if len(in.Args) < 2 {
		return nil // NONE
	}
	words := startOf(in, in.Args[1:])
	if !in.JSON {
		return &whittle.Healthcheck{Test: append([]string{"CMD-SHELL"}, words[2:]...)}
	}
	return &whittle.Healthcheck{Test: append([]string{"CMD"}, words...)}
}

// variables are those that an ENV sets, as written but for the quotes.
func variables(in *dockerfile.Instruction) (out []string) {
	if len(in.Args) == 2 && !strings.Contains(in.Args[0].Value, "=") {
		return []string{in.Args[0].Value + "=" + in.Args[1].Value}
	}
	for _, a := range in.Args {
		if name, value, ok := strings.Cut(a.Value, "="); ok {
			out = append(out, name+"="+strings.Trim(value, `"'`))
		}
	}
	return out
}
