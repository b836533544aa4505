package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/python/source/byname"
)

// loadedPage is the page about what libraries load by name, in its folder.
const loadedPage = "loaded-by-name.md"

const madeOfLoaded = "<!-- Made by `go run ./scripts/rules -w` from internal/python/source/byname/table.tsv. Change scripts/by-name.txt, not this page. -->\n\n"

// loadedText explains the table.
const loadedText = `# What libraries load by name

Some libraries load others by a name in a string: the driver of a database, the engine of a table's format, the backend of a cache. No import
statement of the application shows it, and a test that does not go there does not miss it. ` + "`whittle`" + ` knows these libraries by the table below. The
rules [unused-dependency](../reference/rules/unused-dependency.md) and [optional-dependency](../reference/rules/optional-dependency.md) and the
check of a project never call a distribution unused that the code can load so:

- A row **with words** holds if the library is used, and a module of the application, a string or setting of the project, or another installed
  distribution has one of the words. The library's own modules do not count. A word is a name of Python (` + "`read_excel`" + `), or the scheme of an address
  (` + "`postgresql://`" + `, ` + "`postgresql+asyncpg://`" + `). It also holds if that cannot be decided: the application asks for attributes by names that it makes
  (` + "`getattr(pd, 'read_' + kind)`" + `) in a module that imports the library, another distribution does so of the library's module, or a part of
  the application is compiled.
- A row **without words** holds whenever the library is used: no text decides it, because an address in the environment or the extension of a file may.
- If no row holds, what the library's own modules import for it does not count either. The distribution can be unused, the finding's risk is then
  medium, and its caution names the words that nothing has.

Besides, a distribution is not unused if it offers entry points to one that is used: in a group that begins with its name (` + "`flask.commands`" + `,
` + "`sqlalchemy.dialects`" + `), or that it has as a string in a module that looks for entry points; and if any string, setting or command names it.

The source is the library's version and the file that has the name, as found by ` + "`scripts/by-name`" + ` in its wheel, or a page of its documentation.
` + "`METADATA`" + ` is the list of its extras. ` + "`testdata/verified.tsv`" + ` beside the table has what the real libraries do: without what a row names, with it, and if the
library is only imported (` + "`WHITTLE_TEST_BYNAME=DIR go test -run TestReal ./internal/python/source/byname`" + `).

| Library | Loads | If a text has | Source |
|---|---|---|---|
`

// renderLoaded makes the page: rows of one library and source are one line.
func renderLoaded() []byte {
	var b bytes.Buffer
	b.WriteString(madeOfLoaded + loadedText)
	type line struct{ host, words, source string }
	var order []line
	names := map[line][]string{}
	for r := range byname.Rows() {
		l := line{r.Host, strings.Join(r.Words, " "), r.Source}
		if names[l] == nil {
			order = append(order, l)
		}
		names[l] = append(names[l], r.Name)
	}
	slices.SortStableFunc(order, func(a, b line) int { return strings.Compare(a.host, b.host) })
	for _, l := range order {
		words := ""
		if l.words != "" {
			words = "`" + strings.ReplaceAll(l.words, " ", "`, `") + "`"
		}
		source := l.source
		if strings.HasPrefix(source, "https://") {
			source = "<" + source + ">"
		} else {
			_, source, _ = strings.Cut(source, " ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", l.host, strings.Join(names[l], ", "), words, source)
	}
	return b.Bytes()
}

// saveLoaded writes the page, compareLoaded fails where it is not current.
func saveLoaded(dir string) error {
	return os.WriteFile(filepath.Join(dir, loadedPage), renderLoaded(), 0o644)
}

func compareLoaded(dir string) error {
	is, err := os.ReadFile(filepath.Join(dir, loadedPage))
	if err != nil {
		return err
	}
	if want := renderLoaded(); !bytes.Equal(is, want) {
		return errors.Join(fmt.Errorf("%s:%d is not what the table says", filepath.Join(dir, loadedPage), differs(is, want)), errors.New("to make it again: go run ./scripts/rules -w"))
	}
	return nil
}
