package distro

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	rpmdb "github.com/anchore/go-rpmdb/pkg"
	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// everything is a root in which every file is there, so that a reader's claims
// are all that its database names.
type everything struct{ imagetest.Root }

func (everything) Lstat(p string) (whittle.Entry, error) {
	return whittle.Entry{Path: p, Kind: whittle.File}, nil
}

// TestRPMLibrary compares with a library that reads rpm databases, on the
// databases of distributions that it is tested with itself: three formats, two
// byte orders, 2007 to 2024. All 18 were compared once; those over 8 MB are
// skipped to save time.
func TestRPMLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 30 MB of databases")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anchore/go-rpmdb").Output()
	if err != nil {
		t.Skipf("the library's folder is not known: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "pkg", "testdata", "*", "*"))
	if err != nil || len(files) == 0 {
		t.Skip("the library has no databases")
	}
	formats := map[string]int{}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Size() > 8<<20 {
			continue
		}
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			want, ok := libraryPackages(t, file)
			if !ok {
				t.Skip("the library does not read it either")
			}
			formats[filepath.Base(file)]++
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][]string{}
			g := &gatherer{r: newResolver(everything{})}
			err = rpmHeaders(context.Background(), content, nil, func(header []byte) error {
				h, err := parseHeader(header)
				if err != nil {
					return err
				}
				delete(h.tags, tagFileStates) // the library does not read them
				p, err := g.rpmPackage(h)
				got[p.String()] = append(append(got[p.String()], p.Files...), marked("provides", p.Provides)...)
				for _, names := range p.Depends {
					got[p.String()] = append(got[p.String()], marked("requires", names)...)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.Transformer("set", set)); diff != "" {
				t.Errorf("packages (-library +got):\n%.3000s", diff)
			}
		})
	}
	t.Logf("databases compared: %v", formats)
}

func set(all []string) map[string]bool {
	m := map[string]bool{}
	for _, s := range all {
		m[s] = true
	}
	return m
}

func libraryPackages(t *testing.T, file string) (map[string][]string, bool) {
	t.Helper()
	db, err := rpmdb.Open(file)
	if err != nil {
		return nil, false
	}
	packages, err := db.ListPackages()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, p := range packages {
		o := whittle.Owner{Name: p.Name, Version: p.Version + "-" + p.Release}
		if e := p.EpochNum(); e != 0 {
			o.Version = strconv.Itoa(e) + ":" + o.Version
		}
		names, err := p.InstalledFileNames()
		if err != nil {
			t.Fatal(err)
		}
		list := out[o.String()]
		for _, n := range names {
			if clean, err := whittle.CleanPath(n); err == nil && clean != "." {
				list = append(list, clean)
			}
		}
		list = append(list, marked("provides", p.Provides)...)
		for _, names := range rpmRelations(p.Requires) {
			list = append(list, marked("requires", names)...)
		}
		out[o.String()] = list
	}
	return out, true
}

// marked are names with a word before each.
func marked(word string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = word + " " + n
	}
	return out
}
