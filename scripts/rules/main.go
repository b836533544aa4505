// Command rules makes the pages of docs/reference/rules and docs/reference/checks from the rules and
// the checks themselves, and docs/explanation/loaded-by-name.md from its table:
//
//	go run ./scripts/rules       # says which pages are out of date, and fails
//	go run ./scripts/rules -w    # writes them, and removes those of rules and checks that no longer exist
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/rule"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("rules: ")
	write := flag.Bool("w", false, "write the pages")
	dir := flag.String("dir", "docs/reference", "folder of the folders of the pages")
	flag.Parse()
	rules, err := render(rule.All())
	if err != nil {
		log.Fatal(err)
	}
	checks, err := renderChecks(check.All())
	if err != nil {
		log.Fatal(err)
	}
	do, doLoaded := compare, compareLoaded
	if *write {
		do, doLoaded = save, saveLoaded
	}
	if err := errors.Join(do(filepath.Join(*dir, "rules"), rules), do(filepath.Join(*dir, "checks"), checks), doLoaded(filepath.Join(*dir, "../explanation"))); err != nil {
		log.Fatal(err)
	}
}

// save makes a folder hold the pages and no others.
func save(dir string, pages map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := read(dir)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if pages[name] == nil {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if err := os.WriteFile(filepath.Join(dir, name), pages[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare fails where a folder does not hold the pages and no others. The
// error has a line for each that differs, and the command to run.
func compare(dir string, pages map[string][]byte) error {
	old, err := read(dir)
	if err != nil {
		return err
	}
	all := maps.Clone(pages)
	maps.Copy(all, old)
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path := filepath.ToSlash(filepath.Join(dir, name))
		switch is, want := old[name], pages[name]; {
		case is == nil:
			wrong = append(wrong, fmt.Errorf("%s is missing", path))
		case want == nil:
			wrong = append(wrong, fmt.Errorf("%s is of no rule", path))
		case !bytes.Equal(is, want):
			wrong = append(wrong, fmt.Errorf("%s:%d is not what the rule says", path, differs(is, want)))
		}
	}
	if len(wrong) > 0 {
		wrong = append(wrong, errors.New("to make them again: go run ./scripts/rules -w"))
	}
	return errors.Join(wrong...)
}

// read has the pages that stand in a folder, by name; none where it is not
// there.
func read(dir string) (map[string][]byte, error) {
	pages := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return pages, nil
	} else if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".md" {
			continue
		}
		if pages[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// differs is the first line, counted from 1, in which two pages differ.
func differs(a, b []byte) int {
	as, bs := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	n := 0
	for n < min(len(as), len(bs)) && bytes.Equal(as[n], bs[n]) {
		n++
	}
	return n + 1
}
