package whittle

import "time"

// Progress shows what is going on. Its methods, and those of its tasks, may be
// called concurrently.
type Progress interface {
	// Step shows in one line what begins now. The step before it has ended.
	Step(line string)
	// Begin shows a piece of work within the step, which the caller ends.
	Begin(w Work) Task
}

// Work is a piece of work that takes time.
type Work struct {
	// Name says what is done; empty if the step says it.
	Name string
	// Total is how much there is to do, 0 if that is not known: bytes, or items
	// that Item names, such as "step".
	Total int64
	Bytes bool
	Item  string
	// Usual is how long it took the last time, 0 if that is not known.
	Usual time.Duration
	// Kept is how long it takes at least to leave a line behind when it ends; 0
	// leaves one in any case.
	Kept time.Duration
}

// Task is a piece of work that goes on.
type Task interface {
	// Done says how much is done by now, and how much there is in all.
	Done(n, total int64)
	// Say passes on what the work prints, of which the last line is shown.
	Say(line string)
	// End ends it. note says how, in a word; empty if it did what it should.
	End(note string)
}

// Unseen is a [Progress], and its task, that nobody watches.
type Unseen struct{}

// Step does nothing.
func (Unseen) Step(string) {}

// Begin gives a task that does nothing.
func (Unseen) Begin(Work) Task { return Unseen{} }

// Done does nothing.
func (Unseen) Done(_, _ int64) {}

// Say does nothing.
func (Unseen) Say(string) {}

// End does nothing.
func (Unseen) End(string) {}
