package whittle_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// allowed says which of whittle's own packages each room may import; every
// room may import the nouns (the root package). docs/ARCHITECTURE.md explains
// the floors.
var allowed = map[string][]string{
	"whittle":                {},
	"pep":                    {},
	"codec":                  {},
	"chunked":                {"codec"},
	"source":                 {"codec"},
	"source/catalog":         {},
	"index":                  {"codec", "index/sha256parts"},
	"index/sha256parts":      {},
	"destination":            {"codec", "source", "tempfolder"},
	"distro":                 {},
	"python":                 {},
	"python/source":          {},
	"python/source/byname":   {},
	"python/source/presence": {},
	"python/source/search":   {},
	"python/source/spelled":  {},
	"python/source/syntax":   {},
	"python/imports":         {"python"},
	"dockerfile":             {"shell"},
	"dockerfile/history":     {},
	"dockerfile/ignore":      {},
	"shell":                  {},
	"elf":                    {},
	"manifest":               {"toml"},
	"project":                {"project/bake", "project/compose", "project/dotenv", "project/inline", "project/settings", "project/shape", "toml"},
	"project/bake":           {"project/block"},
	"project/block":          {},
	"project/compose":        {"project/block"},
	"project/dotenv":         {},
	"project/settings":       {},
	"project/shape":          {},
	"project/inline":         {"project/bake", "project/block", "project/compose"},
	"ledger":                 {},
	"rootfs":                 {"codec", "index", "ledger", "elf"},
	"squeeze":                {"chunked", "codec", "index", "ledger"},
	"keep":                   {"distro", "python"},
	"start":                  {"distro", "elf", "manifest", "python", "python/imports", "shell"},
	"deps":                   {"dockerfile", "manifest", "python"},
	"check":                  {"deps", "manifest", "python", "python/imports", "start"},
	"recipe":                 {"dockerfile", "shell"},
	"rule":                   {"rule/analysis", "rule/base", "rule/layer", "rule/distribution", "rule/sitepackages", "rule/system", "rule/ecosystem"},
	"rule/analysis":          {"distro", "recipe", "dockerfile", "python", "manifest", "edit"},
	"rule/base":              {"rule/analysis", "distro", "recipe", "dockerfile"},
	"rule/layer":             {"rule/analysis", "distro", "recipe", "dockerfile", "edit"},
	"rule/system":            {"rule/analysis", "distro", "recipe", "dockerfile", "edit"},
	"rule/ecosystem":         {"rule/analysis", "distro", "recipe", "dockerfile"},
	"rule/distribution":      {"rule/analysis", "recipe", "dockerfile", "python", "manifest", "edit"},
	"rule/toolmodel":         {}, // tests only
	"rule/sitepackages":      {"rule/analysis", "recipe", "dockerfile", "python", "manifest"},
	"pypi":                   {},
	"edit":                   {"toml"},
	"filelist":               {"distro", "python", "rootfs"},
	"toml":                   {},
	"resolve":                {"python"},
	"restage":                {"recipe", "dockerfile"},
	"forecast":               {"recipe", "dockerfile", "manifest", "python", "resolve", "restage"},
	"patch":                  {"dockerfile"},
	"build":                  {"build/buildkitd", "build/redact", "build/sent", "trace"},
	"build/redact":           {},
	"build/sent":             {},
	"build/buildkitd":        {"tempfolder"},
	"gate":                   {"project/settings", "subsequence"},
	"purl":                   {},
	"report":                 {"report/page"},
	"report/page":            {"shell"},
	"report/ci":              {"report/page"},
	"report/fleetpage":       {"fleet", "report/page"},
	"report/jsontext":        {},
	"report/html":            {"report", "report/jsontext", "report/page", "view"},
	"view":                   {},
	"progress":               {},
	"tui":                    {"report/page", "view"},
	"ready":                  {"codec", "outdir", "runs"},
	"runs":                   {"build", "start", "dockerfile", "project", "states"},
	"outdir":                 {},
	"absent":                 {"dockerfile", "dockerfile/ignore", "project", "toml"},
	"states":                 {},
	"trace":                  {},
	"series":                 {},
	"subsequence":            {},
	"relock":                 {"build", "dockerfile", "host", "manifest", "rootfs", "states"},
	"git":                    {},
	"inputs":                 {"build", "dockerfile", "project", "states"},
	"host":                   {"build", "build/buildkitd", "git", "index", "outdir", "project", "pypi", "resolve", "source"},
	"recall":                 {"host", "index", "resolve", "source"},
	"audit":                  {"build", "check", "chunked", "codec", "deps", "destination", "distro", "dockerfile", "dockerfile/history", "filelist", "gate", "git", "project/settings", "purl", "dockerfile/ignore", "elf", "host", "index", "inputs", "keep", "ledger", "outdir", "patch", "manifest", "project", "python", "recall", "resolve", "rootfs", "rule", "rule/analysis", "runs", "source", "squeeze", "start", "trace", "view"},
	"otherbases":             {"audit", "build", "distro", "forecast", "host", "python", "resolve"},
	"bench":                  {"absent", "audit", "build", "host", "inputs", "outdir", "project", "ready", "runs", "source", "states"},
	"lab":                    {"absent", "audit", "bench", "build", "dockerfile", "dockerfile/ignore", "forecast", "host", "inputs", "ledger", "otherbases", "outdir", "patch", "manifest", "project", "ready", "relock", "rule/base", "rule/distribution", "rule/sitepackages", "runs", "series", "states"},
	"flagvalue":              {},
	"memory":                 {},
	"tempfolder":             {},
	"commandline":            {},
	"database":               {},
	"history":                {"codec", "database"},
	"fleet":                  {},
	"fleet/names":            {"source/catalog"},
	"fleet/store":            {"codec", "database", "fleet"},
	"fleet/work":             {"audit", "database", "fleet/store", "host", "index", "rootfs", "source", "throttle"},
	"throttle":               {},
	"postgrestest":           {}, // tests only
	"table":                  {},
	"timeline":               {"audit", "gate", "git", "history", "host", "lab", "outdir", "project"},
	"draft":                  {"audit", "dockerfile", "ledger", "patch", "subsequence"},
	"serve":                  {"audit", "draft", "fleet/store", "history", "host", "lab", "outdir", "output", "patch", "progress", "project", "report", "report/fleetpage", "report/html", "report/jsontext", "report/page", "serve/jobs", "static", "timeline", "view"},
	"serve/jobs":             {},
	"output":                 {"audit", "commandline", "flagvalue", "host", "patch", "report/ci", "report/html", "report/jsontext", "report/page", "view"},
	"limits":                 {"audit", "build", "build/buildkitd", "dockerfile", "dockerfile/ignore", "fleet/names", "fleet/work", "index", "manifest", "project", "pypi", "resolve", "runs", "source", "source/catalog", "trace", "serve", "serve/jobs"},
	"static":                 {"audit", "dockerfile", "dockerfile/ignore", "manifest", "outdir", "patch", "project", "project/settings", "rule", "rule/analysis"},
	"cmd/whittle":            {"destination", "git", "history", "commandline", "flagvalue", "host", "audit", "lab", "limits", "memory", "output", "patch", "progress", "static", "trace", "report", "report/ci", "report/html", "report/jsontext", "report/page", "store", "table", "tempfolder", "timeline", "tui", "view", "web", "serve", "fleet", "fleet/names", "fleet/store", "fleet/work", "report/fleetpage", "source/catalog"},
}

