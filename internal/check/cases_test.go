package check_test

import (
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/python"
)

// TestCases: each check of the table finds its problem in one image and not in
// another that is nearly the same. No group reports a kind that it does not
// name, and no check is worse than it says. The cases are
// testdata/cases/ID_fires.txtar and ID_not.txtar; there are no others.
func TestCases(t *testing.T) {
	worst, cases := map[string]whittle.Severity{}, map[string]bool{}
	for _, c := range check.All() {
		worst[c.ID] = c.Severity
	}
	for id := range worst {
		for _, kind := range []string{"fires", "not"} {
			cases[id+"_"+kind+".txtar"] = true
			t.Run(id+"_"+kind, func(t *testing.T) {
				b, err := os.ReadFile(filepath.Join("testdata", "cases", id+"_"+kind+".txtar"))
				if err != nil {
					t.Fatal(err)
				}
				img := caseOf(t, b)
				found, err := check.Run(t.Context(), img)
				if err != nil {
					t.Fatal(err)
				}
				fired := false
				for _, p := range found.Problems {
					fired = fired || p.Rule == id
					if p.Severity.Rank() < worst[p.Rule].Rank() {
						t.Errorf("%s %s is worse than the check says of itself", p.Severity, p.Rule)
					}
				}
				if fired != (kind == "fires") {
					t.Errorf("fired: %v; %+v, unknown %q", fired, found.Problems, found.Unknown)
				}
				for _, p := range check.Strays(img) {
					t.Errorf("%s is reported by a group that does not name it: %s", p.Rule, p.Message)
				}
			})
		}
	}
	files, err := os.ReadDir(filepath.Join("testdata", "cases"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !cases[f.Name()] {
			t.Errorf("%s is the case of no check", f.Name())
		}
	}
}

// caseOf is the image of a case. Its files are added to those of [site] (a
// Python in /usr/local and /app/main.py), and those of project/ are the
// project's. Its comment has one setting on each line; WORKDIR is /app:
//
//	run WORD…               the command
//	user NAME               USER
//	env NAME=VALUE          ENV
//	health WORD…            the health check
//	mode PATH OCTAL         a mode other than 0755; all files are root's
//	elf PATH KEY=VALUE…     a binary, see [binary]
func caseOf(t *testing.T, b []byte) *check.Image {
	t.Helper()
	a := txtar.Parse(b)
	files, folder := map[string]string{}, fstest.MapFS{}
	for _, f := range a.Files {
		if p, ok := strings.CutPrefix(f.Name, "project/"); ok {
			folder[p] = &fstest.MapFile{Data: f.Data}
		} else {
			files[f.Name] = string(f.Data)
		}
	}
	process := whittle.Process{WorkingDir: "/app"}
	binaries, modes := map[string]*elf.File{}, map[string]uint32{}
	for line := range strings.Lines(string(a.Comment)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch words := strings.Fields(rest); word {
		case "run":
			process.Cmd = words
		case "user":
			process.User = rest
		case "env":
			process.Env = append(process.Env, rest)
		case "health":
			process.Healthcheck = &whittle.Healthcheck{Test: append([]string{"CMD"}, words...)}
		case "mode":
			mode, err := strconv.ParseUint(words[1], 8, 32)
			if err != nil {
				t.Fatal(err)
			}
			modes[words[0]] = uint32(mode)
		case "elf":
			binaries[words[0]] = binary(words[1:])
			files[words[0]] = "\x7fELF"
		default:
			t.Fatalf("setting %q", line)
		}
	}
	img := imageOf(files, process)
	known := img.Binaries
	img.Binaries = func(p string) (*elf.File, bool) {
		if f, ok := binaries[p]; ok {
			return f, true
		}
		return known(p)
	}
	img.Root = withModes{img.Root, modes}
	img.Distributions, _ = python.Distributions(t.Context(), img.Root)
	if len(folder) > 0 {
		declared, err := manifest.ReadDeclared(folder)
		if err != nil {
			t.Fatal(err)
		}
		img.Project, img.Folder = declared, folder
	}
	return img
}

// binary is an ELF file by its settings.
func binary(words []string) *elf.File {
	f := &elf.File{Machine: elf.MachineOf("amd64"), Dynamic: true}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "machine":
			f.Machine = elf.MachineOf(value)
		case "needs":
			f.Needed = strings.Split(value, ",")
		case "loader":
			f.Interp = value
		}
	}
	return f
}

// withModes is a root some of whose files have other modes.
type withModes struct {
	whittle.Root
	modes map[string]uint32
}

func (r withModes) Lstat(p string) (whittle.Entry, error) {
	e, err := r.Root.Lstat(p)
	if mode, ok := r.modes[path.Clean(p)]; ok {
		e.Mode = mode
	}
	return e, err
}
