package page

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "é": 1, "e\u0301": 1, "漢字": 4, "ｆ": 2, "カ": 2, "ｶ": 1, "한": 2, "\u1112\u1161\u11ab": 2, "a\u200db": 2, "…–→": 3, "😀": 2} {
		if got := Width(s); got != want {
			t.Errorf("width(%q) = %d, want %d", s, got, want)
		}
	}
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{{"漢漢漢漢", 8, "漢漢漢漢"}, {"漢漢漢漢", 7, "漢漢…漢"}, {"e\u0301e\u0301e\u0301e\u0301e\u0301", 4, "e\u0301e\u0301…e\u0301"}, {"abcdef", 3, "…"}} {
		if got := Shorten(c.s, c.n); got != c.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", c.s, c.n, got, c.want)
		}
	}
}

// TestShorten: whatever the text, it fits.
func TestShorten(t *testing.T) {
	texts := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("ab /漢\u0301…한é")), 0, 60, -1), 1, 12)
	rapid.Check(t, func(t *rapid.T) {
		all, n := texts.Draw(t, "texts"), rapid.IntRange(1, 40).Draw(t, "cells")
		if slices.Contains(all, "") {
			all[0] = "x"
		}
		for i, s := range shortenDistinct(all, n, Shorten) {
			if Width(s) > n || !utf8.ValidString(s) {
				t.Fatalf("%q became %q: %d cells of %d", all[i], s, Width(s), n)
			}
			if Width(all[i]) <= n && s != all[i] {
				t.Fatalf("%q fits, and became %q", all[i], s)
			}
		}
	})
}

// TestRowsApart: rows of one shape can be told apart, wherever they part.
func TestRowsApart(t *testing.T) {
	words := []string{"gcc", "texlive", "curl", "git", "make", "postgresql-client-16", "nodejs", "ffmpeg"}
	shapes := []string{
		"RUN set -eux; apt-get update && apt-get install -y --no-install-recommends %s && rm -rf /var/lib/apt/lists/*",
		"COPY --from=builder --chown=nonroot:nonroot /usr/local/lib/python3.13/site-packages/%s /usr/local/lib/python3.13/site-packages/ # buildkit",
		"%s is the first word of a line that is much longer than the column in which it has to be shown",
		"RUN curl --fail --silent --show-error --location https://example.org/downloads/tools/releases/latest/download/%s.tar.gz",
	}
	for _, shape := range shapes {
		for _, n := range []int{24, 48, 80} {
			var texts []string
			for _, w := range words {
				texts = append(texts, fmt.Sprintf(shape, w))
			}
			got := shortenDistinct(texts, n, Shorten)
			if sorted := slices.Compact(slices.Sorted(slices.Values(got))); len(sorted) != len(texts) {
				t.Errorf("%d cells: %q", n, got)
			}
		}
	}
	same := shortenDistinct([]string{strings.Repeat("x", 50), strings.Repeat("x", 50), "y"}, 20, Shorten)
	if same[0] != same[1] || same[2] != "y" {
		t.Errorf("%q", same)
	}
}

// TestContinued: a command in several lines is the same command to a shell, fits,
// and has no word cut.
func TestContinued(t *testing.T) {
	words := []string{"whittle", "fix", "--strategy", "single-stage", "--verify", "--variant=a", "'a project/with a space'", "x"}
	for n := 1; n <= len(words); n++ {
		command := strings.Join(words[:n], " ")
		for limit := range 100 {
			lines := continued(words[:n], limit)
			if got := strings.Join(strings.Fields(strings.ReplaceAll(strings.Join(lines, "\n"), "\\\n", " ")), " "); got != command {
				t.Errorf("%d cells: %q, want %q", limit, got, command)
			}
			for _, l := range lines {
				if Width(l) > limit && strings.Contains(strings.TrimSuffix(strings.TrimSpace(l), ` \`), " ") && !strings.Contains(l, "'") {
					t.Errorf("%d cells: %q", limit, l)
				}
			}
			if Width(command) <= limit && len(lines) != 1 {
				t.Errorf("%d cells: %q", limit, lines)
			}
		}
	}
}

func TestBars(t *testing.T) {
	for share, want := range map[float64]string{0: "", 1: "██████████", 0.82: "████████▎", 0.001: "▏", 0.5: "█████", -1: "", 2: "██████████"} {
		if got := bar(share, 10); got != want {
			t.Errorf("%v: %q, want %q", share, got, want)
		}
	}
	for _, c := range []struct {
		part, whole int64
		want        string
	}{{1, 1000, "<1 %"}, {0, 10, ""}, {5, 0, ""}, {10, 10, "100 %"}, {-3, 10, ""}, {82, 100, "82 %"}, {11, 10, "100 %"}} {
		if got := ShareCell(c.part, c.whole).Text; got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.part, c.whole, got, c.want)
		}
	}
}

// TestShortenPath: whole folders go, and what says most stays.
func TestShortenPath(t *testing.T) {
	const long = "usr/local/lib/python3.13/site-packages/pyarrow/include/arrow/compute.h"
	for _, c := range []struct {
		path string
		n    int
		want string
	}{
		{long, 80, long},
		{long, 50, "…/site-packages/pyarrow/include/arrow/compute.h"},
		{long, 45, "site-packages/pyarrow/include/arrow/compute.h"},
		{long, 34, "site-packages/…/arrow/compute.h"},
		{long, 26, "site-packages/…/compute.h"},
		{long, 14, "…/compute.h"},
		{"usr/share/doc/a/b/c/copyright", 20, "usr/…/b/c/copyright"},
		{"opt/漢字/データ/ファイル", 18, "opt/…/ファイル"},
	} {
		if got := shortenPath(c.path, c.n); got != c.want {
			t.Errorf("%s in %d: %q, want %q", c.path, c.n, got, c.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{"plain": "plain", "naïve ✓": "naïve ✓", "a\x1b[31mb": `a\x1b[31mb`, "a\xffb": `a\xffb`, "x\u202ey": `x\xe2\x80\xaey`, "tab\t": `tab\x09`} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWrapAndShorten(t *testing.T) {
	if diff := cmp.Diff([]string{"a bb", "ccc", "dddddddd"}, wrap("a bb ccc dddddddd", 5)); diff != "" {
		t.Error(diff)
	}
	for n, want := range map[int]string{20: "usr/local/lib", 9: "usr/l…lib", 3: "…"} {
		if got := Shorten("usr/local/lib", n); got != want {
			t.Errorf("shorten to %d = %q, want %q", n, got, want)
		}
	}
}
