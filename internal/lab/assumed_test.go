package lab

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// TestMoved: the steps of an image find their instructions in the Dockerfile
// that some edits leave, and those that are gone find none.
func TestMoved(t *testing.T) {
	const before = "FROM a\nRUN one\nCOPY x y\nRUN two\nCMD z\n"
	at := func(text, word string) whittle.Span {
		for i := range len(text) - len(word) + 1 {
			if text[i:i+len(word)] == word {
				return whittle.Span{Start: i, End: i + len(word)}
			}
		}
		t.Fatalf("%q has no %q", text, word)
		return whittle.Span{}
	}
	parse := func(text string) *dockerfile.File {
		f, err := dockerfile.Parse("Dockerfile", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	var steps []whittle.Step
	for _, text := range []string{"RUN one", "COPY x y", "RUN two", "CMD z"} {
		steps = append(steps, whittle.Step{Origin: &whittle.Origin{File: "Dockerfile", Span: at(before, text)}})
	}
	insert := func(word, text string) whittle.Edit {
		span := at(before, word)
		return whittle.Edit{Span: whittle.Span{Start: span.Start, End: span.Start}, New: text}
	}
	for _, c := range []struct {
		name  string
		edits []whittle.Edit
		want  []string
	}{
		{"nothing", nil, []string{"RUN one", "COPY x y", "RUN two", "CMD z"}},
		{"a word within", []whittle.Edit{{Span: at(before, "one"), New: "one --more"}}, []string{"RUN one --more", "COPY x y", "RUN two", "CMD z"}},
		{"an instruction before", []whittle.Edit{insert("COPY x y", "COPY new .\n")}, []string{"RUN one", "COPY x y", "RUN two", "CMD z"}},
		{"one that is gone", []whittle.Edit{{Span: at(before, "COPY x y\n")}}, []string{"RUN one", "", "RUN two", "CMD z"}},
		{"several", []whittle.Edit{{Span: at(before, "RUN one\n")}, {Span: at(before, "two"), New: "three four"}}, []string{"", "COPY x y", "RUN three four", "CMD z"}},
	} {
		text, err := whittle.Splice([]byte(before), c.edits)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range moveSteps(steps, parse(before), parse(string(text)), c.edits) {
			if s.Origin == nil {
				got = append(got, "")
				continue
			}
			got = append(got, string(text[s.Origin.Span.Start:s.Origin.Span.End]))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
