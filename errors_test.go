package whittle_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"whittle.dev/whittle"
)

// TestErrorKind: an error answers for its own kind and for those of what it
// wraps, and its text has none of them.
func TestErrorKind(t *testing.T) {
	missing := whittle.ErrNotFound.Errorf("no file %s: %w", "a", fs.ErrNotExist)
	err := fmt.Errorf("opening: %w", whittle.WithHint(whittle.ErrUsage.Of(missing), "name another"))
	for _, kind := range []error{whittle.ErrNotFound, whittle.ErrUsage, fs.ErrNotExist} {
		if !errors.Is(err, kind) {
			t.Errorf("it is not %q", kind)
		}
	}
	if errors.Is(err, whittle.ErrLimit) {
		t.Error("it is of a kind that nobody gave it")
	}
	if want := "opening: no file a: file does not exist"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	if whittle.Hint(err) != "name another" {
		t.Errorf("the hint is %q", whittle.Hint(err))
	}
	if whittle.ErrUsage.Of(nil) != nil {
		t.Error("no error has a kind")
	}
}
