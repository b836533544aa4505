package manifest

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestSetupPy: what setup.py says in literals, without running it.
func TestSetupPy(t *testing.T) {
	tests := []struct{ name, text string }{
		{"literals", "from setuptools import setup\nsetup(\n    name='shop',\n    version=\"1.2\",\n    install_requires=[\n        'requests[socks]>=2',  # the web\n        \"PyYAML\",\n    ],\n" +
			"    extras_require={'plots': ['matplotlib'], },\n    entry_points={'console_scripts': ['shop = shop.cli:main']},\n)\n"},
		{"by name", "REQUIRES = [\n    'flask',\n]\nsetup(name='shop', install_requires=REQUIRES)\n"},
		{"computed", "setup(name='shop', install_requires=open('requirements.txt').read().split())\n"},
		{"partly computed", "setup(name=NAME, install_requires=['a', *more, 'b'])\n"},
		{"cut short", "setup(install_requires=['a', 'b"},
	}
	want := map[string]string{
		"literals":        "shop 1.2 [requests[socks]>=2@6/0 PyYAML@7/0 matplotlib@9/1plots] map[shop:shop.cli:main]",
		"by name":         "shop  [flask@2/0] map[]",
		"computed":        "shop  [] map[]",
		"partly computed": "  [a@1/0] map[]",
		"cut short":       "  [a@1/0] map[]",
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := ReadDeclared(fstest.MapFS{"setup.py": {Data: []byte(tt.text)}})
			if err != nil {
				t.Fatal(err)
			}
			var deps []string
			for _, dep := range d.Dependencies {
				deps = append(deps, fmt.Sprintf("%s@%d/%d%s", dep.Text, dep.Line, dep.Kind, dep.Extra))
			}
			got := fmt.Sprintf("%s %s %v %v", d.Name, d.Version, deps, d.Scripts)
			if diff := cmp.Diff(want[tt.name], got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHatch: the environments of Hatch are for development.
func TestHatch(t *testing.T) {
	d, err := ReadDeclared(fstest.MapFS{"pyproject.toml": {Data: []byte("[project]\nname = \"a\"\n[tool.hatch.envs.test]\ndependencies = [\"pytest\"]\nextra-dependencies = [\"coverage\"]\n")}})
	if err != nil || len(d.Dependencies) != 2 || d.Dependencies[0].Kind != Development || d.Dependencies[1].Name != "coverage" || d.Dependencies[0].Line != 4 {
		t.Errorf("%v: %+v", err, d.Dependencies)
	}
}

func FuzzSetupPy(f *testing.F) {
	f.Add("setup(name='a', install_requires=['b'], extras_require={'c': ['d']})")
	f.Add("X = {\nsetup(extras_require=X)")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = ReadDeclared(fstest.MapFS{"setup.py": {Data: []byte(text)}})
	})
}
