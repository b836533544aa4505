package dockerfile

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"whittle.dev/whittle"

	"pgregory.net/rapid"
)

// FuzzOps makes any operation on any file: whatever is accepted keeps the law
// of TestSafety.
func FuzzOps(f *testing.F) {
	i := uint16(0)
	made := handMade(f)
	for _, name := range slices.Sorted(maps.Keys(made)) {
		src := []byte(made[name])
		for range 3 {
			i += 7
			f.Add(src, i)
		}
		f.Add(bytes.TrimSuffix(src, []byte("\n")), i)
	}
	f.Fuzz(func(t *testing.T, src []byte, which uint16) {
		if len(src) > 4<<10 {
			return
		}
		s, err := newSubject(src)
		if err != nil {
			if !errors.Is(err, whittle.ErrUsage) {
				t.Fatal(err)
			}
			return
		}
		kept := bytes.Clone(src)
		all := trials(s.f)
		tr := all[int(which)%len(all)]
		if _, _, err := s.try(tr); err != nil {
			t.Fatalf("%s: %v", tr.name, err)
		}
		if !bytes.Equal(src, kept) {
			t.Fatal("the source was changed")
		}
	})
}

// TestOpsInTurn makes operations one after the other, each on what the one
// before it made, in files with odd blanks and breaks.
func TestOpsInTurn(t *testing.T) {
	made := handMade(t)
	names := slices.Sorted(maps.Keys(made))
	odd := []string{" ", "\t", "\n", "\r\n", " \\\n", "\\\n# odd\n", "\n# odd\n", " # odd", "\\", ";", " && ", "'", "\n\\\n"}
	rapid.Check(t, func(t *rapid.T) {
		src := []byte(made[rapid.SampledFrom(names).Draw(t, "source")])
		for range rapid.IntRange(0, 3).Draw(t, "odd places") {
			at := rapid.IntRange(0, len(src)).Draw(t, "place")
			src = bytes.Join([][]byte{src[:at], src[at:]}, []byte(rapid.SampledFrom(odd).Draw(t, "odd")))
		}
		for range rapid.IntRange(1, 4).Draw(t, "operations") {
			s, err := newSubject(src)
			if err != nil {
				return
			}
			tr := rapid.SampledFrom(trials(s.f)).Draw(t, "operation")
			_, edits, err := s.try(tr)
			if err != nil {
				t.Fatalf("%s: %v\nof:\n%s", tr.name, err, src)
			}
			if src, err = Apply(src, edits); err != nil {
				t.Fatal(err)
			}
		}
	})
}
