package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/spf13/cobra"

	"whittle.dev/whittle/internal/report/page"
)

// forms show a text with how it is shown.
var forms = []Form[string]{
	{Text, func(w io.Writer, st page.Style, v string) error {
		_, err := fmt.Fprintf(w, "%s in %d columns of %s\n", v, st.Width, st.Project)
		return err
	}},
	{Markdown, func(w io.Writer, st page.Style, v string) error {
		_, err := fmt.Fprintf(w, "# %s of %s\n", v, st.Project)
		return err
	}},
	{JSON, func(w io.Writer, _ page.Style, v string) error { return json.NewEncoder(w).Encode(v) }},
	{HTML, func(w io.Writer, _ page.Style, v string) error {
		_, err := io.WriteString(w, "<p>"+v)
		return err
	}},
}

// made is the output of a command with these arguments.
func made(t *testing.T, to *Printer, args ...string) *Output[string] {
	t.Helper()
	cmd := &cobra.Command{}
	out := New(to, cmd, forms...)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAlone: what is printed in two steps is what Write prints, as wide as the terminal was
// in the first one; others are never printed in two.
func TestAlone(t *testing.T) {
	for _, form := range forms {
		t.Setenv("COLUMNS", "80")
		var once, twice bytes.Buffer
		whole := made(t, &Printer{Out: &once, Err: io.Discard, Project: "app"}, "--format", form.Name)
		if err := whole.Write("result"); err != nil {
			t.Fatal(err)
		}
		out := made(t, &Printer{Out: &twice, Err: io.Discard, Project: "app"}, "--format", form.Name)
		as, show, ok := out.Alone(5)
		if ok != (form.Name != HTML) {
			t.Errorf("%s: %v", form.Name, ok)
		}
		if !ok {
			continue
		}
		t.Setenv("COLUMNS", "160")
		if err := out.Print(show("result")); err != nil || twice.String() != once.String() {
			t.Errorf("%s: %q, %v; want %q", form.Name, twice.String(), err, once.String())
		}
		if other, _, _ := out.Alone(5); form.Name == Text && fmt.Sprint(other) == fmt.Sprint(as) {
			t.Errorf("the width is not a part of %v", as)
		}
		if other, _, _ := out.Alone(6); (form.Name == JSON) != (fmt.Sprint(other) == fmt.Sprint(as)) {
			t.Errorf("%s, other lists: %v and %v", form.Name, as, other)
		}
		if _, _, ok := made(t, &Printer{Out: &twice, Err: io.Discard}, "--format", form.Name, "-o", "html=x.html").Alone(); ok {
			t.Errorf("%s: alone, although it is written to a file", form.Name)
		}
		if err := out.Print(nil, errors.New("no result")); err == nil {
			t.Error("an error is lost")
		}
	}
}
