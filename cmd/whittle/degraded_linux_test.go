package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
)

// TestDegraded: without a home, with a cache that is full or cannot be written to, and
// on a machine where nothing can be written, whittle does what does not need it, and
// says in a note what is not kept.
func TestDegraded(t *testing.T) {
	if _, err := exec.LookPath("unshare"); err != nil || os.Getuid() != 0 {
		t.Skip("mounts need root and unshare")
	}
	top := t.TempDir()
	imagetest.Must(t, os.Symlink(os.Args[0], filepath.Join(top, "whittle")))
	img := imagetest.New(t, imagetest.Plain, "f usr/bin/app 900000 mode=0755\nf usr/share/x 700000", "f more 800000")
	imagetest.Must(t, os.WriteFile(filepath.Join(top, "app.tar"), imagetest.DockerArchive(t, img), 0o644))
	const (
		full     = "mkdir small; mount -t tmpfs -o size=1m tmpfs small; mkdir -m 700 small/c; head -c 900000 /dev/urandom >small/fill; "
		readOnly = "mkdir ro; mount -t tmpfs -o ro tmpfs ro; "
		nowhere  = "mkdir ro; mount -t tmpfs -o ro tmpfs ro; export TMPDIR=$PWD/ro HOME=$PWD/ro; "
	)
	for name, c := range map[string]struct {
		script string
		says   string // on standard output or error
		not    string
	}{
		"a full cache":                 {full + "whittle inspect -q --cache-dir small/c app.tar", "size 2.4 MB", "no space"},
		"a full cache, standard input": {full + "whittle inspect -q --cache-dir small/c - <app.tar", "size 2.4 MB", "no space"},
		"a full cache, a check":        {full + "whittle check -q --cache-dir small/c app.tar", "unknown", "no space"},
		"an unwritable cache":          {readOnly + "whittle inspect -q --cache-dir ro/c app.tar", "note: nothing is cached: ", "hint"},
		"an unwritable cache, stdin":   {readOnly + "whittle inspect -q --cache-dir ro/c - <app.tar", "size 2.4 MB", "hint"},
		"a cache that is a file":       {": >file; whittle inspect -q --cache-dir file app.tar", "size 2.4 MB", "hint"},
		"no home":                      {"unset HOME XDG_CACHE_HOME; whittle inspect -q app.tar", "note: nothing is cached, as there is no folder for it", "hint"},
		"no home, stdin":               {"unset HOME XDG_CACHE_HOME; whittle check -q - <app.tar", "unknown", "hint"},
		"a home that is a file":        {": >file; HOME=$PWD/file whittle inspect -q app.tar", "size 2.4 MB", "hint"},
		"nothing can be written":       {nowhere + "whittle inspect -q app.tar", "size 2.4 MB", "hint"},
		"TMPDIR is nowhere":            {"TMPDIR=/nowhere whittle inspect -q app.tar", "size 2.4 MB", "hint"},
		"nowhere to spool":             {nowhere + "whittle inspect -q - <app.tar || test $? = 3", "hint: --cache-dir or TMPDIR names a folder with room", "panic"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			imagetest.Must(t, os.Link(filepath.Join(top, "app.tar"), filepath.Join(dir, "app.tar")))
			cmd := exec.Command("unshare", "-m", "sh", "-ec", c.script)
			cmd.Dir = dir
			cmd.Env = []string{"HOME=" + dir, "PATH=" + top + ":" + os.Getenv("PATH"), fmt.Sprintf("TMPDIR=%s", dir)}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), c.says) || strings.Contains(string(out), c.not) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
