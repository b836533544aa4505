package elf

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/imagetest"
)

// tree is a root by path: a spec, or text, or "-> " and a symlink's target.
type tree map[string]any

func (tr tree) loader(t *testing.T, env map[string]string) *Loader {
	t.Helper()
	root := imagetest.Root{}
	files := map[string]*File{}
	for p, content := range tr {
		s, isELF := content.(spec)
		if !isELF {
			root[p] = content.(string)
			continue
		}
		b := s.bytes()
		if isGlibcLoader(s.Soname) {
			b = append(b, "\x00/lib/x86_64-linux-gnu/\x00/usr/lib/x86_64-linux-gnu/\x00/lib/\x00/usr/lib/\x00\x00"...)
		}
		f, err := Parse(b)
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		root[p], files[p] = string(b), f
	}
	return NewLoader(root, func(p string) (*File, bool) { f, ok := files[p]; return f, ok }, env)
}

// with is a tree and more; an empty string takes a path away.
func (tr tree) with(more tree) tree {
	out := tree{}
	for _, t := range []tree{tr, more} {
		for p, c := range t {
			if out[p] = c; c == "" {
				delete(out, p)
			}
		}
	}
	return out
}

const (
	ldLinux = "/lib64/ld-linux-x86-64.so.2"
	ldMusl  = "/lib/ld-musl-x86_64.so.1"
)

func lib(soname string, needed ...string) spec { return spec{Soname: soname, Needed: needed} }

func (s spec) rpath(p string) spec            { s.RPath = p; return s }
func (s spec) runpath(p string) spec          { s.RunPath = p; return s }
func (s spec) needs(n ...VersionNeed) spec    { s.Needs = n; return s }
func (s spec) weak(n ...VersionNeed) spec     { s.Weak = n; return s }
func (s spec) provides(v ...string) spec      { s.Provides = v; return s }
func (s spec) on(m Machine) spec              { s.Machine = m; return s }
func program(interp string, n ...string) spec { return spec{Exec: true, Interp: interp, Needed: n} }

// debian and alpine are roots with a Python that loads, debian's with /lib
// and /lib64 merged into /usr.
var (
	debian = tree{
		"lib": "-> usr/lib", "lib64": "-> /usr/lib64",
		"usr/lib64/ld-linux-x86-64.so.2":                "-> ../../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
		"usr/lib/x86_64-linux-gnu/libm.so.6":            lib("libm.so.6", "libc.so.6"),
		"usr/lib/x86_64-linux-gnu/libc.so.6":            lib("libc.so.6", "ld-linux-x86-64.so.2").provides("GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.36"),
		"usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": lib("ld-linux-x86-64.so.2").provides("GLIBC_2.3"),
		"usr/bin/python3":                               "-> python3.11",
		"usr/bin/python3.11":                            program(ldLinux, "libpython3.11.so.1.0", "libc.so.6").rpath("$ORIGIN/../lib/python"),
		"usr/lib/python/libpython3.11.so.1.0":           lib("libpython3.11.so.1.0", "libm.so.6", "libc.so.6"),
	}
	alpine = tree{
		"lib/ld-musl-x86_64.so.1":     lib("libc.musl-x86_64.so.1"),
		"lib/libc.musl-x86_64.so.1":   "-> ld-musl-x86_64.so.1",
		"usr/lib/libz.so.1":           "-> libz.so.1.3",
		"usr/lib/libz.so.1.3":         lib("libz.so.1", "libc.musl-x86_64.so.1"),
		"usr/bin/python3":             program(ldMusl, "libpython3.so", "libc.musl-x86_64.so.1"),
		"usr/local/lib/libpython3.so": lib("libpython3.so", "libc.musl-x86_64.so.1"),
	}
)

const site = "usr/lib/python3/site-packages/"

