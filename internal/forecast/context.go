package forecast

import (
	"io/fs"
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/manifest"
)

// ContextFiles are the sizes of the files in the build context, by path.
func ContextFiles(dir string, excluded *ignore.File) (map[string]int64, error) {
	out := map[string]int64{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if excluded.Excludes(rel) {
			return nil
		}
		info, err := d.Info()
		if err == nil {
			out[rel] = info.Size()
		}
		return err
	})
	if err != nil {
		return nil, whittle.ErrUsage.Errorf("reading the build context: %w", err)
	}
	return out, nil
}

// RequirementTexts are the requirements files that a project's declarations
// were read from.
func RequirementTexts(dir string, declared *manifest.Declared) (map[string][]byte, error) {
	out := map[string][]byte{}
	if declared == nil {
		return out, nil
	}
	for _, name := range declared.Files {
		if !strings.HasSuffix(name, ".txt") || !filepath.IsLocal(filepath.FromSlash(name)) {
			continue
		}
		text, err := whittle.Folder(dir).ReadFile(name)
		if err != nil {
			return nil, whittle.ErrUsage.Errorf("reading %s: %w", name, err)
		}
		out[name] = text
	}
	return out, nil
}
