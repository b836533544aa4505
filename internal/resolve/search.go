package resolve

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// ident is a node of the search: a distribution, or a distribution with extras,
// sorted and joined by commas, which is pinned to the same release.
type ident struct{ name, extras string }

func (i ident) list() []string {
	if i.extras == "" {
		return nil
	}
	return strings.Split(i.extras, ",")
}

// pin is a release that was chosen.
type pin struct {
	id      ident
	release *release
}

// want is a requirement and the release that has it; by is nil for the project.
type want struct {
	requirement pep.Requirement
	by          *pin
	// exact is the release that an extra asks for, nil for any.
	exact *release
}

// idents are what a want pins: the distribution, alone and with its extras.
func (w want) idents() []ident {
	out := []ident{{name: w.requirement.Name}}
	if len(w.requirement.Extras) > 0 {
		extras := slices.Clone(w.requirement.Extras)
		slices.Sort(extras)
		out = append(out, ident{w.requirement.Name, strings.Join(slices.Compact(extras), ",")})
	}
	return out
}

// String is "flask 3.1.3 asks for werkzeug>=3.1.0".
func (w want) String() string {
	switch {
	case w.by == nil:
		return "the project asks for " + wantText(w.requirement)
	case w.exact != nil:
		return fmt.Sprintf("%s is asked for with an extra", w.exact)
	}
	return fmt.Sprintf("%s asks for %s", w.by.release, wantText(w.requirement))
}

// criterion is all wants of one ident, and the releases that were found to lead to
// a conflict. Its slices are never written to once they are shared.
type criterion struct {
	wants  []want
	banned []*release
}

// state is how far the search has come.
type state struct {
	// pins are in the order in which they were made.
	pins     []pin
	criteria map[ident]criterion
}

func (s state) clone() state { return state{slices.Clone(s.pins), maps.Clone(s.criteria)} }

// pinned is the release of an ident, nil where none was chosen.
func (s state) pinned(id ident) *release {
	for _, p := range s.pins {
		if p.id == id {
			return p.release
		}
	}
	return nil
}

// search looks for pins that meet all wants.
type search struct {
	*catalogue
	// patient backtracks one choice at a time, and never invalidates an earlier
	// pin: it is complete, but may find another solution than pip. Otherwise a pin
	// may invalidate others, and backtracking jumps to a choice that is part of the
	// conflict.
	patient      bool
	left, budget int
	roots        []want
	// levels are the states on the way, each with one pin more than the one before;
	// now is the last, with what was banned since.
	levels []state
	now    state
	// causes are the wants of the last conflict, depth how far from the
	// project an ident is.
	causes  []want
	depth   map[ident]float64
	skipped map[*release]string
}

// run searches until nothing is open.
func (s *search) run(ctx context.Context, reqs []pep.Requirement) error {
	s.depth, s.skipped = map[ident]float64{}, map[*release]string{}
	s.now = state{criteria: map[ident]criterion{}}
	for _, r := range reqs {
		ok, err := r.Marker.Evaluate(s.o.Env, "")
		if err != nil {
			return fmt.Errorf("the requirement %s: %w", wantText(r), err)
		}
		if ok {
			s.roots = append(s.roots, want{requirement: r})
		}
	}
	conflict, err := s.add(ctx, s.now.criteria, s.roots)
	if err != nil {
		return err
	}
	if conflict != nil {
		return s.conflict(conflict)
	}
	s.levels = []state{s.now}
	for ; s.left > 0; s.left-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		open := s.now.open()
		if len(open) == 0 {
			return nil
		}
		if err := s.step(ctx, open); err != nil {
			return err
		}
	}
	return whittle.ErrLimit.Errorf("no set of versions was found in %d steps; last, %w", s.budget, s.conflict(s.causes))
}

