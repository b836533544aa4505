package distro

import (
	"context"
	"errors"
	"path"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// owned is a claim without its evidence, for tables.
type owned struct {
	Owner string
	Paths string
}

func claimsOf(t *testing.T, root imagetest.Root) []owned {
	t.Helper()
	packages, problems := Read(context.Background(), root)
	claims := Claims(packages)
	for _, p := range problems {
		t.Errorf("problem: %v", p)
	}
	var out []owned
	for _, c := range claims {
		sort.Strings(c.Paths)
		out = append(out, owned{c.Owner.Ecosystem + " " + c.Owner.String(), strings.Join(c.Paths, " ")})
	}
	return out
}

func TestClaims(t *testing.T) {
	for _, tc := range []struct {
		name string
		root imagetest.Root
		want []owned
	}{
		{"no database", imagetest.Root{"etc/passwd": ""}, nil},
		{"dpkg: merged /usr, architecture in the list's name, removed package", imagetest.Root{
			"var/lib/dpkg/status": "Package: base\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\nDescription: x\n more: text\n\n" +
				"Package: libz\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n\n" +
				"Package: gone\nStatus: deinstall ok config-files\nVersion: 3\n",
			"var/lib/dpkg/info/base.list":       "/.\n/bin\n/bin/ls\n/etc\n/etc/base.conf\n/missing\n",
			"var/lib/dpkg/info/libz:amd64.list": "/lib/x/libz.so.1\n",
			"var/lib/dpkg/info/gone.list":       "/etc/base.conf\n",
			"bin":                               "-> usr/bin", "lib": "-> /usr/lib",
			"usr/bin/ls": "elf", "usr/lib/x/libz.so.1": "-> libz.so.1.3", "etc/base.conf": "a",
		}, []owned{{"deb base 1.0", "bin etc/base.conf usr/bin/ls var/lib/dpkg/info/base.list"}, {"deb libz 2", "usr/lib/x/libz.so.1 var/lib/dpkg/info/libz:amd64.list"}}},
		{"dpkg: diversion", imagetest.Root{
			"var/lib/dpkg/status":         "Package: dash\nStatus: install ok installed\nVersion: 1\n",
			"var/lib/dpkg/info/dash.list": "/bin/sh\n",
			"var/lib/dpkg/diversions":     "/bin/sh\n/bin/sh.distrib\nbash\n",
			"bin/sh":                      "bash", "bin/sh.distrib": "dash",
		}, []owned{{"deb dash 1", "bin/sh.distrib var/lib/dpkg/info/dash.list"}}},
		{"distroless", imagetest.Root{
			"var/lib/dpkg/status.d/tzdata":         "Package: tzdata\nVersion: 2025b\n",
			"var/lib/dpkg/status.d/tzdata.md5sums": "0123  usr/share/zoneinfo/UTC\n0123  usr/share/gone\n",
			"usr/share/zoneinfo/UTC":               "TZif",
		}, []owned{{"deb tzdata 2025b", "usr/share/zoneinfo/UTC var/lib/dpkg/status.d/tzdata var/lib/dpkg/status.d/tzdata.md5sums"}}},
		{"apk", imagetest.Root{
			"lib/apk/db/installed":    "C:Q1\nP:musl\nV:1.2.5-r0\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\nF:usr\nF:usr/bin\nR:ldd\n\nP:empty\nV:1\n\n",
			"lib/ld-musl-x86_64.so.1": "elf", "usr/bin/ldd": "x",
		}, []owned{{"apk musl 1.2.5-r0", "lib/ld-musl-x86_64.so.1 usr/bin/ldd"}, {"apk empty 1", ""}}},
		{"npm: nested and scoped", imagetest.Root{
			"app/node_modules/a/package.json":                `{"name":"a","version":"1.0.0"}`,
			"app/node_modules/a/index.js":                    "",
			"app/node_modules/a/lib/package.json":            `{"type":"module"}`,
			"app/node_modules/a/node_modules/b/package.json": `{"name":"b","version":"2.0.0"}`,
			"app/node_modules/@scope/c/package.json":         `not json`,
			"app/node_modules/@scope/c/x.js":                 "",
			"app/node_modules/.bin/a":                        "-> ../a/index.js",
			"app/index.js":                                   "",
		}, []owned{
			{"npm @scope/c", "app/node_modules/@scope/c/package.json app/node_modules/@scope/c/x.js"},
			{"npm a 1.0.0", "app/node_modules/a/index.js app/node_modules/a/lib/package.json app/node_modules/a/package.json"},
			{"npm b 2.0.0", "app/node_modules/a/node_modules/b/package.json"},
		}},
		{"conda", imagetest.Root{
			"opt/conda/conda-meta/numpy-2.json": `{"name":"numpy","version":"2.0","files":["lib/numpy.so","../../../etc/passwd"]}`,
			"opt/conda/conda-meta/sly-1.json":   `{"name":"sly","version":"1","files":["../../etc/shadow"]}`,
			"opt/conda/conda-meta/state.json":   `[]`,
			"opt/conda/lib/numpy.so":            "elf", "etc/shadow": "x",
		}, []owned{{"conda numpy 2.0", "opt/conda/conda-meta/numpy-2.json opt/conda/lib/numpy.so"}, {"conda sly 1", "opt/conda/conda-meta/sly-1.json"}}},
		{"dpkg: states, no list but checksums, what a terminal would obey", imagetest.Root{
			"var/lib/dpkg/status": "Package: half\nStatus: install ok half-installed\nVersion: 1\n\n" +
				"Package: waits\nStatus: install ok triggers-awaited\nVersion: 2\n\n" +
				"Package: red\x1b[31m\nStatus: install ok installed\nVersion: 3\n",
			"var/lib/dpkg/info/half.list": "/etc/half\n", "var/lib/dpkg/info/waits.md5sums": "0123  etc/waits\n",
			"etc/half": "", "etc/waits": "",
		}, []owned{{"deb waits 2", "etc/waits var/lib/dpkg/info/waits.md5sums"}, {"deb red\ufffd[31m 3", ""}}},
		{"dpkg: a deep path below a link, links through links", imagetest.Root{
			"var/lib/dpkg/status":      "Package: a\nStatus: install ok installed\nVersion: 1\n",
			"var/lib/dpkg/info/a.list": "/lib/" + strings.Repeat("d/", 60) + "f\n/opt/app/x\n/../../etc/y\n/opt/up/z\n",
			"lib":                      "-> usr/lib", "usr/lib/" + strings.Repeat("d/", 60) + "f": "",
			"opt": "-> srv/opt", "srv/opt/app": "-> ../apps/./v1", "srv/apps/v1/x": "",
			"srv/opt/up": "-> ../../../../..", "z": "", "etc/y": "",
		}, []owned{{"deb a 1", "srv/apps/v1/x usr/lib/" + strings.Repeat("d/", 60) + "f var/lib/dpkg/info/a.list z"}}},
		{"apk in the new folder, below a merged /usr", imagetest.Root{
			"usr/lib/apk/db/installed": "P:busybox\nV:1.37\nF:bin\nR:sh\n", "bin": "-> usr/bin", "usr/bin/sh": "",
		}, []owned{{"apk busybox 1.37", "usr/bin/sh"}}},
		{"pacman", imagetest.Root{
			"var/lib/pacman/local/zlib-1:1.3-2/desc":  "%NAME%\nzlib\n\n%VERSION%\n1:1.3-2\n\n",
			"var/lib/pacman/local/zlib-1:1.3-2/files": "%FILES%\nusr/\nusr/lib/\nusr/lib/libz.so\nlib/libz.so.1\nusr/gone\n\n%BACKUP%\netc/zlib.conf\t0123\n",
			"var/lib/pacman/local/ALPM_DB_VERSION":    "9\n",
			"usr/lib/libz.so":                         "-> libz.so.1", "usr/lib/libz.so.1": "elf", "lib": "-> usr/lib", "etc/zlib.conf": "",
		}, []owned{{"alpm zlib 1:1.3-2", "usr/lib/libz.so usr/lib/libz.so.1 var/lib/pacman/local/zlib-1:1.3-2/desc var/lib/pacman/local/zlib-1:1.3-2/files"}}},
		{"symlinks in a loop", imagetest.Root{
			"var/lib/dpkg/status":      "Package: a\nStatus: install ok installed\nVersion: 1\n",
			"var/lib/dpkg/info/a.list": "/x/y\n/x/y/z\n", "x": "-> w", "w": "-> x",
		}, []owned{{"deb a 1", "var/lib/dpkg/info/a.list"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, claimsOf(t, tc.root)); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLimits: a database that is made to cost memory is refused by name.
func TestLimits(t *testing.T) {
	for name, root := range map[string]imagetest.Root{
		"var/lib/dpkg/status":      {"var/lib/dpkg/status": strings.Repeat("a\n", maxStanzaLines+1)},
		"lib/apk/db/installed":     {"lib/apk/db/installed": "P:" + strings.Repeat("x", maxLine)},
		"conda-meta/a.json":        {"opt/conda-meta/a.json": strings.Repeat(" ", maxRecord+1)},
		"var/lib/dpkg/status.d/a":  {"var/lib/dpkg/status.d/a": strings.Repeat("\n", maxRecord+1)},
		"var/lib/dpkg/info/a.list": {"var/lib/dpkg/status": "Package: a\nStatus: install ok installed\n", "var/lib/dpkg/info/a.list": strings.Repeat("\n", maxRecord+1)},
	} {
		claims, problems := Read(context.Background(), root)
		if len(claims) != 0 || len(problems) != 1 || !errors.Is(problems[0], whittle.ErrLimit) || !strings.Contains(problems[0].Error(), name) {
			t.Errorf("%s: %d claims, problems %.200v; want one limit that names it", name, len(claims), problems)
		}
	}
	g := &gatherer{r: newResolver(imagetest.Root{}), evidence: "x", named: maxFiles}
	if err := g.add(&Installed{}, "y"); !errors.Is(err, whittle.ErrLimit) {
		t.Errorf("one file too many: %v", err)
	}
}

// TestDatabase: what the readers read is what is kept for them.
func TestDatabase(t *testing.T) {
	for p, want := range map[string]bool{
		"var/lib/dpkg/status": true, "var/lib/dpkg/info/a.list": true, "var/lib/dpkg/info/a.postinst": false,
		"var/lib/dpkg/status.d/tzdata": true, "lib/apk/db/installed": true, "var/lib/rpm/rpmdb.sqlite": true,
		"app/node_modules/a/package.json": true, "app/node_modules/a/lib/package.json": false, "app/package.json": false,
		"opt/conda/conda-meta/x.json": true, "usr/bin/ls": false,
	} {
		if got := Database(p); got != want {
			t.Errorf("Database(%q) = %v, want %v", p, got, want)
		}
	}
}

// TestGarbage: a damaged database costs its own claims only.
func TestGarbage(t *testing.T) {
	root := imagetest.Root{
		"var/lib/rpm/rpmdb.sqlite": "SQLite format 3\x00garbage",
		"lib/apk/db/installed":     "P:musl\nV:1\nF:lib\nR:x\n", "lib/x": "",
		"var/lib/dpkg/status": strings.Repeat("x", maxLine+1),
	}
	claims, problems := Read(context.Background(), root)
	if len(claims) != 1 || claims[0].Name != "musl" {
		t.Errorf("claims %+v, want those of apk", claims)
	}
	if len(problems) != 2 || !errors.Is(problems[0], whittle.ErrLimit) || !errors.Is(problems[1], whittle.ErrCorrupt) {
		t.Errorf("problems %v, want a limit of dpkg's status and a damaged rpm database", problems)
	}
}

func FuzzDatabases(f *testing.F) {
	f.Add("Package: a\nStatus: install ok installed\n", "P:a\nF:x\nR:y\n", "/a\n/b\n")
	f.Fuzz(func(t *testing.T, status, apk, list string) {
		root := imagetest.Root{"var/lib/dpkg/status": status, "lib/apk/db/installed": apk, "var/lib/dpkg/info/a.list": list, "var/lib/dpkg/status.d/x": status,
			"var/lib/apt/extended_states": status, "var/lib/pacman/local/a/desc": status, "var/lib/pacman/local/a/files": list, "etc/apk/world": list, "etc/passwd": list, "etc/group": apk,
			"app/node_modules/a/package.json": apk, "x/conda-meta/a.json": list}
		ReadAccounts(root)
		claims, _ := Read(context.Background(), root)
		for _, c := range claims {
			for _, p := range c.Files {
				if _, err := root.Lstat(p); err != nil {
					t.Errorf("%s claims %q, which is not there", c.Owner, p)
				}
			}
		}
	})
}

// related is what a package has beside its files, for tables.
type related struct {
	Package             string
	Reason              Reason
	Depends, Recommends [][]string
	Provides            []string
}

func TestRelations(t *testing.T) {
	for _, tc := range []struct {
		name string
		root imagetest.Root
		want []related
	}{
		{"dpkg, with what apt notes", imagetest.Root{
			"var/lib/dpkg/status": "Package: git\nStatus: install ok installed\nVersion: 1\nPre-Depends: init\nDepends: libc6 (>= 2.36), perl:any,\n mta | mail-transport-agent\nRecommends: less\n\n" +
				"Package: exim\nStatus: install ok installed\nVersion: 2\nProvides: mail-transport-agent, mta (= 1)\n",
			"var/lib/apt/extended_states": "Package: exim\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: git\nAuto-Installed: 0\n",
		}, []related{
			{"git 1", Requested, [][]string{{"libc6"}, {"perl"}, {"mta", "mail-transport-agent"}, {"init"}}, [][]string{{"less"}}, nil},
			{"exim 2", Automatic, nil, nil, []string{"mail-transport-agent", "mta"}},
		}},
		{"dpkg, without", imagetest.Root{"var/lib/dpkg/status": "Package: a\nStatus: install ok installed\nVersion: 1\n"}, []related{{"a 1", ReasonUnknown, nil, nil, nil}}},
		{"distroless", imagetest.Root{"var/lib/dpkg/status.d/a": "Package: a\nVersion: 1\nDepends: b\n"}, []related{{"a 1", ReasonUnknown, [][]string{{"b"}}, nil, nil}}},
		{"apk", imagetest.Root{
			"lib/apk/db/installed": "P:curl\nV:8\nD:so:libc.musl.so.1 ca>1 !wget\np:cmd:curl=8\n\nP:ca\nV:1\n",
			"etc/apk/world":        "curl@edge\nbash>5\n",
		}, []related{{"curl 8", Requested, [][]string{{"so:libc.musl.so.1"}, {"ca"}}, nil, []string{"cmd:curl"}}, {"ca 1", Automatic, nil, nil, nil}}},
		{"pacman", imagetest.Root{
			"var/lib/pacman/local/git-2-1/desc":  "%NAME%\ngit\n\n%VERSION%\n2-1\n\n%DEPENDS%\nglibc>=2.38\nsh\n\n%OPTDEPENDS%\ntk: gitk\n",
			"var/lib/pacman/local/bash-5-1/desc": "%NAME%\nbash\n\n%VERSION%\n5-1\n\n%REASON%\n1\n\n%PROVIDES%\nsh=5\n",
		}, []related{{"bash 5-1", Automatic, nil, nil, []string{"sh"}}, {"git 2-1", Requested, [][]string{{"glibc"}, {"sh"}}, [][]string{{"tk"}}, nil}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			packages, problems := Read(t.Context(), tc.root)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			var got []related
			for _, p := range packages {
				got = append(got, related{p.String(), p.Reason, p.Depends, p.Recommends, p.Provides})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRPMRelations: a boolean dependency is met by any of its names, one of a
// file by the file's package.
func TestRPMRelations(t *testing.T) {
	want := [][]string{{"libc.so.6()(64bit)"}, {"a", "or", "b", "if", "c"}, {"/bin/sh"}}
	got := rpmRelations([]string{"libc.so.6()(64bit)", "(a or (b if c))", "/bin/sh"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	packages := []Installed{{Depends: got}, {Files: []string{"bin/sh", "bin/ls"}}}
	provideFiles(packages)
	if diff := cmp.Diff([]string{"/bin/sh"}, packages[1].Provides); diff != "" {
		t.Error(diff)
	}
}

// TestSelection: the paths that a pattern selects, and a name for each set of
// patterns.
func TestSelection(t *testing.T) {
	s := newSelection([]string{"etc/passwd", "var/lib/x/*.list", "**/meta/*.json", "**/nm/@*/*/p.json"})
	for p, want := range map[string]bool{"etc/passwd": true, "etc/passwd-": false, "var/lib/x/a.list": true, "var/lib/x/y/a.list": false, "o/var/lib/x/a.list": false,
		"meta/a.json": true, "opt/meta/a.json": true, "xmeta/a.json": false, "opt/meta/b/a.json": false, "a.json": false, "nm/@s/a/p.json": true, "a/nm/@s/a/p.json": true, "nm/a/p.json": false} {
		if got := s.has(p); got != want {
			t.Errorf("%s: %v", p, got)
		}
	}
	if a, b := newSelection([]string{"a", "b"}), newSelection([]string{"b", "a", "a"}); a.name != b.name || a.name == s.name {
		t.Errorf("names %s, %s, %s", a.name, b.name, s.name)
	}
}

// TestTable: every row of the table has what a row needs, and all of its
// patterns are well formed.
func TestTable(t *testing.T) {
	for _, db := range databases() {
		if db.ecosystem == "" || db.kind == whittle.OwnerUnknown || len(db.files) == 0 || db.read == nil || KindOf(db.ecosystem) != db.kind {
			t.Errorf("a row is incomplete: %+v", db)
		}
		for _, p := range db.files {
			if _, err := path.Match(p, ""); err != nil {
				t.Errorf("%s: %v", p, err)
			}
			if example := strings.NewReplacer("**/", "", "*", "x").Replace(p); !Database(example) {
				t.Errorf("%s is not kept for %s", example, db.ecosystem)
			}
		}
	}
}

func TestAccounts(t *testing.T) {
	a := ReadAccounts(imagetest.Root{"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n\napp:x:1000:1001::/home/app\nshort:x:7\nodd:x:y:z:::\n",
		"usr/etc/group": "root:x:0:\nweb:x:33:app,other\nweb:x:34:\n", "etc/group": "-> ../usr/etc/group"})
	want := &Accounts{Users: []User{{"root", 0, 0, "/root"}, {"app", 1000, 1001, "/home/app"}, {"short", 7, 0, ""}, {"odd", 0, 0, ""}},
		Groups: []Group{{"root", 0, []string{""}}, {"web", 33, []string{"app", "other"}}, {"web", 34, []string{""}}}}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Error(diff)
	}
	for name, id := range map[string]int{"app": 1000, "1000": 1000, "0": 0} {
		if u, ok := a.User(name); !ok || u.UID != id {
			t.Errorf("%s is %+v, %v", name, u, ok)
		}
	}
	if _, ok := a.User(""); ok {
		t.Error("nobody has no name")
	}
	if g, ok := a.Group("web"); !ok || g.GID != 33 {
		t.Errorf("web is %+v, %v", g, ok)
	}
	if none := ReadAccounts(imagetest.Root{}); len(none.Users)+len(none.Groups) > 0 {
		t.Errorf("an empty root has %+v", none)
	}
}
