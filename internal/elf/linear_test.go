package elf

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
)

func numberedList(n int, format string) []string {
	return strings.Fields(imagetest.Lines(n, format+" "))
}

// TestLinear: the time over a program and over what says where its libraries
// are grows with them.
func TestLinear(t *testing.T) {
	parse := func(name string, most int, s func(n int) spec) imagetest.Growth {
		return imagetest.Growth{Name: name, Most: most, Make: func(n int) func() {
			b := s(n).bytes()
			return func() { _, _ = Parse(b) }
		}}
	}
	load := func(name string, most int, files func(n int) imagetest.Root, s func(n int) spec) imagetest.Growth {
		return imagetest.Growth{Name: name, Most: most, Make: func(n int) func() {
			f, err := Parse(s(n).bytes())
			if err != nil {
				t.Fatal(err)
			}
			all := imagetest.Root{"usr/bin/a": "x", "lib64/ld-linux-x86-64.so.2": "x"}
			for p, c := range files(n) {
				all[p] = c
			}
			root := imagetest.Solid(all)
			return func() {
				l := NewLoader(root, func(p string) (*File, bool) { return f, p == "usr/bin/a" }, nil)
				l.Missing("usr/bin/a")
			}
		}}
	}
	one := func(n int) spec { return program(ldLinux, numberedList(20, "lib%d.so")...) }
	imagetest.Linear(t,
		parse("needed libraries", 4_000, func(n int) spec { return program(ldLinux, numberedList(n, "lib%d.so")...) }),
		parse("a long RUNPATH", 2_000, func(n int) spec { return program(ldLinux).runpath(strings.Repeat("a:", n)) }),
		parse("bytes", 8_000_000, func(n int) spec { return spec{Debug: n} }),
		load("lines of ld.so.conf", 400_000, func(n int) imagetest.Root {
			return imagetest.Root{"etc/ld.so.cache": strings.Repeat("x", 17<<20), "etc/ld.so.conf": imagetest.Lines(n, "/a%d\n")}
		}, one),
		load("includes", 200_000, func(n int) imagetest.Root {
			root := imagetest.Root{"etc/ld.so.cache": strings.Repeat("x", 17<<20), "etc/ld.so.conf": strings.Repeat("include d/*\n", n)}
			for i := range n / 100 {
				root[fmt.Sprintf("etc/d/%d", i)] = "/a\n"
			}
			return root
		}, one),
		load("entries of ld.so.cache", 200_000, func(n int) imagetest.Root { return imagetest.Root{"etc/ld.so.cache": manyCached(n)} }, one),
		load("folders of RUNPATH", 400, func(n int) imagetest.Root { return nil }, func(n int) spec {
			return program(ldLinux, numberedList(20, "lib%d.so")...).runpath(imagetest.Lines(n, "/a%d:"))
		}),
	)
}

// manyCached is an ld.so.cache whose libraries all have one name.
func manyCached(n int) string {
	b := append([]byte("glibc-ld.so.cache1.1"), make([]byte, 28)...)
	binary.LittleEndian.PutUint32(b[20:], uint32(n))
	b[28] = 2
	name := len(b) + 24*n
	for range n {
		for _, v := range []int{1, name, name + 10, 0, 0, 0} {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
	}
	return string(b) + "lib1.so\x00\x00\x00/nosuch/lib1.so\x00"
}

// FuzzPaths: whatever says where libraries are, what is found is in the root,
// and each miss has a name.
func FuzzPaths(f *testing.F) {
	f.Add("/usr/lib/a\ninclude ld.so.conf.d/*.conf\n", "/b:/c", manyCached(2), "$ORIGIN/../lib:/d:relative:${LIB}", "/x:y")
	f.Add("include /etc/ld.so.conf\nhwcap 0 nosegneg\n", "", "glibc-ld.so.cache1.1", ":$PLATFORM:", "")
	file := func(runpath string) *File {
		return &File{Machine: MachineOf("amd64"), Dynamic: true, Interp: ldLinux, Needed: []string{"libx.so", "/abs/liby.so", "a/libz.so"}, RunPath: strings.Split(runpath, ":")}
	}
	f.Fuzz(func(t *testing.T, conf, musl, cache, runpath, preload string) {
		root := imagetest.Root{"usr/bin/a": "x", "lib64/ld-linux-x86-64.so.2": "x", "usr/lib/libx.so": "x", "d/libx.so": "-> ../usr/lib/libx.so", "a/libz.so": "x",
			"etc/ld.so.conf": conf, "etc/ld.so.conf.d/a.conf": conf, "etc/ld-musl-x86_64.path": musl}
		if cache != "" {
			root["etc/ld.so.cache"] = cache
		}
		l := NewLoader(root, func(p string) (*File, bool) {
			if _, ok := root[p]; !ok {
				t.Errorf("%q is not in the root", p)
			}
			return file(runpath), true
		}, map[string]string{"LD_LIBRARY_PATH": runpath, "LD_PRELOAD": preload})
		for _, p := range l.Libraries("usr/bin/a") {
			if _, ok := root[p]; !ok {
				t.Errorf("loads %q, which is not in the root", p)
			}
		}
		for _, m := range l.Missing("usr/bin/a") {
			if m.Kind == "" {
				t.Errorf("a miss without a kind: %+v", m)
			}
		}
	})
}
