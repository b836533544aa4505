package resolve

import (
	"context"
	"errors"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python/source"
)

// Patience is how long a check or a rule waits for the package index, whose answer is not
// essential to it.
const Patience = 3 * time.Second

// Asker gives a function that asks the package index whether the newest wheel of a
// distribution has a module, and waits [Patience] for each answer. After an index did not
// answer, it is not asked again. Without an index there is none.
func Asker(ctx context.Context, idx Index, on pep.Environment) func(distribution, module string) source.Truth {
	if idx == nil {
		return nil
	}
	silent := false
	type question struct{ distribution, module string }
	answers := map[question]source.Truth{}
	ask := func(distribution, module string) source.Truth {
		ctx, cancel := context.WithTimeout(ctx, Patience)
		defer cancel()
		has, err := Ships(ctx, idx, distribution, module, on)
		switch {
		case err != nil:
			silent = errors.Is(err, whittle.ErrEngine) || errors.Is(err, context.DeadlineExceeded)
			return source.Maybe
		case has:
			return source.Yes
		}
		return source.No
	}
	return func(distribution, module string) source.Truth {
		q := question{distribution, module}
		if answer, ok := answers[q]; ok || silent {
			return answer // Maybe, if the index is not asked any more
		}
		answers[q] = ask(distribution, module)
		return answers[q]
	}
}
