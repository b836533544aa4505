package whittle_test

import (
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// TestFollow: links are followed as by the kernel, within the root.
func TestFollow(t *testing.T) {
	files := map[string]string{
		"usr/bin/dash":  "shell",
		"usr/bin/sh":    "-> dash",
		"bin":           "-> usr/bin",
		"abs":           "-> /bin/sh",
		"out":           "-> ../../../usr/bin/dash",
		"deep/up":       "-> ../bin/../lib/x", // up from usr/bin, not from the root
		"usr/lib/x":     "x",
		"a":             "-> b",
		"b":             "-> a",
		"dangling":      "-> nowhere",
		"long":          "-> " + strings.Repeat("/", 5000) + "usr",
		"through/file":  "-> ../usr/lib/x/../x",
		"opt/app/inner": "here",
	}
	for i := range 41 {
		files[fmt.Sprintf("chain/%d", i)] = fmt.Sprintf("-> %d", i+1)
	}
	files["chain/41"] = "end"
	root := imagetest.Root(files)
	for _, tt := range []struct{ dir, path, want string }{
		{"", "usr/bin/dash", "usr/bin/dash"}, {"", "bin/sh", "usr/bin/dash"}, {"", "/bin//./sh", "usr/bin/dash"}, {"", "abs", "usr/bin/dash"},
		{"", "out", "usr/bin/dash"}, {"", "deep/up", "usr/lib/x"}, {"", "", ""}, {"", "/", ""}, {"", "../..", ""}, {"", ".", ""},
		{"", "bin", "usr/bin"}, {"", "bin/", "usr/bin"}, {"", "a", "-"}, {"", "dangling", "-"}, {"", "long", "-"}, {"", "usr/lib/x/", "-"},
		{"", "usr/lib/x/..", "-"}, {"", "through/file", "-"}, {"", "usr/lib/y", "-"}, {"", strings.Repeat("x", 5000), "-"},
		{"", "chain/1", "chain/41"}, {"", "chain/0", "-"},
		{"usr/bin", "sh", "usr/bin/dash"}, {"usr/bin", "../lib/x", "usr/lib/x"}, {"usr/bin", "/bin", "usr/bin"}, {"opt", "app/inner", "opt/app/inner"}, {"opt", "", "opt"},
	} {
		real, e, ok := whittle.Follow(root, tt.dir, tt.path)
		switch {
		case !ok && tt.want != "-":
			t.Errorf("%q from %q leads nowhere, want %q", tt.path, tt.dir, tt.want)
		case ok && (real != tt.want || e.Kind == whittle.Symlink || e.Kind == 0):
			t.Errorf("%q from %q leads to %q (%v), want %q", tt.path, tt.dir, real, e.Kind, tt.want)
		}
	}
}

// TestJoin: paths of an image never leave it.
func TestJoin(t *testing.T) {
	for _, tt := range [][3]string{{"app", "x", "app/x"}, {"app", "/x", "x"}, {"app", "../../x", "x"}, {"", ".", ""}, {"app", "", "app"}, {"a//b/", "./c/", "a/b/c"}} {
		if got := whittle.Join(tt[0], tt[1]); got != tt[2] {
			t.Errorf("Join(%q, %q) is %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}

func TestBytecodeSource(t *testing.T) {
	for p, want := range map[string]string{
		"site/__pycache__/six.cpython-313.pyc": "site/six.py", "__pycache__/m.pyc": "m.py", "a/b.pyc": "a/b.py", "a/b.pyo": "a/b.py",
		"x__pycache__/m.pyc": "x__pycache__/m.py", "a/b.py": "", "a/pyc": "",
	} {
		if got, ok := whittle.BytecodeSource(p); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", p, got, ok, want)
		}
	}
}

// TestStepText has history lines of the tools that write images.
func TestStepText(t *testing.T) {
	for _, c := range []struct{ tool, by, comment, want string }{
		{"BuildKit", "RUN /bin/sh -c set -e;  make # buildkit", "buildkit.dockerfile.v0", "RUN set -e; make"},
		{"the classic builder", "/bin/sh -c #(nop)  CMD [\"a\"]", "", "CMD [\"a\"]"},
		{"the classic builder", "/bin/sh -c make", "", "RUN make"},
		{"Nix", "", "store paths: ['/nix/store/a-hello']", "store paths: ['/nix/store/a-hello']"},
		{"apko", "apko", "This is an apko single-layer image", "apko: This is an apko single-layer image"},
		{"Jib", "jib-maven-plugin:3.4", "classes", "jib-maven-plugin:3.4: classes"},
		{"docker import", "", "Imported from -", "Imported from -"},
		{"podman", "/bin/sh -c make", "FROM docker.io/library/debian:13", "RUN make"},
		{"none", "", "", ""},
	} {
		if got := whittle.StepText(c.by, c.comment); got != c.want {
			t.Errorf("%s: %q, want %q", c.tool, got, c.want)
		}
	}
}
