package check_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/start"
)

// TestLicences: a licence that was installed and is gone is mentioned; one that
// locate elsewhere or never came along is not.
func TestLicences(t *testing.T) {
	const site = "usr/local/lib/python3.13/site-packages/"
	metadata := func(files ...string) string {
		return "Name: flask\nVersion: 3\nLicense-File: " + strings.Join(files, "\nLicense-File: ") + "\n\nLicense-File: in the text\n"
	}
	// dist is a distribution of these files, some of which are not there.
	dist := func(name string, metadata, record string, there ...string) map[string]string {
		info := site + name + "-3.dist-info/"
		files := map[string]string{info + "METADATA": strings.Replace(metadata, "flask", name, 1)}
		if record != "" {
			files[info+"RECORD"] = strings.ReplaceAll(record, "INFO", name+"-3.dist-info")
		}
		for _, p := range there {
			files[info+p] = "text"
		}
		return files
	}
	listed := "flask/__init__.py,sha256=x,1\nINFO/licenses/LICENSE.txt,sha256=x,7\n"
	tests := []struct {
		name  string
		dists []map[string]string
		want  string
	}{
		{"stripped", []map[string]string{dist("flask", metadata("LICENSE.txt"), listed)},
			"info /" + site + "flask-3.dist-info/licenses/LICENSE.txt flask: the licences of flask were installed and are not in the image"},
		{"one of two", []map[string]string{dist("flask", metadata("LICENSE.txt", "NOTICE"), listed+"INFO/licenses/NOTICE,,\n", "licenses/NOTICE")},
			"info /" + site + "flask-3.dist-info/licenses/LICENSE.txt flask: the licences of flask were installed and are not in the image"},
		{"in a folder, with a comma", []map[string]string{dist("flask", metadata("a,b/LICENSE"), "\"INFO/licenses/a,b/LICENSE\",sha256=x,7\n")},
			"info /" + site + "flask-3.dist-info/licenses/a,b/LICENSE flask: the licences of flask were installed and are not in the image"},
		{"many", []map[string]string{dist("e", metadata("LICENSE.txt"), listed), dist("d", metadata("LICENSE.txt"), listed), dist("c", metadata("LICENSE.txt"), listed),
			dist("b", metadata("LICENSE.txt"), listed), dist("a", metadata("LICENSE.txt"), listed)},
			"info /" + site + "a-3.dist-info/licenses/LICENSE.txt : the licences of a, b, c and 2 more distributions were installed and are not in the image"},
		{"there", []map[string]string{dist("flask", metadata("LICENSE.txt"), listed, "licenses/LICENSE.txt")}, ""},
		{"there as earlier tools have it", []map[string]string{dist("flask", metadata("docs/LICENSE.txt"), "INFO/LICENSE.txt,,\n", "LICENSE.txt")}, ""},
		{"declared and never shipped", []map[string]string{dist("flask", metadata("LICENSE.txt"), "flask/__init__.py,,\n")}, ""},
		{"not declared", []map[string]string{dist("flask", "Name: flask\nVersion: 3\n", listed)}, ""},
		{"no RECORD", []map[string]string{dist("flask", metadata("LICENSE.txt"), "")}, ""},
		{"a broken RECORD", []map[string]string{dist("flask", metadata("LICENSE.txt"), "\"\n\"\"x")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := imagetest.Root{"usr/local/bin/python3.13": ""}
			for _, d := range tt.dists {
				for p, text := range d {
					root[p] = text
				}
			}
			dists, _ := python.Distributions(context.Background(), root)
			c, err := check.Run(context.Background(), &check.Image{Image: start.Image{Root: root, Config: &whittle.Config{Architecture: "amd64", OS: "linux"}, Distributions: dists}})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, p := range c.Problems {
				if p.Rule == "missing-licence" {
					got += string(p.Severity) + " " + p.Path + " " + p.Distribution + ": " + p.Message
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLocale: a locale that setlocale is asked for by name and that the image
// lacks is a warning, unless the application is prepared for that.
func TestLocale(t *testing.T) {
	tests := []struct {
		name, text string
		files      map[string]string
		want       string
	}{
		{"missing", "import locale\nlocale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')\n", nil, "warning main.py:2 main.py:2 asks for the locale de_DE.UTF-8, which the image does not have"},
		{"a pair", "from locale import setlocale, LC_ALL\nsetlocale(LC_ALL, ('de_DE', 'UTF-8'))\n", nil, "warning main.py:2 main.py:2 asks for the locale de_DE.UTF-8, which the image does not have"},
		{"by its name", "import locale\nlocale.setlocale(locale.LC_TIME, locale='fr_FR')\n", nil, "warning main.py:2 main.py:2 asks for the locale fr_FR, which the image does not have"},
		{"later", "import locale\ndef f():\n    locale.setlocale(locale.LC_ALL, 'de_DE')\n", nil, "warning main.py:3 main.py:3 asks for the locale de_DE, which the image does not have"},
		{"there", "import locale\nlocale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')\n", map[string]string{"usr/lib/locale/de_DE.utf8/LC_CTYPE": ""}, ""},
		{"of the environment", "import locale\nlocale.setlocale(locale.LC_ALL, '')\n", nil, ""},
		{"always there", "import locale\nlocale.setlocale(locale.LC_ALL, 'C.UTF-8')\n", nil, ""},
		{"asked for", "import locale\nlocale.setlocale(locale.LC_ALL)\nlocale.setlocale(locale.LC_ALL, None)\n", nil, ""},
		{"a name that is made up", "import locale\nlocale.setlocale(locale.LC_ALL, lang + '.UTF-8')\n", nil, ""},
		{"caught", "import locale\ntry:\n    locale.setlocale(locale.LC_ALL, 'de_DE')\nexcept locale.Error:\n    pass\n", nil, ""},
		{"caught and raised", "import locale\ntry:\n    locale.setlocale(locale.LC_ALL, 'de_DE')\nexcept locale.Error:\n    print('no')\n    raise\n", nil, "warning main.py:3 main.py:3 asks for the locale de_DE, which the image does not have"},
		{"elsewhere", "import sys, locale\nif sys.platform == 'win32':\n    locale.setlocale(locale.LC_ALL, 'de_DE')\n", nil, ""},
	}
	start := whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"app/main.py": tt.text, "usr/local/lib/python3.13/locale.py": "LC_ALL = LC_TIME = 1\ndef setlocale(): pass\nError = 1\n"}
			for p, text := range tt.files {
				files[p] = text
			}
			got := ""
			for _, p := range run(t, files, start).Problems {
				got += strings.Join([]string{string(p.Severity), p.Path}, " ") + ":" + string(rune('0'+p.Line)) + " " + p.Message
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCaughtWrite: what the application catches by any handler is no error.
func TestCaughtWrite(t *testing.T) {
	for text, want := range map[string]whittle.Severity{
		"open('/srv/log', 'w')\n":                                                "error",
		"try:\n    open('/srv/log', 'w')\nexcept OSError:\n    pass\n":           "warning",
		"try:\n    open('/srv/log', 'w')\nexcept OSError as e:\n    raise e\n":   "error",
		"def f():\n    try:\n        open('/srv/log', 'w')\n    finally: pass\n": "warning",
	} {
		files := map[string]string{"app/main.py": text, "srv/there": "", "etc/passwd": "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"}
		c := run(t, files, whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app", User: "app"})
		if len(c.Problems) != 1 || c.Problems[0].Rule != "unwritable-path" || c.Problems[0].Severity != want {
			t.Errorf("%q: want one %s, got %+v", text, want, c.Problems)
		}
	}
}
