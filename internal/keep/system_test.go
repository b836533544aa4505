package keep_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/keep"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
)

// pkg is a package with files.
func pkg(name string, files ...string) distro.Installed {
	return distro.Installed{Owner: whittle.Owner{Ecosystem: "deb", Name: name, Version: "1"}, Evidence: "var/lib/dpkg/status", Files: append(files, "usr/share/doc/"+name+"/copyright", "var/lib/dpkg/info/"+name+".list")}
}

// TestSystem: what files show of the use of system packages, and what keeps one from going
// whole. A package without a reason goes.
func TestSystem(t *testing.T) {
	required := pkg("required", "usr/bin/required")
	required.Required = true
	depends := pkg("depends", "usr/bin/depends")
	depends.Depends, depends.Recommends = [][]string{{"virtual", "other"}}, [][]string{{"recommended"}}
	provider := pkg("provider", "usr/bin/provider")
	provider.Provides = []string{"virtual"}
	host := pkg("host", "usr/lib/x86_64-linux-gnu/libhost.so.1")
	plugin := pkg("plugin", "usr/lib/x86_64-linux-gnu/things/plugin.so")
	plugin.Depends = [][]string{{"host"}, {"libc6"}}
	packages := []distro.Installed{required, depends, provider, host, plugin, pkg("recommended", "usr/bin/recommended"), pkg("libc6", "usr/lib/libc.so.6"), pkg("libunused", "usr/lib/libunused.so.1"),
		pkg("libneeded", "usr/lib/libneeded.so.1"), pkg("libopened", "usr/lib/libopened.so.1"), pkg("script-tool", "usr/bin/script-tool"), pkg("quoted-tool", "usr/bin/quoted-tool"), pkg("spelled-tool", "usr/bin/spelled-tool"), pkg("prose-tool", "usr/bin/prose-tool"),
		pkg("data", "usr/share/data/table.txt"), pkg("linked", "usr/bin/linked"), pkg("configured", "usr/bin/configured"), pkg("triggers", "usr/bin/triggers"), pkg("strange", "usr/share/strange/file"),
		pkg("shared", "usr/bin/shared"), pkg("sharing", "usr/bin/shared"), pkg("perl-modules", "usr/share/perl5/A.pm"), pkg("ruby-modules", "usr/share/ruby/a.rb"), pkg("shadowed", "usr/bin/shadowed"), pkg("tzdata", "usr/share/zoneinfo/UTC")}
	root := imagetest.Root{"app/run.sh": "#!/bin/sh\nscript-tool --now\n", "app/a.py": "x = 'quoted-tool'\ny = 'a prose-tool'\nz = \"cd x && sudo spelled-tool\"\n/usr/share/data\nshadowed", "app/tool": "loads", "app/opens": "\x7fELF\x00libopened.so.1\x00",
		"usr/share/strange/cache": "x", "app/a.pl": "use A;", "usr/local/bin/shadowed": "x", "README.md": "libunused.so.1 script-tool"}
	for i := range packages {
		for _, f := range packages[i].Files {
			root[f] = "x"
		}
	}
	root["etc/link"] = "-> /usr/bin/linked"
	d := keep.Read(keep.Facts{Root: root, Graph: python.NewGraph(nil, pep.Environment{}, nil), Used: func(int) string { return "" },
		File: func(p string) ([]string, int64) { return []string{p}, 10 },
		Loaded: func(p string) []string {
			return map[string][]string{"app/tool": {"app/tool", "usr/lib/libneeded.so.1"}, "usr/bin/required": {"usr/lib/libc.so.6"}}[p]
		}})
	root["var/lib/dpkg/triggers/File"] = "/usr/share/none triggers/noawait\n"
	contents := keep.Contents{Process: &whittle.Process{Cmd: []string{"configured", "--now"}, Env: []string{"PATH=/usr/local/bin:/usr/bin"}}, Binary: func(p string) bool { return strings.HasSuffix(p, ".so") },
		Each: func(_ context.Context, want func(string) bool, each func(string, io.Reader) error) error {
			for p, text := range root {
				if want(p) {
					imagetest.Must(t, each(p, strings.NewReader(text)))
				}
			}
			return nil
		}}
	imagetest.Must(t, d.AddSystem(t.Context(), keep.SystemFacts{Packages: packages, Contents: contents, Stays: func(string) string { return "" }}))
	want := map[string]string{"required": "its package manager says that the system needs it", "libc6": "it is the C library", "tzdata": "time zones are looked up by their names", "libneeded": "/app/tool loads a library of it",
		"libopened": "/app/opens names libopened.so.1", "script-tool": "/app/run.sh names script-tool", "quoted-tool": "/app/a.py names quoted-tool", "spelled-tool": "/app/a.py names spelled-tool", "data": "/app/a.py names /usr/share/data",
		"linked": "/etc/link leads to a file of it", "configured": "the image's configuration names configured", "triggers": "dpkg's notes on triggers or diversions name it", "strange": "no list has /usr/share/strange/cache",
		"shared": "/usr/bin/shared is of another package, too", "sharing": "/usr/bin/shared is of another package, too", "perl-modules": "/app/a.pl may load a module of it"}
	got := map[string]string{}
	for i := range packages {
		if why := d.Needed[i] + d.Left[i]; why != "" {
			got[packages[i].Name] = why
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for touched, names := range map[string][]string{"/usr/bin/depends": {"depends", "provider", "recommended"}, "/usr/lib/x86_64-linux-gnu/libhost.so.1": {"host", "plugin"}, "/usr/bin/none": nil} {
		var stay []string
		for i, k := range d.Kept(d.Touched(map[string]bool{touched: true})) {
			if k && !d.Always[i] {
				stay = append(stay, packages[i].Name)
			}
		}
		if slices.Sort(stay); !slices.Equal(stay, names) {
			t.Errorf("%s: %v stay, want %v", touched, stay, names)
		}
	}
}
