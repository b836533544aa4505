package check_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// TestLookalike: compiled code that was made for something else is named once,
// also where a folder of stubs beside it makes a namespace of the module.
func TestLookalike(t *testing.T) {
	const site = "usr/local/lib/python3.13/site-packages/"
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"another machine", map[string]string{site + "core/_core.cpython-313-aarch64-linux-gnu.so": ""},
			[]string{"wrong-arch core._core: core._core is imported by core/__init__.py:1, reached from CMD; only _core.cpython-313-aarch64-linux-gnu.so is there, which is not made for CPython 3.13 on x86_64"}},
		{"another machine, with stubs", map[string]string{site + "core/_core.cpython-313-aarch64-linux-gnu.so": "", site + "core/_core/__init__.pyi": ""},
			[]string{"wrong-arch core._core: core._core is imported by core/__init__.py:1, reached from CMD; only _core.cpython-313-aarch64-linux-gnu.so is there, which is not made for CPython 3.13 on x86_64"}},
		{"another C library, with stubs", map[string]string{site + "core/_core.cpython-313-x86_64-linux-musl.so": "", site + "core/_core/__init__.pyi": ""},
			[]string{"wrong-libc core._core: core._core is imported by core/__init__.py:1, reached from CMD; only _core.cpython-313-x86_64-linux-musl.so is there, which is not made for CPython 3.13 and this image's C library"}},
		{"another Python, with stubs", map[string]string{site + "core/_core.cpython-312-x86_64-linux-gnu.so": "", site + "core/_core/__init__.pyi": ""},
			[]string{"missing-module core._core: core._core is imported by core/__init__.py:1, reached from CMD; only _core.cpython-312-x86_64-linux-gnu.so is there, which is not made for CPython 3.13"}},
		{"nothing but stubs", map[string]string{site + "core/_core/__init__.pyi": ""}, []string{
			"missing-module core._core.a: core._core.a is imported by core/__init__.py:1, reached from CMD; which distribution has it is not known",
			"missing-module core._core.b: core._core.b is imported by core/__init__.py:1, reached from CMD; which distribution has it is not known"}},
		{"its own", map[string]string{site + "core/_core.cpython-313-x86_64-linux-gnu.so": "", site + "core/_core/__init__.pyi": ""}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"app/main.py": "import core\n", site + "core/__init__.py": "from ._core import a, b\n",
				"usr/local/lib/python3.13/lib-dynload/_json.cpython-313-x86_64-linux-gnu.so": ""}
			for p, text := range tt.files {
				files[p] = text
			}
			var got []string
			for _, p := range run(t, files, whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"}).Problems {
				got = append(got, p.Rule+" "+p.Module+": "+p.Message)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
