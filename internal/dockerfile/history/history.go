// Package history joins the lines of an image's history to the instructions of
// a Dockerfile that wrote them. BuildKit, Docker's old builder and Buildah each
// write one line for an instruction; there is no specification of the text, so
// that each instruction is written as the builder would, and compared.
package history

import (
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// Join returns a copy of the steps in which those that the target's chain of
// stages made know their instruction. BuildKit and Docker's old builder both
// write one history line for each instruction, so the chain lies at the end of
// the history, line by line; Join checks each line against the instruction.
//
// Where all lines of the chain agree, every one is joined. Where some do not
// (the Dockerfile was edited since), the lines above the topmost disagreement
// are joined if their text is exactly what the instruction writes; a line that
// depends on a value that is not known stays alone. A step that stays alone,
// and every step of the base image, has no Origin. Nothing is joined for a
// target that the file does not have.
//
// Build arguments that choose another stage as base must be given by
// [dockerfile.File.With]; those that only change what a line says are found in the
// history itself.
func Join(f *dockerfile.File, steps []whittle.Step, target string) []whittle.Step {
	out := slices.Clone(steps)
	st, err := f.Target(target)
	if err != nil {
		return out
	}
	for _, d := range []dialect{buildkit{}, docker{}} {
		chain := joinedSteps(f, st, d)
		matched := align(f, chain, out, d, st)
		if len(matched) == 0 && len(out) > 0 && d.added(out[len(out)-1].CreatedBy) {
			matched = align(f, chain, out[:len(out)-1], d, st)
		}
		for i, in := range matched {
			out[i].Origin = origin(f, in)
		}
		if len(matched) > 0 {
			break
		}
	}
	return out
}

// origin is the place of an instruction.
func origin(f *dockerfile.File, in *dockerfile.Instruction) *whittle.Origin {
	return &whittle.Origin{File: f.Name, Line: in.Line, EndLine: in.EndLine,
		Stage: f.Stages[in.Stage].Label(), Instruction: in.Keyword, Span: in.Span}
}

// dialect is one builder's way to write history.
type dialect interface {
	// silent says that the instruction writes no history line.
	silent(in *dockerfile.Instruction) bool
	// match compares the line with what the instruction writes. exact is
	// false where any value was accepted for an unknown one.
	match(s *scope, c command, step whittle.Step) (ok, exact bool)
	// added says that the builder itself added the line at the end of the history.
	added(createdBy string) bool
}

// command is one instruction in the order in which the build runs them.
type command struct {
	in     *dockerfile.Instruction // for a trigger, the ONBUILD instruction
	parsed any                     // what runs
	stage  int                     // where it runs
}

// joinedSteps are the chain's commands that write history.
func joinedSteps(f *dockerfile.File, st *dockerfile.Stage, d dialect) []command {
	var out []command
	var triggers []command
	for _, i := range f.Ancestry(st) {
		for _, t := range triggers {
			t.stage = i
			out = append(out, t)
		}
		triggers = nil
		for j := range f.Stages[i].Instructions {
			in := &f.Stages[i].Instructions[j]
			if on, ok := in.Parsed().(*instructions.OnbuildCommand); ok {
				if cmd, ok := trigger(on.Expression); ok {
					triggers = append(triggers, command{in: in, parsed: cmd})
				}
			}
			if !d.silent(in) {
				out = append(out, command{in, in.Parsed(), i})
			}
		}
	}
	return out
}

// trigger parses the instruction in an ONBUILD, as BuildKit does.
func trigger(expression string) (any, bool) {
	res, err := parser.Parse(strings.NewReader(expression))
	if err != nil || len(res.AST.Children) != 1 {
		return nil, false
	}
	cmd, err := instructions.ParseInstructionWithLinter(res.AST.Children[0], linter.New(&linter.Config{}))
	return cmd, err == nil
}

// align matches the commands with the last steps and returns the
// instructions by step.
func align(f *dockerfile.File, chain []command, steps []whittle.Step, d dialect, target *dockerfile.Stage) map[int]*dockerfile.Instruction {
	base := len(steps) - len(chain)
	bottom := &f.Stages[f.Ancestry(target)[0]]
	isScratch := bottom.BaseResolved == dockerfile.Scratch
	if base < 0 || isScratch && base > 0 {
		return nil
	}
	s := newScope(f.Escape, steps[:base], isScratch)
	type match struct {
		step  int
		exact bool
	}
	var matched []match
	for i, c := range chain {
		if i > 0 && c.stage != chain[i-1].stage {
			s.nextStage()
		}
		ok, exact := d.match(s, c, steps[base+i])
		if !ok {
			matched = matched[:0]
			s.forget()
			continue
		}
		matched = append(matched, match{base + i, exact})
	}
	joined := map[int]*dockerfile.Instruction{}
	for _, m := range matched {
		if m.exact || len(matched) == len(chain) {
			joined[m.step] = chain[m.step-base].in
		}
	}
	return joined
}
