package serve

import (
	"context"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
)

// projectRow is a project that can be chosen.
type projectRow struct {
	Dir string
	// Files are its Dockerfiles, and Images those that its last study has built.
	Files  []dockerfileRow
	Images []string
	// Problem is why it cannot be built.
	Problem string
}

// dockerfileRow is a Dockerfile of a project that can be edited.
type dockerfileRow struct {
	// Name is the file with its project's folder: it identifies the file on the page.
	Name string
	// Dir is the project's folder as it was named, and abs as the system has it.
	Dir, abs string
	// Variants are built of it; the first one's image is what predictions start from.
	Variants []project.Variant
	// Image is that of the last study, empty if there is none.
	Image string
}

// projectOf reads a project's folder.
func projectOf(ctx context.Context, dir string) projectRow {
	row := projectRow{Dir: dir}
	images := filepath.Join(dir, outdir.Name, "images")
	entries, _ := fs.ReadDir(whittle.Folder(images), ".") // without a study there are none
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tar") && e.Type().IsRegular() {
			row.Images = append(row.Images, filepath.Join(images, e.Name()))
		}
	}
	p, err := project.LoadWith(ctx, dir, "", project.Outside{})
	if err != nil {
		row.Problem = whittle.OneLine(err.Error())
		return row
	}
	for _, v := range p.Variants {
		if v.Inline != nil || !filepath.IsLocal(filepath.FromSlash(v.Dockerfile)) {
			continue // its text is in another file, or outside the project
		}
		name := path.Join(filepath.ToSlash(filepath.Clean(dir)), v.Dockerfile)
		i := slices.IndexFunc(row.Files, func(f dockerfileRow) bool { return f.Name == name })
		if i < 0 {
			i = len(row.Files)
			row.Files = append(row.Files, dockerfileRow{Name: name, Dir: dir, abs: p.Dir})
		}
		f := &row.Files[i]
		f.Variants = append(f.Variants, v)
		if image := filepath.Join(images, v.Name+".tar"); f.Image == "" && slices.Contains(row.Images, image) {
			f.Image = image
		}
	}
	return row
}

// dockerfile finds a Dockerfile of a project by its name on the page. No other file can be
// read or written.
func (s *Server) dockerfile(ctx context.Context, name string) (*dockerfileRow, error) {
	for _, dir := range s.o.Projects {
		row := projectOf(ctx, dir)
		for i := range row.Files {
			if row.Files[i].Name == name {
				return &row.Files[i], nil
			}
		}
	}
	return nil, whittle.WithHint(whittle.ErrNotFound.Errorf("%s is no Dockerfile of the projects that are served", name), "name its project: whittle serve DIR")
}

// file is the name of the Dockerfile in its project.
func (f *dockerfileRow) file() string { return f.Variants[0].Dockerfile }

// read is the text as it is on the disk.
func (f *dockerfileRow) read() ([]byte, error) {
	return whittle.Folder(f.abs).ReadFile(f.file())
}

// variants are the names of what is built of it.
func (f *dockerfileRow) variants() (out []string) {
	for _, v := range f.Variants {
		out = append(out, v.Name)
	}
	return out
}