// cacheOf is an ld.so.cache with these names and paths.
func cacheOf(entries ...string) string {
	const header = 48
	var strs strings.Builder
	b := append([]byte("glibc-ld.so.cache1.1"), make([]byte, header-20)...)
	binary.LittleEndian.PutUint32(b[20:], uint32(len(entries)/2))
	start := header + 24*len(entries)/2
	for i := 0; i < len(entries); i += 2 {
		e := make([]byte, 24)
		binary.LittleEndian.PutUint32(e[4:], uint32(start+strs.Len()))
		fmt.Fprintf(&strs, "%s\x00", entries[i])
		binary.LittleEndian.PutUint32(e[8:], uint32(start+strs.Len()))
		fmt.Fprintf(&strs, "%s\x00", entries[i+1])
		b = append(b, e...)
	}
	return string(b) + strs.String()
}

// lines are misses in short: kind, library, version, elsewhere, chain.
func lines(missing []Missing) []string {
	var out []string
	for _, m := range missing {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s < %s ; %s", m.Kind, m.Library, m.Version, strings.Join(m.Chain, " < "), m.Elsewhere)))
	}
	return out
}

type loadCase struct {
	tree    tree
	env     map[string]string
	program string // where it is not python3 and x.so
	alone   bool
	want    []string
}

