package page

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Width is how many cells of a terminal a text takes: two for what East Asian
// fonts make wide and for emoji, none for marks that combine with what is before
// them. It is what the terminal UI counts by, too.
// https://www.unicode.org/reports/tr11/
func Width(s string) int { return ansi.StringWidth(s) }

// firstCells is the longest beginning of s that takes at most n cells, without
// parts of what is seen as one character.
func firstCells(s string, n int) string { return ansi.Truncate(s, max(n, 0), "") }

// lastCells is the longest end of s that takes at most n cells, without parts
// of what is seen as one character.
func lastCells(s string, n int) string {
	over := Width(s) - n
	if over <= 0 {
		return s
	}
	end := ansi.TruncateLeft(s, over, "")
	for Width(end) > n { // a wide character was at the cut
		over++
		end = ansi.TruncateLeft(s, over, "")
	}
	return end
}

// Shorten cuts the middle out of s so that it takes at most n cells.
func Shorten(s string, n int) string { return cut(s, n, (n-1)*2/3) }

// cut is shorten with so many cells before what is cut out.
func cut(s string, n, head int) string {
	if Width(s) <= n {
		return s
	}
	if n < 4 {
		return strings.Repeat("…", max(min(n, 1), 0))
	}
	first := firstCells(s, head)
	return first + "…" + lastCells(s, n-1-Width(first))
}

// shortenPath cuts whole folders out of a path's middle so that it takes at most
// n cells: what is above site-packages first, as that says least.
func shortenPath(s string, n int) string {
	if Width(s) <= n {
		return s
	}
	for _, site := range []string{"/site-packages/", "/dist-packages/", "/node_modules/"} {
		if i := strings.Index(s, site); i > 0 {
			if rest := "…" + s[i:]; Width(rest) <= n {
				return rest
			}
			s = s[i+1:]
			break
		}
	}
	if Width(s) <= n {
		return s
	}
	parts := strings.Split(s, "/")
	for _, head := range []string{parts[0] + "/…/", "…/"} {
		for i := 1; i < len(parts); i++ {
			if short := head + strings.Join(parts[i:], "/"); Width(short) <= n {
				return short
			}
		}
	}
	return Shorten(s, n)
}

// shortenDistinct shortens each of several texts to n cells. Those that would
// become equal show where they differ instead of their ends.
func shortenDistinct(texts []string, n int, shorten func(string, int) string) []string {
	out := make([]string, len(texts))
	equal := map[string][]int{}
	for i, s := range texts {
		out[i] = shorten(s, n)
		equal[out[i]] = append(equal[out[i]], i)
	}
	if n < 16 {
		return out // there is no room to show more
	}
	for short, group := range equal {
		if Width(texts[group[0]]) > n && len(group) > 1 {
			showDifference(texts, out, group, short, n)
		}
	}
	return out
}

// showDifference shortens texts that shorten made equal. Those that go on equal
// behind the place where the first of them differs are shortened once more.
func showDifference(texts, out []string, group []int, short string, n int) {
	common := texts[group[0]]
	for _, i := range group[1:] {
		common = common[:sharedLength(common, texts[i])]
	}
	if !slices.ContainsFunc(group, func(i int) bool { return texts[i] != common }) {
		return // they are equal
	}
	// From the beginning of the word in which they differ.
	from := strings.LastIndexAny(common, " /") + 1
	if Width(common[from:]) > n/3 {
		from = len(common) - len(lastCells(common, n/3))
	}
	head := firstCells(short, n/3)
	again := map[string][]int{}
	for _, i := range group {
		s := head + "…" + texts[i][min(from, len(texts[i])):]
		if Width(s) > n {
			s = firstCells(s, n-1) + "…"
		}
		out[i] = s
		again[s] = append(again[s], i)
	}
	for short, rest := range again {
		if len(rest) > 1 && len(rest) < len(group) {
			showDifference(texts, out, rest, short, n)
		}
	}
}

// sharedLength is how many bytes two texts have in common at their beginnings,
// without parts of a character.
func sharedLength(a, b string) int {
	n := 0
	for i, r := range a {
		if !strings.HasPrefix(b[n:], string(r)) || i != n {
			break
		}
		n += len(string(r))
	}
	return min(n, len(a))
}
