package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/project"
)

// Making is a variant with the bench that builds it.
type Making struct {
	Bench   *Bench
	Variant project.Variant
}

// made is a variant that was built, or was not.
type made struct {
	*whittle.Variant
	definition build.Definition
	log        *os.File
	failure    error // of the build; nil if there is an image
}

// Together builds variants side by side: the engine does once what they have in common,
// and no more of them at a time than the machine has processors. Then it measures and
// runs each by itself, since the runs are timed. A variant that fails beside others
// for want of memory or time is built again alone. All benches are of one study, and a
// variant that does not build is a result: see [Bench.BuildAndRun].
func Together(ctx context.Context, all []Making) ([]*whittle.Variant, error) {
	if len(all) == 0 {
		return nil, nil
	}
	if err := all[0].Bench.Open(ctx); err != nil {
		return nil, err
	}
	built, err := buildAll(ctx, all)
	defer func() {
		for _, m := range built {
			if m != nil {
				m.log.Close()
			}
		}
	}()
	if err != nil {
		return nil, err
	}
	out := make([]*whittle.Variant, len(all))
	for i, m := range all {
		if starved(built[i].failure) && len(all) > 1 {
			m.Bench.Env.Listener().Step(fmt.Sprintf("building %s again, alone: %s", m.Variant.Name, built[i].Build.Reason))
			built[i].log.Close()
			if built[i], err = m.Bench.build(ctx, m.Variant); err != nil {
				return nil, of(m, err)
			}
		}
		out[i] = built[i].Variant
		if built[i].failure != nil {
			continue
		}
		if err := m.Bench.measureAndRun(ctx, m.Variant, built[i]); err != nil {
			return nil, of(m, err)
		}
	}
	return out, nil
}

// starved says that a build may have failed for want of memory or time.
func starved(err error) bool {
	var failed *build.Error
	return errors.As(err, &failed) && failed.Starved
}

// of says in an error which variant it is about.
func of(m Making, err error) error { return fmt.Errorf("variant %s: %w", m.Variant.Name, err) }

// buildAll builds variants side by side. The first error ends the others.
func buildAll(ctx context.Context, all []Making) ([]*made, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	built := make([]*made, len(all))
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	var work sync.WaitGroup
	for i, m := range all {
		free <- struct{}{}
		work.Go(func() {
			defer func() { <-free }()
			var err error
			if built[i], err = m.Bench.build(ctx, m.Variant); err != nil {
				cancel(of(m, err))
			}
		})
	}
	work.Wait()
	return built, context.Cause(ctx)
}

// measureAndRun does for a variant that was built what its result has besides.
func (b *Bench) measureAndRun(ctx context.Context, v project.Variant, m *made) error {
	if !b.Quick {
		if err := b.measure(ctx, m.definition, v, m.Variant, m.log); err != nil {
			return err
		}
	}
	return b.run(ctx, m.definition, v, m.Variant, m.log)
}