// languages are rooms that every other may import.
var languages = []string{"dockerfile", "dockerfile/ignore", "shell", "pep", "python/source", "python/source/byname", "python/source/presence", "python/source/search", "python/source/spelled", "python/source/syntax"}

// doors are the only packages that may import a heavy library directly.
var doors = map[string][]string{
	"github.com/google/go-containerregistry":       {"source", "source/catalog"},
	"github.com/moby/moby/client":                  {"source", "build"},
	"github.com/moby/buildkit/frontend/dockerfile": {"dockerfile", "dockerfile/history", "build"},
	"github.com/moby/buildkit":                     {"build", "dockerfile", "dockerfile/history"},
	"github.com/moby/patternmatcher":               {"dockerfile/ignore", "build"},
	"github.com/klauspost/compress":                {"codec"},
	"github.com/mikelolasagasti/xz":                {"codec"},
	"github.com/vbatts/tar-split":                  {"chunked"},
	"github.com/anchore/go-rpmdb":                  {"distro"},
	"modernc.org/sqlite":                           {"distro", "database"},
	"github.com/jackc/pgx":                         {"database"},
	"github.com/pressly/goose":                     {"database"},
	"github.com/riverqueue":                        {"fleet/work"},
	"github.com/parquet-go/parquet-go":             {"table"},
	"mvdan.cc/sh":                                  {"dockerfile", "shell"},
	"github.com/spf13/cobra":                       {"cmd/whittle", "commandline", "output"},
	"github.com/package-url/packageurl-go":         {"purl"},
	"go.yaml.in/yaml":                              {"fleet/names", "manifest", "project", "project/compose", "project/settings", "project/shape"},
	"github.com/docker/buildx":                     {"project/bake"},
	"github.com/hashicorp/hcl":                     {"project/bake"},
	"github.com/zclconf/go-cty":                    {"project/bake"},
	"github.com/compose-spec/compose-go":           {"project/compose"},
	"github.com/aymanbagabas/go-udiff":             {"patch"},
	"github.com/rogpeppe/go-internal/diff":         {"patch"},
	"github.com/pelletier/go-toml":                 {"toml", "edit"},
	"charm.land/bubbletea":                         {"tui"},
	"charm.land/bubbles":                           {"tui"},
	"charm.land/lipgloss":                          {"tui"},
	"github.com/charmbracelet/x/ansi":              {"progress", "report/page", "tui"},
	"github.com/charmbracelet/colorprofile":        {"commandline"},
}

