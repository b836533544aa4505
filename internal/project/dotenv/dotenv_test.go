package dotenv

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

func lookupIn(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

// TestHidden: no error shows a value.
func TestHidden(t *testing.T) {
	for _, bad := range []string{"geheim", "A='geheim", "1=geheim", "A=b\n=geheim"} {
		if _, err := Parse([]byte(bad), os.LookupEnv); (err == nil) != (bad == "geheim") || err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestBounds: what refers to what refers to it doubles at each line, and ends in an
// error; no value has a NUL byte, which no program can be given.
func TestBounds(t *testing.T) {
	doubling := "A0=xxxxxxxx\n" + imagetest.Lines(40, "A%[1]d=$A$A\nA=$A%[1]d\n")
	long := lookupIn(map[string]string{"LONG": strings.Repeat("x", MaxValue)})
	for text, want := range map[string]string{
		doubling:                            "longer than",
		"A=\"x\x00y\"":                      "1: A: the value has a NUL byte",
		imagetest.Lines(100, "A%d=$LONG\n"): "more than",
		imagetest.Lines(3, "A=\nA%d='\n'\n") + "=": "10: not NAME=value",
	} {
		if _, err := Parse([]byte(text), long); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "xx") {
			t.Errorf("%.40q: %.200v, want %s", text, err, want)
		}
	}
}

// FuzzParse: what is read has names of variables and values that a program
// can be given, in bounds; no error shows a value; written anew in single quotes
// it is read as the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"A=b\nexport B='c'\nC=\"d\ne\"\n", "A=${B:-c}$A\nA=$A$A\n", "\ufeffA=b # c\r\n#\nB\n", "A='\n=", "A=\"\\\"\n\\$B\" x\nB=\x00", "export =", "A=${A:-${A}}$$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := Parse([]byte(text), lookupIn(map[string]string{"B": "s3cret"}))
		if err != nil {
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "s3cret") && !strings.Contains(text, "s3cret") || !errors.Is(err, whittle.ErrUsage) {
				t.Errorf("%q", err)
			}
			return
		}
		var again strings.Builder
		size := 0
		for _, v := range all {
			size += len(v.Value)
			if !variableName.MatchString(v.Name) || strings.Contains(v.Value, "\x00") || len(v.Value) > MaxValue || size > MaxEnvironment {
				t.Fatalf("%q=%q", v.Name, v.Value)
			}
			if strings.ContainsAny(v.Value, "'\r") {
				return
			}
			again.WriteString(v.Name + "='" + v.Value + "'\n")
		}
		if back, err := Parse([]byte(again.String()), lookupIn(nil)); err != nil || !slices.Equal(back, all) {
			t.Errorf("%+v written anew %q: %+v, %v", all, again.String(), back, err)
		}
	})
}

// FuzzInterpolate: a text without a dollar sign stays, one whose dollars are
// doubled gives itself, what a variable holds is not read again, and the value
// is no longer than its bound.
func FuzzInterpolate(f *testing.F) {
	for _, seed := range []string{"a", "$A${A}", "${B:-x}${B:+y}${B-z}${A+w}", "$$A", "${A", "${B:-${A}}", "${A:?m}", "$${A}$", "${:-}"} {
		f.Add(seed, "$A")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		got, hidden, err := Interpolate(text, lookupIn(map[string]string{"A": value}))
		if err != nil && (!errors.Is(err, whittle.ErrUsage) || strings.Contains(err.Error(), "\n")) || len(got) > MaxValue {
			t.Errorf("%q of %d bytes, %v", got, len(got), err)
		}
		if !strings.Contains(text, "$") && (got != text || hidden || err != nil) && len(text) <= MaxValue {
			t.Errorf("%q is %q, %v", text, got, err)
		}
		if got, hidden, err := Interpolate(strings.ReplaceAll(text, "$", "$$"), lookupIn(nil)); (got != text || hidden || err != nil) && len(text) <= MaxValue {
			t.Errorf("%q doubled is %q, %v", text, got, err)
		}
		if got, hidden, err := Interpolate("<${A}>", lookupIn(map[string]string{"A": value})); len(value) < MaxValue-2 && (got != "<"+value+">" || !hidden || err != nil) {
			t.Errorf("a value %q gives %q, %v", value, got, err)
		}
	})
}
