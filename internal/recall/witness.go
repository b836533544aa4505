package recall

import (
	"context"
	"encoding/json"
	"sync"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/resolve"
)

// answer is a question to the package index, and the digest of what it said.
type answer struct {
	// Asked is what was asked for: "files" of a Distribution, "metadata" or "members" of a
	// File.
	Asked        string
	Distribution string             `json:",omitempty"`
	File         *whittle.IndexFile `json:",omitempty"`
	Said         whittle.Digest
}

// witness is a package index that notes what it was asked. It may be used by several
// goroutines.
type witness struct {
	index   resolve.Index
	mu      sync.Mutex
	answers []answer
	failed  bool // a question has no answer
}

// note notes an answer.
func (w *witness) note(a answer, said any, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a.Said = digestOf(said)
	w.answers = append(w.answers, a)
	w.failed = w.failed || err != nil
}

func digestOf(said any) whittle.Digest {
	b, _ := json.Marshal(said) // lists of structs of texts and numbers
	return whittle.DigestOf(b)
}

// Files implements [resolve.Index].
func (w *witness) Files(ctx context.Context, distribution string) ([]whittle.IndexFile, error) {
	said, err := w.index.Files(ctx, distribution)
	w.note(answer{Asked: "files", Distribution: distribution}, said, err)
	return said, err
}

// Metadata implements [resolve.Index].
func (w *witness) Metadata(ctx context.Context, f whittle.IndexFile) ([]byte, error) {
	said, err := w.index.Metadata(ctx, f)
	w.note(answer{Asked: "metadata", File: &f}, said, err)
	return said, err
}

// Members implements [resolve.Index].
func (w *witness) Members(ctx context.Context, f whittle.IndexFile) ([]whittle.WheelMember, error) {
	said, err := w.index.Members(ctx, f)
	w.note(answer{Asked: "members", File: &f}, said, err)
	return said, err
}

// same says whether an index gives these answers again.
func same(ctx context.Context, idx resolve.Index, answers []answer) bool {
	if len(answers) == 0 {
		return true
	}
	if idx == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, resolve.Patience)
	defer cancel()
	for _, a := range answers {
		var said any
		var err error
		switch {
		case a.Asked == "files":
			said, err = idx.Files(ctx, a.Distribution)
		case a.File == nil:
			return false
		case a.Asked == "metadata":
			said, err = idx.Metadata(ctx, *a.File)
		default:
			said, err = idx.Members(ctx, *a.File)
		}
		if err != nil || digestOf(said) != a.Said {
			return false
		}
	}
	return true
}