// step pins one of the open idents, or backtracks.
func (s *search) step(ctx context.Context, open []ident) error {
	id := s.pick(open)
	next, causes, err := s.try(ctx, id)
	if err != nil {
		return err
	}
	if next == nil {
		s.causes = causes
		ok, err := s.back(ctx, causes)
		if err == nil && !ok {
			return s.conflict(causes)
		}
		return err
	}
	for _, void := range next.open() {
		if next.pinned(void) != nil {
			next.forget(void)
		}
	}
	s.levels = append(s.levels, *next)
	s.now = *next
	return nil
}

// forget drops a pin that is not allowed any more, and what it asks for: it
// will be made again.
func (s *state) forget(id ident) {
	s.pins = slices.DeleteFunc(s.pins, func(p pin) bool { return p.id == id })
	fromIt := func(w want) bool { return w.by != nil && w.by.id == id }
	for other, c := range s.criteria {
		if slices.ContainsFunc(c.wants, fromIt) {
			c.wants = slices.DeleteFunc(slices.Clone(c.wants), fromIt)
			s.criteria[other] = c
		}
	}
}

// open are the idents that have no pin, or one that is not allowed any more,
// sorted. Only a state that a pin was just added to has the latter.
func (s state) open() []ident {
	pins := make(map[ident]*release, len(s.pins))
	for _, p := range s.pins {
		pins[p.id] = p.release
	}
	var out []ident
	for id, c := range s.criteria {
		if len(c.wants) == 0 {
			continue
		}
		if r := pins[id]; r == nil || !meets(r, c.wants) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b ident) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.extras, b.extras)) })
	return out
}

// meets says whether a release is what all wants ask for.
func meets(r *release, wants []want) bool {
	for _, w := range wants {
		switch {
		case w.exact != nil && w.exact != r, w.requirement.URL != "" && w.requirement.URL != r.url,
			!w.requirement.Specifiers.Contains(r.version, true):
			return false
		}
	}
	return true
}

// try pins an ident to the first release that conflicts with nothing. The
// causes are the wants that conflict with the others.
func (s *search) try(ctx context.Context, id ident) (*state, []want, error) {
	candidates, err := s.matches(ctx, s.now.criteria, id)
	if err != nil {
		return nil, nil, err
	}
	var causes []want
	for _, r := range candidates {
		deps, err := s.requires(ctx, r, id)
		if err != nil {
			if !unusable(err) {
				return nil, nil, err
			}
			s.skipped[r] = fmt.Sprintf("%s was passed over: %v", r, err)
			continue
		}
		next := s.now.clone()
		next.pins = append(next.pins, pin{id, r})
		conflict, err := s.add(ctx, next.criteria, deps)
		if err != nil {
			return nil, nil, err
		}
		if conflict == nil {
			conflict = s.contradicted(next)
		}
		if conflict == nil {
			return &next, nil, nil
		}
		causes = append(causes, conflict...)
	}
	if len(causes) == 0 {
		causes = s.now.criteria[id].wants
	}
	return nil, causes, nil
}

// contradicted are the wants that conflict with the pin that was just made, as it
// requires another release of itself, or, in a patient search, with an earlier pin.
func (s *search) contradicted(next state) []want {
	last := len(next.pins) - 1
	for i, p := range next.pins {
		if wants := next.criteria[p.id].wants; (i == last || s.patient) && !meets(p.release, wants) {
			return wants
		}
	}
	return nil
}

// add takes wants into criteria. The result is not empty where they leave no
// release of an ident: the wants that contradict each other.
func (s *search) add(ctx context.Context, criteria map[ident]criterion, wants []want) ([]want, error) {
	names := make([]string, 0, len(wants))
	for _, w := range wants {
		if w.requirement.URL == "" {
			names = append(names, w.requirement.Name)
		}
	}
	s.prefetch(ctx, names)
	for _, w := range wants {
		for _, id := range w.idents() {
			c := criteria[id]
			c.wants = append(slices.Clip(c.wants), w)
			criteria[id] = c
			left, err := s.matches(ctx, criteria, id)
			if err != nil {
				return nil, err
			}
			if len(left) == 0 {
				return c.wants, nil
			}
		}
	}
	return nil, nil
}

