// Package resolve chooses versions of Python distributions that meet
// requirements, as pip does, and predicts what they take once installed. It
// asks a package index and installs nothing.
package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// Index is a Python package index. Errors have the kinds of the root package;
// [whittle.ErrNotFound] means an unknown distribution.
type Index interface {
	// Files are those of a distribution, in any order.
	Files(ctx context.Context, distribution string) ([]whittle.IndexFile, error)
	// Metadata is a file's core metadata.
	Metadata(ctx context.Context, f whittle.IndexFile) ([]byte, error)
	// Members are the files in a wheel.
	Members(ctx context.Context, f whittle.IndexFile) ([]whittle.WheelMember, error)
}

// Options are the target of an installation, and what restricts the solution
// besides the requirements.
type Options struct {
	// Target is the platform that wheels must fit, Env the environment of markers;
	// both are of the same interpreter.
	Target pep.Target
	Env    pep.Environment
	// Constraints apply to distributions that something requires (pip's
	// --constraint). Locked pins versions by name, as a lock file does.
	Constraints []pep.Requirement
	Locked      map[string]string
	// Prefer has versions by name, such as the installed ones, that are preferred to
	// newer ones where they are allowed.
	Prefer map[string]string
	// NoBinary and OnlyBinary are names, or ":all:". Wheels must not be used
	// for names in NoBinary, nor source distributions for those in OnlyBinary.
	NoBinary, OnlyBinary []string
	// Prereleases allows pre-releases like other versions (pip's --pre).
	Prereleases bool
	// MaxSteps is the limit of each of the two searches; 0 is 20,000.
	MaxSteps int
}

const defaultSteps = 20_000

// Solution is a set of distributions that meets requirements.
type Solution struct {
	// Choices are sorted by name.
	Choices []Choice
	Target  pep.Target
	Env     pep.Environment
	// Steps is how many steps the search took.
	Steps int
	// Notes say what was guessed or skipped.
	Notes []string
}

// Choice is one distribution with the file to install it from.
type Choice struct {
	// Name is normalized; Extras are those that something asks for.
	Name, Version string
	Extras        []string
	// Requested says that the requirements name it, RequiredBy which other
	// distributions do.
	Requested  bool
	RequiredBy []string
	// Wheel is the wheel that fits the target best. If none does, it is nil,
	// and the distribution is built from Source, which is nil if the index has
	// none.
	Wheel, Source *whittle.IndexFile
	// Like is a wheel of the same version for another target, if none fits:
	// its size is similar.
	Like *whittle.IndexFile
	// URL is that of a direct reference, empty for others.
	URL string
}

// SourceOnly says why there is no wheel, and how large the source is; it is
// empty if there is a wheel.
func (c *Choice) SourceOnly() string {
	if c.Wheel != nil || c.Source == nil {
		return ""
	}
	if c.Source.Size == 0 {
		return fmt.Sprintf("%s %s has no wheel that fits, only its source", c.Name, c.Version)
	}
	return fmt.Sprintf("%s %s has no wheel that fits, only its source of %d bytes", c.Name, c.Version, c.Source.Size)
}

// Unresolvable is why no set of distributions meets the requirements.
type Unresolvable struct {
	// Name is the distribution of which no version is allowed.
	Name string
	// Wants say who requires what: "flask 3.1.3 asks for werkzeug>=3.1".
	Wants []string
	// Missing says that the index does not have the distribution, Nothing that
	// it has no file that the target can use.
	Missing, Nothing bool
}

func (c *Unresolvable) Error() string {
	const most = 6
	wants := c.Wants[:min(len(c.Wants), most)]
	asked := strings.Join(wants, ", ")
	if more := len(c.Wants) - len(wants); more > 0 {
		asked += fmt.Sprintf(", and %d more", more)
	}
	switch {
	case c.Missing:
		return fmt.Sprintf("the index has no %s: %s", c.Name, asked)
	case c.Nothing:
		return fmt.Sprintf("the index has no file of %s that the target can use: %s", c.Name, asked)
	}
	return fmt.Sprintf("no version of %s is allowed: %s", c.Name, asked)
}

// Unwrap is [whittle.ErrNotFound] where the index has nothing of that name, else
// [whittle.ErrUsage].
func (c *Unresolvable) Unwrap() error {
	if c.Missing {
		return whittle.ErrNotFound
	}
	return whittle.ErrUsage
}

// Versions finds the distributions that meet requirements, as pip does: the
// newest version of each that all others allow, with backtracking. It also
// finds a solution where pip gives up or goes in circles. It uses a yanked
// release only if its version is pinned, and a pre-release only if one is
// asked for or there is nothing else. The error is an [*Unresolvable] if there
// is no solution, and [whittle.ErrLimit] if the search takes too long; other
// errors are the index's.
func Versions(ctx context.Context, idx Index, reqs []pep.Requirement, o Options) (*Solution, error) {
	ctx, cancel := context.WithCancel(ctx)
	cat := newCatalogue(idx, o)
	defer cat.wait()
	defer cancel()
	s := &search{catalogue: cat, left: cmp.Or(o.MaxSteps, defaultSteps), budget: cmp.Or(o.MaxSteps, defaultSteps)}
	err := s.run(ctx, reqs)
	if err != nil && (errors.Is(err, whittle.ErrLimit) || errors.As(err, new(*Unresolvable))) {
		// The quick search may have skipped the only solution.
		patient := &search{catalogue: cat, patient: true, left: s.budget, budget: s.budget}
		if again := patient.run(ctx, reqs); again == nil {
			s, err = patient, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("resolving the requirements: %w", err)
	}
	return s.result(ctx)
}

// result lists the pins that are reachable from the requirements; pins of abandoned
// choices are not.
func (s *search) result(ctx context.Context) (*Solution, error) {
	r := &Solution{Target: s.o.Target, Env: s.o.Env, Steps: s.budget - s.left}
	chosen := map[ident]*release{}
	for _, p := range s.now.pins {
		chosen[p.id] = p.release
	}
	byName := map[string]*Choice{}
	seen := map[ident]bool{}
	var visit func(id ident, by string) error
	visit = func(id ident, by string) error {
		rel, c := chosen[id], byName[id.name]
		if c == nil {
			c = rel.choice()
			byName[id.name] = c
		}
		if by == "" {
			c.Requested = true
		} else if by != id.name {
			c.RequiredBy = append(c.RequiredBy, by)
		}
		if seen[id] {
			return nil
		}
		seen[id] = true
		c.Extras = append(c.Extras, id.list()...)
		deps, err := s.requires(ctx, rel, id)
		if err != nil {
			return err
		}
		for _, d := range deps {
			for _, next := range d.idents() {
				if err := visit(next, id.name); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, w := range s.roots {
		for _, id := range w.idents() {
			if err := visit(id, ""); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range byName {
		for _, names := range []*[]string{&c.Extras, &c.RequiredBy} {
			slices.Sort(*names)
			*names = slices.Compact(*names)
		}
		r.Choices = append(r.Choices, *c)
	}
	slices.SortFunc(r.Choices, func(a, b Choice) int { return cmp.Compare(a.Name, b.Name) })
	r.Notes = s.notesOn(byName)
	return r, nil
}

// wantText is a requirement as text, without its marker.
func wantText(r pep.Requirement) string {
	name := r.Name
	if len(r.Extras) > 0 {
		name += "[" + strings.Join(r.Extras, ",") + "]"
	}
	if r.URL != "" {
		return name + " @ " + r.URL
	}
	return name + r.Specifiers.String()
}
