package pypi

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiscover(t *testing.T) {
	const home = "/home/me"
	tests := []struct {
		name  string
		env   map[string]string
		files map[string]string
		want  settings
	}{
		{"nothing", nil, nil, settings{index: defaultIndex}},
		{"the environment first", map[string]string{"PIP_INDEX_URL": "https://a/simple", "UV_DEFAULT_INDEX": "https://b", "PIP_EXTRA_INDEX_URL": "https://c https://d"},
			map[string]string{"/etc/pip.conf": "[global]\nindex-url = https://e\n"},
			settings{index: "https://a/simple", extra: []string{"https://c", "https://d"}}},
		{"uv's, with a name", map[string]string{"UV_DEFAULT_INDEX": "corp=https://b/simple?x=1"}, nil, settings{index: "https://b/simple?x=1"}},
		{"uv's older", map[string]string{"UV_INDEX_URL": "https://b/?x=1"}, nil, settings{index: "https://b/?x=1"}},
		{"global, user, site", map[string]string{"VIRTUAL_ENV": "/venv"}, map[string]string{
			"/etc/xdg/pip/pip.conf":        "[global]\nindex-url = https://xdg\ncert = /xdg.pem\n",
			"/etc/pip.conf":                "[global]\nindex_url = https://etc\n",
			home + "/.pip/pip.conf":        "[global]\nindex-url = https://legacy\n",
			home + "/.config/pip/pip.conf": "[global]\nINDEX-URL = https://user\n",
			"/venv/pip.conf":               "# of the site\n[global]\nindex-url: https://site\n"},
			settings{index: "https://site", certificates: "/xdg.pem"}},
		{"install before global", nil, map[string]string{
			"/etc/pip.conf":         "[install]\nindex-url = https://install\n",
			home + "/.pip/pip.conf": "[global]\nindex-url = https://global\n[download]\nindex-url = https://download\n"},
			settings{index: "https://install"}},
		{"own file in place of the user's", map[string]string{"PIP_CONFIG_FILE": "/own.conf"}, map[string]string{
			"/own.conf":             "[global]\nextra-index-url =\n    https://one\n    https://two\n",
			home + "/.pip/pip.conf": "[global]\nindex-url = https://user\n"},
			settings{index: defaultIndex, extra: []string{"https://one", "https://two"}}},
		{"own file that is missing", map[string]string{"PIP_CONFIG_FILE": "/own.conf"},
			map[string]string{home + "/.pip/pip.conf": "[global]\nindex-url = https://user\n"}, settings{index: "https://user"}},
		{"no files", map[string]string{"PIP_CONFIG_FILE": os.DevNull}, map[string]string{"/etc/pip.conf": "[global]\nindex-url = https://etc\n"}, settings{index: defaultIndex}},
		{"certificates", map[string]string{"PIP_CERT": "/a.pem", "REQUESTS_CA_BUNDLE": "/b.pem"}, nil, settings{index: defaultIndex, certificates: "/a.pem"}},
		{"certificates of requests", map[string]string{"REQUESTS_CA_BUNDLE": "/b.pem"}, map[string]string{"/etc/pip.conf": "no section = 1\n[global\n[global]\ncert =\n"},
			settings{index: defaultIndex, certificates: "/b.pem"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			getenv := func(key string) string {
				if key == "HOME" {
					return home
				}
				return tt.env[key]
			}
			got, err := discover(getenv, func(name string) ([]byte, error) {
				if text, ok := tt.files[name]; ok {
					return []byte(text), nil
				}
				return nil, fs.ErrNotExist
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.extra) == 0 {
				got.extra = nil
			}
			if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(settings{})); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestINIAgainstPython holds the reader of pip's files to the parser that pip
// reads them with.
func TestINIAgainstPython(t *testing.T) {
	const script = `import configparser, json, sys
out = []
for text in json.load(sys.stdin):
    p = configparser.RawConfigParser()
    p.read_string(text)
    out.append({s + "." + k.replace("_", "-"): v for s in p.sections() for k, v in p.items(s)})
json.dump(out, sys.stdout)`
	texts := []string{
		"[global]\nindex-url = https://one/simple\n",
		"[global]\nindex-url = https://one/simple\n\n[install]\nindex-url=https://two/simple\ncert : /a = b\n",
		"; note\n[install]\n# note\nindex_url : https://three/simple\n\tgoes = on\n",
		"[global]\nextra-index-url =\n  https://four\n  # note\n  https://five\ntimeout=3\r\n",
		"[a]\nB = C ; not a comment\nempty =\n",
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", script)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("no python3 to ask: %v", err)
	}
	var want []map[string]string
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		for key, value := range want[i] {
			want[i][key] = strings.TrimSpace(value) // lists begin with an empty line
		}
		if d := cmp.Diff(want[i], parseINI([]byte(text))); d != "" {
			t.Errorf("%q (-Python +ours):\n%s", text, d)
		}
	}
}
