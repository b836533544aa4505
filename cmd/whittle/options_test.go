package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestOptionsAreTried: each option of each command, and each command, is in a
// script: an option that no script gives may do nothing.
func TestOptionsAreTried(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	called := regexp.MustCompile(`\bwhittle ([^\n]*)`)
	calls := map[string][]string{} // by command, the words behind it
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range called.FindAllStringSubmatch(string(text), -1) {
			for _, word := range strings.Fields(m[1]) {
				if !strings.HasPrefix(word, "-") {
					calls[word] = append(calls[word], m[1])
					break
				}
			}
		}
	}
	given := func(f *pflag.Flag, lines []string) bool {
		spelled := `(^|\s)--` + f.Name + `(=|\s|$)`
		if f.Shorthand != "" {
			spelled += `|(^|\s)-` + f.Shorthand + `(\s|$)`
		}
		return regexp.MustCompile(spelled).MatchString(strings.Join(lines, "\n"))
	}
	root := (&app{}).command()
	var all []string
	for _, lines := range calls {
		all = append(all, lines...)
	}
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !given(f, all) {
			t.Errorf("no script gives --%s to any command", f.Name)
		}
	})
	for _, c := range root.Commands() {
		if c.Name() == "help" || c.Name() == "completion" || !c.Runnable() {
			continue
		}
		if len(calls[c.Name()]) == 0 {
			t.Errorf("no script calls whittle %s", c.Name())
		}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !given(f, calls[c.Name()]) {
				t.Errorf("no script gives --%s to whittle %s", f.Name, c.Name())
			}
		})
	}
}
