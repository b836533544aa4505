package check_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
)

// owned is a root some of whose files have other modes, owners or groups; the
// rest is root's.
type owned struct {
	whittle.Root
	entries map[string]whittle.Entry
}

func (r owned) Lstat(p string) (whittle.Entry, error) {
	e, err := r.Root.Lstat(p)
	if o, ok := r.entries[p]; ok {
		e.Mode, e.UID, e.GID, e.Special = o.Mode, o.UID, o.GID, o.Special
	}
	return e, err
}

// TestReadable: what the user certainly may not reach fails; what is perhaps
// found elsewhere is unknown; what an owner, a group, an access control list or
// another user's rights may open is not judged.
func TestReadable(t *testing.T) {
	private := whittle.Entry{Mode: 0o600}
	shut := whittle.Entry{Mode: 0o700}
	python := []string{"/usr/local/bin/python3.13", "main.py"}
	tests := []struct {
		name    string
		user    string
		cmd     []string
		path    string
		files   map[string]string
		entries map[string]whittle.Entry
		verdict whittle.Verdict
		want    []string
	}{
		{name: "a private script", entries: map[string]whittle.Entry{"app/main.py": private}, verdict: whittle.Fails, want: []string{"main.py"}},
		{name: "a private module", files: map[string]string{"app/main.py": "import helper\n", "app/helper.py": ""},
			entries: map[string]whittle.Entry{"app/helper.py": private}, verdict: whittle.Fails, want: []string{"helper.py"}},
		{name: "with its bytecode", files: map[string]string{"app/main.py": "import helper\n", "app/helper.py": "", "app/__pycache__/helper.cpython-313.pyc": ""},
			entries: map[string]whittle.Entry{"app/helper.py": private}, verdict: whittle.Runs},
		{name: "whose failure is caught", files: map[string]string{"app/main.py": "try:\n    import helper\nexcept Exception:\n    pass\n", "app/helper.py": ""},
			entries: map[string]whittle.Entry{"app/helper.py": private}, verdict: whittle.Runs},
		{name: "a folder above the script", entries: map[string]whittle.Entry{"app": shut}, verdict: whittle.Fails, want: []string{"main.py"}},
		{name: "a folder of a module", files: map[string]string{"app/main.py": "import pkg.helper\n", "app/pkg/__init__.py": "", "app/pkg/helper.py": ""},
			entries: map[string]whittle.Entry{"app/pkg": shut}, verdict: whittle.Unknown},
		{name: "the user's own folder", entries: map[string]whittle.Entry{"app": {Mode: 0o700, UID: 1000}}, verdict: whittle.Runs},
		{name: "the user's own file, which he may change", entries: map[string]whittle.Entry{"app/main.py": {Mode: 0o200, UID: 1000}}, verdict: whittle.Runs},
		{name: "the group's", entries: map[string]whittle.Entry{"app": {Mode: 0o750, GID: 50}}, user: "1000:50", verdict: whittle.Runs},
		{name: "another group's", entries: map[string]whittle.Entry{"app": {Mode: 0o750, GID: 51}}, user: "1000:50", verdict: whittle.Fails, want: []string{"main.py"}},
		{name: "an access control list", entries: map[string]whittle.Entry{"app": {Mode: 0o700, Special: &whittle.Special{Xattrs: "sha256:1"}}}, verdict: whittle.Runs},
		{name: "root", entries: map[string]whittle.Entry{"app": shut}, user: "root", verdict: whittle.Runs},
		{name: "a program that gains rights", entries: map[string]whittle.Entry{"app": shut, "usr/local/bin/python3.13": {Mode: 0o4755}}, verdict: whittle.Runs},
		{name: "a program in a private folder", cmd: []string{"serve"}, path: "/root/bin:/usr/local/bin", files: map[string]string{"root/bin/serve": "#!/usr/local/bin/python3.13\n"},
			entries: map[string]whittle.Entry{"root": shut}, verdict: whittle.Fails, want: []string{"/root/bin/serve"}},
		{name: "and in another", cmd: []string{"serve"}, path: "/root/bin:/usr/local/bin", files: map[string]string{"root/bin/serve": "#!/usr/local/bin/python3.13\n", "usr/local/bin/serve": "#!/usr/local/bin/python3.13\n"},
			entries: map[string]whittle.Entry{"root": shut}, verdict: whittle.Unknown},
		{name: "an interpreter behind a link", cmd: []string{"/venv/bin/serve"}, files: map[string]string{"venv/bin/serve": "#!/venv/bin/python\n", "venv/bin/python": "-> /root/uv/bin/python3.13", "root/uv/bin/python3.13": "#!/bin/sh\n", "bin/sh": "#!"},
			entries: map[string]whittle.Entry{"root": shut}, verdict: whittle.Fails, want: []string{"/venv/bin/python"}},
		{name: "a program of the group", cmd: []string{"/app/go"}, files: map[string]string{"app/go": "#!/usr/local/bin/python3.13\n"},
			entries: map[string]whittle.Entry{"app/go": {Mode: 0o750}}, user: "1000:50", verdict: whittle.Fails, want: []string{"/app/go"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := whittle.Process{Cmd: tt.cmd, WorkingDir: "/app", User: tt.user}
			if p.Cmd == nil {
				p.Cmd = python
			}
			if p.User == "" {
				p.User = "1000"
			}
			if tt.path != "" {
				p.Env = []string{"PATH=" + tt.path}
			}
			img := imageOf(tt.files, p)
			img.Root = owned{img.Root, tt.entries}
			c, err := check.Run(t.Context(), img)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range c.Problems {
				if p.Rule != whittle.CheckUnreadablePath {
					t.Errorf("%+v", p)
				}
				got = append(got, p.Path)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || c.Verdict != tt.verdict {
				t.Errorf("verdict %s, want %s (-want +got):\n%s%s", c.Verdict, tt.verdict, diff, fmt.Sprint(c.Problems, c.Unknown))
			}
		})
	}
}