func TestLoader(t *testing.T) {
	x := func(s spec) tree { return tree{site + "x.so": s} }
	self := site + "x.so"
	for name, c := range map[string]loadCase{
		"nothing":      {tree: debian, program: "usr/bin/python3"},
		"an extension": {tree: debian.with(x(extension.needs(need("libc.so.6 GLIBC_2.34"))))},
		"not there":    {tree: debian.with(x(lib("", "libpq.so.5"))), want: []string{"library libpq.so.5  < " + self + " ;"}},
		"of a library": {tree: debian.with(x(lib("", "liba.so")).with(tree{"usr/lib/liba.so": lib("", "libb.so")})),
			want: []string{"library libb.so  < " + self + " < usr/lib/liba.so ;"}},
		"the process has it": {tree: debian.with(x(lib("", "libpython3.11.so.1.0")))},
		"nobody has it": {tree: debian.with(x(lib("", "libpython3.11.so.1.0"))), alone: true,
			want: []string{"library libpython3.11.so.1.0  < " + self + " ; usr/lib/python/libpython3.11.so.1.0"}},
		"RPATH of the program": {tree: debian.with(x(lib("", "liba.so")).with(tree{"usr/lib/python/liba.so": lib("")}))},
		"RPATH of the program, not if RUNPATH": {tree: debian.with(x(lib("", "liba.so").runpath("/opt")).with(tree{"usr/lib/python/liba.so": lib("")})),
			want: []string{"library liba.so  < " + self + " ; usr/lib/python/liba.so"}},
		"RPATH is inherited": {tree: debian.with(x(lib("", "liba.so").rpath("$ORIGIN/x.libs")).with(tree{
			site + "x.libs/liba.so": lib("", "libb.so"), site + "x.libs/libb.so": lib("")}))},
		"RUNPATH is not": {tree: debian.with(x(lib("", "liba.so").runpath("${ORIGIN}/x.libs")).with(tree{
			site + "x.libs/liba.so": lib("", "libb.so"), site + "x.libs/libb.so": lib("")})),
			want: []string{"library libb.so  < " + self + " < " + site + "x.libs/liba.so ; " + site + "x.libs/libb.so"}},
		"RUNPATH voids RPATH": {tree: debian.with(tree{site + "x.so": spec{Needed: []string{"liba.so"}, RPath: "/opt", RunPath: "/srv"}, "opt/liba.so": lib("")}),
			want: []string{"library liba.so  < " + self + " ; opt/liba.so"}},
		"$LIB": {tree: debian.with(x(lib("", "liba.so").runpath("/opt/$LIB")).with(tree{"opt/lib/x86_64-linux-gnu/liba.so": lib("")}))},
		"$ORIGIN is where it was opened": {tree: debian.with(tree{
			site + "x.so": "-> /opt/x/x.so", "opt/x/x.so": lib("", "liba.so").runpath("$ORIGIN"), site + "liba.so": lib("")})},
		".. after a symlink": {tree: debian.with(x(lib("", "liba.so").runpath("/opt/here/../lib")).with(tree{
			"opt/here": "-> /srv/deep/there", "srv/deep/there/f": "x", "srv/deep/lib/liba.so": lib("")}))},
		"LD_LIBRARY_PATH": {tree: debian.with(x(lib("", "liba.so")).with(tree{"opt/liba.so": lib("")})), env: map[string]string{"LD_LIBRARY_PATH": "/no:/opt"}},
		"relative":        {tree: debian.with(x(lib("", "liba.so")).with(tree{"app/lib/liba.so": lib("")})), env: map[string]string{"LD_LIBRARY_PATH": "lib", "PWD": "/app"}},
		"LD_PRELOAD":      {tree: debian.with(x(lib("", "liba.so")).with(tree{"opt/liba.so.1": lib("liba.so")})), env: map[string]string{"LD_PRELOAD": "/opt/liba.so.1 /no.so"}},
		"by path":         {tree: debian.with(x(lib("", "/opt/liba.so", "/opt/libb.so")).with(tree{"opt/liba.so": lib("")})), want: []string{"library /opt/libb.so  < " + self + " ;"}},
		"configured, no cache": {tree: debian.with(x(lib("", "liba.so")).with(tree{"usr/local/lib/liba.so": lib(""), "etc/ld.so.conf": "/usr/local/lib"})),
			want: []string{"library liba.so  < " + self + " ; usr/local/lib/liba.so"}},
		"in the cache": {tree: debian.with(x(lib("", "liba.so")).with(tree{"usr/local/lib/liba.so": lib(""), "etc/ld.so.cache": cacheOf("libz.so", "/z", "liba.so", "/usr/local/lib/liba.so")}))},
		"in the cache and gone": {tree: debian.with(x(lib("", "liba.so")).with(tree{"etc/ld.so.cache": cacheOf("liba.so", "/usr/local/lib/liba.so")})),
			want: []string{"library liba.so  < " + self + " ;"}},
		"another machine, then the right one": {tree: debian.with(x(lib("", "liba.so").runpath("/a:/b")).with(tree{"a/liba.so": lib("").on(aarch64), "b/liba.so": lib("")}))},
		"another machine": {tree: debian.with(x(lib("", "liba.so").runpath("/a")).with(tree{"a/liba.so": lib("").on(aarch64)})),
			want: []string{"machine liba.so  < " + self + " ; a/liba.so"}},
		"of another machine itself":  {tree: debian.with(x(lib("").on(aarch64))), want: []string{"machine " + self + "  < " + self + " ;"}},
		"program of another machine": {tree: debian.with(tree{"a": program("/lib/ld-linux-aarch64.so.1").on(aarch64)}), program: "a", want: []string{"machine a  < a ;"}},
		"version": {tree: debian.with(x(lib("", "libc.so.6").needs(need("libc.so.6 GLIBC_2.34 GLIBC_2.38")))),
			want: []string{"version libc.so.6 GLIBC_2.38 < " + self + " ; usr/lib/x86_64-linux-gnu/libc.so.6"}},
		"weak version":        {tree: debian.with(x(lib("", "libc.so.6").weak(need("libc.so.6 GLIBC_ABI_DT_RELR"))))},
		"library without any": {tree: debian.with(x(lib("", "libm.so.6").needs(need("libm.so.6 GLIBC_2.38"))))},
		"symlinks in a circle": {tree: debian.with(x(lib("", "liba.so")).with(tree{"usr/lib/liba.so": "-> libb.so", "usr/lib/libb.so": "-> liba.so"})),
			want: []string{"library liba.so  < " + self + " ; usr/lib/liba.so"}},
		"a symlink to nothing": {tree: debian.with(x(lib("", "liba.so")).with(tree{"usr/lib/liba.so": "-> liba.so.1"})), want: []string{"library liba.so  < " + self + " ; usr/lib/liba.so"}},
		"text":                 {tree: debian.with(x(lib("", "libt.so")).with(tree{"usr/lib/libt.so": "INPUT(libt.so.1)"})), want: []string{"library libt.so  < " + self + " ; usr/lib/libt.so"}},
		"needs itself":         {tree: debian.with(x(lib("", "x.so").runpath("$ORIGIN")))},
		"gone":                 {tree: debian, want: []string{"library " + self + "  <  ;"}},
		"no ELF file":          {tree: debian.with(tree{self: "import x"})},
		"no loader":            {tree: tree{"a": program(ldLinux, "libc.so.6")}, program: "a", want: []string{"interpreter " + ldLinux + "  < a ;"}},
		"a static program":     {tree: tree{"a": spec{Exec: true, Static: true}}, program: "a"},
		"musl":                 {tree: alpine.with(x(lib("", "libz.so.1", "libc.musl-x86_64.so.1")))},
		"musl, not there":      {tree: alpine.with(x(lib("", "liba.so"))), want: []string{"library liba.so  < " + self + " ;"}},
		"musl knows no soname": {tree: alpine.with(x(lib("", "liba.so")).with(tree{"opt/liba.so.1": lib("liba.so")})), env: map[string]string{"LD_PRELOAD": "/opt/liba.so.1"},
			want: []string{"library liba.so  < " + self + " ;"}},
		"musl inherits RUNPATH": {tree: alpine.with(x(lib("", "liba.so").runpath("$ORIGIN/l")).with(tree{site + "l/liba.so": lib("", "libb.so"), site + "l/libb.so": lib("")}))},
		"musl's own directories": {tree: alpine.with(x(lib("", "libz.so.1")).with(tree{"etc/ld-musl-x86_64.path": "/lib\n/usr/local/lib:/opt\n"})),
			want: []string{"library libz.so.1  < " + self + " ; usr/lib/libz.so.1"}},
		"glibc's extension on musl": {tree: alpine.with(x(lib("", "libz.so.1", "libm.so.6", "libc.so.6", "ld-linux-x86-64.so.2").needs(need("libc.so.6 GLIBC_2.17")))),
			want: []string{"libc libc.so.6  < " + self + " ;"}},
		"with gcompat": {tree: alpine.with(x(lib("", "libc.so.6", "ld-linux-x86-64.so.2").needs(need("libc.so.6 GLIBC_2.17"))).with(tree{
			"lib64/ld-linux-x86-64.so.2": "-> /lib/ld-linux-x86-64.so.2", "lib/ld-linux-x86-64.so.2": program(ldMusl, "libc.musl-x86_64.so.1")}))},
		"glibc's program on musl":   {tree: alpine.with(tree{"a": program(ldLinux, "libc.so.6")}), program: "a", want: []string{"libc " + ldLinux + "  < a ;"}},
		"musl's extension on glibc": {tree: debian.with(x(lib("", "libc.musl-x86_64.so.1"))), want: []string{"libc libc.musl-x86_64.so.1  < " + self + " ;"}},
		"musl's program on glibc":   {tree: debian.with(tree{"a": program(ldMusl, "libc.musl-x86_64.so.1")}), program: "a", want: []string{"libc " + ldMusl + "  < a ;"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := c.tree.loader(t, c.env)
			l.Machine = x8664
			var got []Missing
			switch {
			case c.program != "":
				got = l.Missing(c.program)
			case c.alone:
				got = l.Missing(self)
			default:
				if first := l.Missing("usr/bin/python3"); len(first) > 0 {
					t.Fatalf("python: %v", lines(first))
				}
				got = l.MissingIn("usr/bin/python3", self)
				if again := l.MissingIn("/usr/bin/python3", "/"+self); len(again) != len(got) {
					t.Errorf("asked again: %v", lines(again))
				}
			}
			if d := cmp.Diff(c.want, lines(got)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
