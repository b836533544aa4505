package python

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
)

// TestRecordsLinear is the same for what an installation says of itself.
func TestRecordsLinear(t *testing.T) {
	ctx := context.Background()
	claims := func(most int, name string, root func(n int) imagetest.Root) imagetest.Growth {
		return imagetest.Growth{Name: name, Most: most, Make: func(n int) func() {
			r := imagetest.Solid(root(n))
			return func() { _, _ = Claims(ctx, r) }
		}}
	}
	record := func(file string) func(string) imagetest.Root {
		return func(text string) imagetest.Root {
			return imagetest.Root{site + "a-1.dist-info/METADATA": metadata("a", "1"), site + "a-1.dist-info/" + file: text}
		}
	}
	egg := func(file, text string) imagetest.Root {
		return imagetest.Root{site + "a-1.egg-info/PKG-INFO": metadata("a", "1"), site + "a-1.egg-info/" + file: text}
	}
	imagetest.Linear(t,
		claims(1_000_000, "lines of a RECORD", func(n int) imagetest.Root { return record("RECORD")(imagetest.Lines(n, "a%d.py,,\n")) }),
		claims(1_000_000, "quotes in a RECORD", func(n int) imagetest.Root { return record("RECORD")(strings.Repeat("\"", n)) }),
		claims(400_000, "climbing lines of a RECORD", func(n int) imagetest.Root { return record("RECORD")(strings.Repeat("../a.py\n", n)) }),
		claims(4_000_000, "deep names of a RECORD", func(n int) imagetest.Root { return record("RECORD")(strings.Repeat("a/", n)) }),
		claims(1_000_000, "headers of METADATA", func(n int) imagetest.Root { return record("METADATA")(imagetest.Lines(n, "Requires-Dist: a%d\n")) }),
		claims(4_000_000, "continued headers", func(n int) imagetest.Root { return record("METADATA")("Name: a" + strings.Repeat("\n b", n)) }),
		claims(100_000, "entry points", func(n int) imagetest.Root {
			return record("entry_points.txt")("[a]\n" + imagetest.Lines(n, "a%d = b:c\n"))
		}),
		claims(400_000, "extras of an entry point", func(n int) imagetest.Root {
			return record("entry_points.txt")("[a]\na = b [" + strings.Repeat("x,", n) + "]\n")
		}),
		claims(200_000, "tags", func(n int) imagetest.Root { return record("WHEEL")(strings.Repeat("Tag: a-b-c\n", n)) }),
		claims(2_000, "tags that multiply", func(n int) imagetest.Root {
			dots := strings.Repeat("a.", n) + "a"
			return record("WHEEL")("Tag: " + dots + "-" + dots + "-" + dots + "\n")
		}),
		claims(400_000, "installed-files.txt", func(n int) imagetest.Root { return egg("installed-files.txt", imagetest.Lines(n, "../a%d.py\n")) }),
		claims(100_000, "top_level.txt", func(n int) imagetest.Root { return egg("top_level.txt", imagetest.Lines(n, "a%d\n")) }),
		claims(400_000, "SOURCES.txt", func(n int) imagetest.Root { return egg("SOURCES.txt", imagetest.Lines(n, "a/a%d.py\n")) }),
		claims(20_000, "requires.txt", func(n int) imagetest.Root {
			return egg("requires.txt", imagetest.Lines(n, "[a%[1]d:b=='c']\nd%[1]d\n"))
		}),
		claims(40_000, "egg-links", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("%sa%d.egg-link", site, i)] = "/a\n"
			}
			return root
		}),
		claims(10_000, "distributions", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("%sa%d-1.dist-info/METADATA", site, i)] = "Name: a\n"
			}
			return root
		}),
		claims(20_000, "distributions of the same files", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("%sa/a%d.py", site, i)] = ""
			}
			for i := range 20 {
				root[fmt.Sprintf("%sb%d.egg-info/PKG-INFO", site, i)] = "Name: a\n"
				root[fmt.Sprintf("%sb%d.egg-info/top_level.txt", site, i)] = "a\n"
			}
			return root
		}),
		claims(10_000, "eggs in eggs", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range 100 {
				root[strings.Repeat("a.egg/", i)+"EGG-INFO/PKG-INFO"] = "Name: a\n"
			}
			for i := range n {
				root[strings.Repeat("a.egg/", 100)+fmt.Sprint(i)] = ""
			}
			return root
		}),
		claims(10_000, "interpreters", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("p%d/lib/python3.13/os.py", i)], root[fmt.Sprintf("p%d/lib/python3.13/site.py", i)] = "", ""
			}
			return root
		}),
		claims(20_000, "virtual environments", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("v%d/pyvenv.cfg", i)] = "home = /usr/bin\n"
			}
			return root
		}),
		claims(100_000, "lines of pyvenv.cfg", func(n int) imagetest.Root {
			return imagetest.Root{"v/pyvenv.cfg": strings.Repeat("home = /usr/bin\n", n)}
		}),
	)
}
