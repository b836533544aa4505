package view

import (
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// Select gives the items that a query selects, with their sum.
func (m *Model) Select(q Query) *Selection {
	tests := make([]func(int) bool, len(q.Terms))
	for i, t := range q.Terms {
		tests[i] = m.test(t)
	}
	return m.selection(func(item int) bool {
		for _, has := range tests {
			if !has(item) {
				return false
			}
		}
		return true
	})
}

// test is what a term asks of an item.
func (m *Model) test(t Term) func(item int) bool {
	one := make([]func(int) bool, len(t.Values))
	for i, v := range t.Values {
		one[i] = m.testValue(t.Field, v)
	}
	return func(item int) bool {
		for _, has := range one {
			if has(item) {
				return !t.Not
			}
		}
		return t.Not
	}
}

func (m *Model) testValue(field string, v Value) func(item int) bool {
	c := &m.columns
	switch field {
	case "size":
		return func(i int) bool { return c.size[i] >= v.Low && c.size[i] <= v.High }
	case "layer":
		return func(i int) bool { return int64(c.layer[i]) >= v.Low && int64(c.layer[i]) <= v.High }
	case "line":
		return named(c.layer, m.Layers, func(l Layer) bool { return l.onLine(v) })
	case "base":
		return named(c.layer, m.Layers, func(l Layer) bool { return l.Base == (v.Text == "yes") })
	case "pkg":
		want := normal(v.Text)
		return named(c.owner, m.Owners, func(o whittle.Owner) bool { return matches(want, normal(o.Name)) })
	case "cat":
		want := lower(v.Text)
		return named(c.category, m.Categories, func(name string) bool { return strings.Contains(lower(name), want) })
	case "ext":
		return named(c.extension, m.Extensions, func(name string) bool { return lower(name) == v.Text })
	case "wasted":
		return func(i int) bool {
			cause := c.cause[i]
			return v.Text == "yes" && cause != whittle.Visible || v.Text == "no" && cause == whittle.Visible || cause != whittle.Visible && cause.String() == v.Text
		}
	case "rule":
		return m.testRule(v.Text)
	case "path":
		return m.testPath(lower(v.Text))
	}
	return m.testWord(lower(v.Text))
}

// named tests what items have in common, once for each.
func named[I ~int32 | ~uint8, T any](column []I, list []T, has func(T) bool) func(item int) bool {
	yes := make([]bool, len(list))
	for i, x := range list {
		yes[i] = has(x)
	}
	return func(item int) bool { return yes[column[item]] }
}

// onLine says whether the layer's instruction has one of the lines.
func (l Layer) onLine(v Value) bool {
	o := l.Origin
	return o != nil && (v.Text == "" || o.File == v.Text) && int64(max(o.EndLine, o.Line)) >= v.Low && int64(o.Line) <= v.High
}

func normal(name string) string { return lower(pep.Normalize(name)) }

func (m *Model) testRule(rule string) func(item int) bool {
	yes := make([]bool, m.Len())
	for f, items := range m.removes {
		if m.Advice.Findings[f].Rule == rule {
			for _, i := range items {
				yes[i] = true
			}
		}
	}
	return func(item int) bool { return yes[item] }
}

// testWord looks for a part of a path. Most words are in a folder's path, or in a
// name, which is quicker to see than in a path that is put together.
func (m *Model) testWord(word string) func(item int) bool {
	c, across := &m.columns, strings.Contains(word, "/")
	folders := make([]bool, m.Folders())
	for i, p := range m.folders.lower {
		folders[i] = strings.Contains(p, word)
	}
	return func(i int) bool {
		return folders[c.folder[i]] || strings.Contains(m.lowerName(i), word) || across && strings.Contains(m.lowerPath(i), word)
	}
}

// lowerPath is [Model.Path] in lower case.
func (m *Model) lowerPath(i int) string {
	return strings.TrimSuffix(m.folders.lower[m.columns.folder[i]], "/") + "/" + m.lowerName(i)
}

// lowerName is [Model.Name] in lower case.
func (m *Model) lowerName(i int) string {
	return m.columns.lower[m.columns.at[i]:m.columns.at[i+1]]
}

// testPath looks for a file, or for all in a folder. Without a slash at its start
// it may begin anywhere.
func (m *Model) testPath(pattern string) func(item int) bool {
	whole := strings.TrimSuffix(pattern, "/")
	switch rooted, wild := strings.HasPrefix(pattern, "/"), strings.ContainsAny(pattern, "*?"); {
	case !wild && !rooted:
		return m.testWord(pattern)
	case !wild:
		in := func(p string) bool { return p == whole || strings.HasPrefix(p, whole+"/") }
		folders := make([]bool, m.Folders())
		for i, p := range m.folders.lower {
			folders[i] = in(p)
		}
		return func(i int) bool { return folders[m.columns.folder[i]] || in(m.lowerPath(i)) }
	case !rooted:
		whole = "*" + whole
	}
	folders := make([]bool, m.Folders())
	for i, p := range m.folders.lower {
		folders[i] = matches(whole+"/*", strings.TrimSuffix(p, "/")+"/")
	}
	var path []byte
	return func(i int) bool {
		if folders[m.columns.folder[i]] {
			return true
		}
		path = append(append(append(path[:0], m.folders.lower[m.columns.folder[i]]...), '/'), m.lowerName(i)...)
		if m.columns.folder[i] == 0 {
			return matches(whole, path[1:])
		}
		return matches(whole, path)
	}
}

// matches compares a text with a pattern, in which * matches any characters and
// ? one. Its time is at most the product of their lengths.
func matches[S ~string | ~[]byte](pattern string, s S) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Hint says of a query that selects nothing which of its names the image does
// not have, and what may have been meant; empty where there is nothing to say.
func (m *Model) Hint(q Query) string {
	for _, t := range q.Terms {
		var have []string
		what := ""
		switch t.Field {
		case "pkg":
			what = "package"
			for _, o := range m.Owners {
				have = append(have, o.Name)
			}
		case "cat":
			what, have = "category", m.Categories
		case "ext":
			what, have = "extension", m.Extensions
		default:
			continue
		}
		for _, v := range t.Values {
			if t := (Term{Field: t.Field, Values: []Value{v}}); m.Select(Query{[]Term{t}}).Sum.Files == 0 {
				return "the image has no " + what + " " + whittle.Printable(v.Text) + "; " + whittle.DidYouMean(v.Text, have, "* matches any characters")
			}
		}
	}
	return ""
}
