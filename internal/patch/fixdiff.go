package patch

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// FixDiff is what a fix changes in the files of a folder, as unified diffs. They
// have to be those that it was made for. dockerfile is the one of them that is a
// Dockerfile.
func FixDiff(dir, dockerfile string, fix *whittle.Fix) (string, error) {
	files := map[string][]byte{}
	for _, p := range fix.Patches {
		text, err := readOf(dir, p.File)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is made
		}
		if err != nil {
			return "", whittle.ErrUsage.Errorf("reading what the fix %q changes: %w", fix.Title, err)
		}
		files[p.File] = text
	}
	after, conflicts, err := Merge(files, []string{dockerfile}, []*whittle.Fix{fix})
	if err != nil {
		return "", err
	}
	if len(conflicts) > 0 {
		return "", whittle.ErrUsage.Errorf("the fix %q cannot be made: %s", fix.Title, conflicts[0].Reason)
	}
	var out strings.Builder
	for _, c := range Changes(files, after) {
		out.WriteString(c.Diff)
	}
	if len(fix.Remake) > 0 {
		out.WriteString("and made again by their tools: " + strings.Join(slices.Sorted(slices.Values(fix.Remake)), ", ") + "\n")
	}
	return out.String(), nil
}

// readOf reads a file of a folder. A name that leads out of it is one that the
// user has typed.
func readOf(dir, name string) ([]byte, error) {
	if at := filepath.FromSlash(name); !filepath.IsLocal(at) {
		if !filepath.IsAbs(at) {
			at = filepath.Join(dir, at)
		}
		return whittle.ReadFile(at, whittle.MaxText)
	}
	return whittle.Folder(dir).ReadFile(name)
}