type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func TestRooms(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Standard", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		checkWalls(t, p)
		checkDoors(t, p)
	}
}

// roomOf is the room of an import path: "whittle" for the root, and whether it
// is one of this module.
func roomOf(imported string) (string, bool) {
	const module = "whittle.dev/whittle"
	if imported == module {
		return "whittle", true
	}
	room, own := strings.CutPrefix(imported, module+"/")
	return strings.TrimPrefix(room, "internal/"), own
}

// serves says whether a room is for tests and scripts only.
func serves(room string) bool {
	return strings.HasPrefix(room, "imagetest") || strings.HasPrefix(room, "scripts/")
}

func checkWalls(t *testing.T, p listed) {
	room, _ := roomOf(p.ImportPath)
	rooms, known := allowed[room]
	if !known {
		if !serves(room) {
			t.Errorf("%s is a room that the house does not know: add it to rooms_test.go and docs/ARCHITECTURE.md", room)
		}
		return
	}
	for _, imp := range p.Imports {
		to, own := roomOf(imp)
		switch {
		case !own && room == "whittle" && strings.Contains(strings.Split(imp, "/")[0], "."):
			t.Errorf("whittle → %s: the nouns import the standard library only", imp)
		case own && to != "whittle" && !slices.Contains(rooms, to) && !slices.Contains(languages, to):
			t.Errorf("%s → %s: this wall has no door", room, to)
		}
	}
}

func checkDoors(t *testing.T, p listed) {
	room, _ := roomOf(p.ImportPath)
	if serves(room) {
		return
	}
	for _, imp := range p.Imports {
		for lib, through := range doors {
			if imp != lib && !strings.HasPrefix(imp, lib+"/") {
				continue
			}
			ok := false
			for _, d := range through {
				ok = ok || d == room
			}
			if !ok {
				t.Errorf("%s → %s: only %s may import it", room, imp, strings.Join(through, " and "))
			}
		}
	}
}

// maxMethods is the most methods that a receiver has, maxLines the most lines
// that a package has, without its tests. What has more is to be parted.
const (
	maxMethods = 40
	maxLines   = 4500
)

// larger are the packages that have more lines, and how many they may have:
// what they are, rounded up. They only become smaller.
var larger = map[string]int{
	"internal/source": 4800, // until writing to engines and registries has a room of its own
}

func TestSizes(t *testing.T) {
	lines, methods := map[string]int{}, map[string]int{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && name != "." && (strings.HasPrefix(e.Name(), ".") || e.Name() == "testdata"):
			return fs.SkipDir
		case e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		room := path.Dir(filepath.ToSlash(name))
		lines[room] += fset.File(f.Pos()).LineCount()
		for _, d := range f.Decls {
			if r := receiver(d); r != "" {
				methods[room+": "+r]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines["."] == 0 || methods["internal/python: Tree"] == 0 {
		t.Fatal("the packages were not found")
	}
	for name, n := range methods {
		if n > maxMethods {
			t.Errorf("%s has %d methods, more than %d: part what it does", name, n, maxMethods)
		}
	}
	for room, n := range lines {
		switch most, ok := larger[room]; {
		case ok && n <= maxLines:
			t.Errorf("%s has %d lines: take it out of the list of larger packages", room, n)
		case n > max(most, maxLines):
			t.Errorf("%s has %d lines without its tests, more than %d: part it", room, n, max(most, maxLines))
		}
	}
	for room := range larger {
		if lines[room] == 0 {
			t.Errorf("%s is no package: take it out of the list of larger packages", room)
		}
	}
}

// receiver is the type that a declaration is a method of, "" if it is none.
func receiver(d ast.Decl) string {
	f, ok := d.(*ast.FuncDecl)
	if !ok || f.Recv == nil || len(f.Recv.List) == 0 {
		return ""
	}
	at := f.Recv.List[0].Type
	for {
		switch x := at.(type) {
		case *ast.StarExpr:
			at = x.X
		case *ast.IndexExpr:
			at = x.X
		case *ast.IndexListExpr:
			at = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// The engine is built in a module of its own: the client here and the daemon
// there have to be of one version.
func TestOneBuildKit(t *testing.T) {
	version := func(file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`github\.com/moby/buildkit (v\S+)`).FindSubmatch(b)
		if m == nil {
			t.Fatalf("%s requires no github.com/moby/buildkit", file)
		}
		return string(m[1])
	}
	client, daemon := version("go.mod"), version("tools/buildkitd/go.mod")
	if client != daemon {
		t.Errorf("go.mod has buildkit %s, tools/buildkitd/go.mod %s: make both the newer one", client, daemon)
	}
}
