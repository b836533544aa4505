package keep_test

import (
	"strings"
	"testing"

	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/keep"
)

func someWords() keep.Vocabulary {
	return keep.NewVocabulary([]distro.Installed{pkg("git", "usr/bin/git", "usr/lib/git-core/git-add"), pkg("libgit", "usr/lib/libgit.so.1")}, 0, func(string) bool { return false })
}

// TestTextsOf: how a file is read.
func TestTextsOf(t *testing.T) {
	for p, want := range map[string]keep.Texts{
		"app/a.py": keep.Quoted, "app/run.sh": keep.Script, "entrypoint": keep.Script, "usr/local/bin/tool": keep.Quoted, "etc/app.conf": keep.Script, "app/README.md": keep.NoText,
		"usr/share/doc/a/copyright": keep.NoText, "var/lib/dpkg/status": keep.NoText, "etc/ld.so.cache": keep.NoText, "app/__pycache__/a.cpython-313.pyc": keep.NoText, "app/a.pyc": keep.Quoted,
		"usr/local/lib/python3.13/_sysconfigdata__linux_x86_64-linux-gnu.py": keep.NoText, "usr/local/lib/python3.13/site-packages/setuptools/_distutils/util.py": keep.NoText,
		"usr/local/lib/python3.13/site-packages/a-1.dist-info/METADATA": keep.NoText,
	} {
		if got := keep.TextsOf(p, false); got != want {
			t.Errorf("%s: %d, want %d", p, got, want)
		}
	}
	if got := keep.TextsOf("usr/bin/perl", true); got != keep.Libraries {
		t.Errorf("of a package: %d", got)
	}
}

// TestVocabularyLinear: the time grows with the text.
func TestVocabularyLinear(t *testing.T) {
	v := someWords()
	of := func(name string, most int, text func(n int) string) imagetest.Growth {
		return imagetest.Growth{Name: name, Most: most, Make: func(n int) func() {
			s := text(n)
			return func() { _, _ = v.Words(strings.NewReader(s), keep.Quoted) }
		}}
	}
	imagetest.Linear(t,
		of("words", 1_000_000, func(n int) string { return strings.Repeat("'git' ", n) }),
		of("one word", 4_000_000, func(n int) string { return strings.Repeat("a", n) }),
		of("one path", 4_000_000, func(n int) string { return strings.Repeat("/a", n) }),
		of("paths", 200_000, func(n int) string { return strings.Repeat("/usr/lib/git-core/a/b/c/d ", n) }))
}

// FuzzVocabulary: only words of the vocabulary are found, and each is in the text.
func FuzzVocabulary(f *testing.F) {
	f.Add([]byte("#!/bin/sh\nexec git add /usr/lib/git-core/x"), uint8(keep.Quoted))
	f.Add([]byte("\x7fELF\x00git\x00libgit.so.1\x00/lib/git-core"), uint8(keep.Libraries))
	v := someWords()
	f.Fuzz(func(t *testing.T, text []byte, how uint8) {
		words, err := v.Words(strings.NewReader(string(text)), keep.Texts(how%4))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			base := w[strings.LastIndexByte(w, '/')+1:]
			if len(v[w]) == 0 || !strings.Contains(string(text), base) {
				t.Errorf("%q in %q", w, text)
			}
		}
	})
}