// back backtracks to an earlier choice and bans it; false means that there is none
// left.
func (s *search) back(ctx context.Context, causes []want) (bool, error) {
	involved := map[string]bool{}
	for _, w := range causes {
		involved[w.requirement.Name] = true
		if w.by != nil {
			involved[w.by.id.name] = true
		}
	}
	for len(s.levels) > 1 {
		end := len(s.levels) - 1
		broken := s.levels[end]
		s.levels = s.levels[:end]
		last := broken.pins[len(broken.pins)-1]
		if !s.patient && !s.concerns(ctx, last, involved) {
			continue
		}
		restored := s.levels[end-1].clone()
		ok, err := s.ban(ctx, restored, broken, last)
		if err != nil {
			return false, err
		}
		if ok {
			s.now = restored
			return true, nil
		}
	}
	return false, nil
}

// concerns says whether a pin, or what it requires, is part of a conflict.
func (s *search) concerns(ctx context.Context, p pin, involved map[string]bool) bool {
	if involved[p.id.name] {
		return true
	}
	deps, err := s.requires(ctx, p.release, p.id)
	return err == nil && slices.ContainsFunc(deps, func(w want) bool { return involved[w.requirement.Name] })
}

// ban bans in a state what was found not to work: the last pin, and what was banned
// while it was pinned. It is false where that leaves no release.
func (s *search) ban(ctx context.Context, to, broken state, last pin) (bool, error) {
	for id, c := range to.criteria {
		banned := slices.Clone(broken.criteria[id].banned)
		if id == last.id {
			banned = append(banned, last.release)
		}
		if len(banned) == 0 {
			continue
		}
		c.banned = append(slices.Clip(c.banned), banned...)
		to.criteria[id] = c
		left, err := s.matches(ctx, to.criteria, id)
		if err != nil || len(left) == 0 {
			return false, err
		}
	}
	return true, nil
}

// pick is the open ident to pin next: what leaves the fewest choices, then what
// is nearest to the project, then the first by name.
func (s *search) pick(open []ident) ident {
	best, least := open[0], s.preference(open[0])
	for _, id := range open[1:] {
		if p := s.preference(id); slices.Compare(p, least) < 0 {
			best, least = id, p
		}
	}
	return best
}

func (s *search) preference(id ident) []float64 {
	const yes, no = 0, 1
	c := s.now.criteria[id]
	direct, pinned, cause, free := no, no, no, no
	depth, order := math.Inf(1), math.Inf(1)
	for _, w := range c.wants {
		if w.requirement.URL != "" || w.exact != nil {
			direct = yes
		}
		for op := range w.requirement.Specifiers.All() {
			free = yes
			if strings.HasPrefix(op, "==") {
				pinned = yes
			}
		}
		if w.by == nil {
			depth = 1
		} else if d, ok := s.depth[w.by.id]; ok {
			depth = min(depth, d+1)
		}
	}
	for _, w := range s.causes {
		if w.requirement.Name == id.name || w.by != nil && w.by.id == id {
			cause = yes
		}
	}
	for i, w := range s.roots {
		if w.requirement.Name == id.name {
			order = min(order, float64(i))
		}
	}
	s.depth[id] = depth
	return []float64{float64(direct), float64(pinned), float64(cause), depth, order, float64(free)}
}

// conflict is the error of wants that cannot be met together.
func (s *search) conflict(causes []want) *Unresolvable {
	c := &Unresolvable{}
	for _, w := range causes {
		if c.Name == "" || c.Name == w.requirement.Name {
			c.Name = w.requirement.Name
		}
		if w.requirement.Name == c.Name && !slices.Contains(c.Wants, w.String()) {
			c.Wants = append(c.Wants, w.String())
		}
	}
	for _, l := range s.limits[c.Name] {
		c.Wants = append(c.Wants, "a constraint asks for "+wantText(l))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Missing = s.absent[c.Name]
	if o := s.known[c.Name]; o != nil {
		c.Nothing = o.err == nil && len(o.value) == 0
	}
	return c
}
