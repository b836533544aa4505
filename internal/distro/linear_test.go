package distro

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
)

// TestLinear: the time over package databases and indexes grows with them.
func TestLinear(t *testing.T) {
	ctx := context.Background()
	claims := func(name string, most int, root func(n int) imagetest.Root) imagetest.Growth {
		return imagetest.Growth{Name: name, Most: most, Make: func(n int) func() {
			r := imagetest.Solid(root(n))
			return func() { _, _ = Read(ctx, r) }
		}}
	}
	one := func(file string, text func(n int) string) func(n int) imagetest.Root {
		return func(n int) imagetest.Root { return imagetest.Root{file: text(n), "usr/bin/a": ""} }
	}
	const status, apkDB = "var/lib/dpkg/status", "lib/apk/db/installed"
	install := func(name string, most int, text func(n int) string) imagetest.Growth {
		return imagetest.Growth{Name: name, Most: most, Make: func(n int) func() {
			index := text(n)
			return func() {
				x, err := ReadDebianIndex(strings.NewReader(index))
				if err == nil {
					_, _ = x.Install([]string{"p0"}, InstallOptions{Recommends: true})
				}
			}
		}}
	}
	imagetest.Linear(t,
		claims("dpkg: packages", 100_000, one(status, func(n int) string {
			return imagetest.Lines(n, "Package: p%d\nStatus: install ok installed\nVersion: 1\n\n")
		})),
		claims("dpkg: one package", 100_000, one(status, func(n int) string {
			return strings.Repeat("Package: p\nStatus: install ok installed\nVersion: 1\n\n", n)
		})),
		claims("dpkg: conffiles", 400_000, one(status, func(n int) string {
			return "Package: p\nStatus: install ok installed\nConffiles:\n" + imagetest.Lines(n, " /etc/%d 0\n")
		})),
		claims("dpkg: lines of a field", 1_000_000, one(status, func(n int) string { return "Package: p\nDescription: a\n" + strings.Repeat(" a\n", n) })),
		claims("dpkg: files", 400_000, func(n int) imagetest.Root {
			return imagetest.Root{status: "Package: p\nStatus: install ok installed\nVersion: 1\n", "var/lib/dpkg/info/p.list": imagetest.Lines(n, "/usr/%d\n")}
		}),
		claims("dpkg: diversions", 200_000, func(n int) imagetest.Root {
			return imagetest.Root{status: "Package: p\nStatus: install ok installed\nVersion: 1\n", "var/lib/dpkg/info/p.list": "/usr/bin/a\n",
				"var/lib/dpkg/diversions": imagetest.Lines(n, "/usr/%[1]d\n/usr/d%[1]d\np\n")}
		}),
		claims("apk: packages", 100_000, one(apkDB, func(n int) string { return imagetest.Lines(n, "P:p%d\nV:1\nF:usr/bin\nR:a\n\n") })),
		claims("apk: files", 400_000, one(apkDB, func(n int) string { return "P:p\nV:1\nF:usr/bin\n" + imagetest.Lines(n, "R:%d\n") })),
		claims("apk: folders", 200_000, one(apkDB, func(n int) string { return "P:p\nV:1\n" + imagetest.Lines(n, "F:d%d\nR:a\n") })),
		claims("pacman: packages", 20_000, func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("%s/p%d/desc", pacmanDir, i)] = "%NAME%\np\n"
			}
			return root
		}),
		claims("pacman: files", 400_000, one(pacmanDir+"/p/files", func(n int) string { return "%FILES%\n" + imagetest.Lines(n, "usr/%d\n") })),
		claims("conda: files", 200_000, one("opt/conda-meta/a.json", func(n int) string {
			return `{"name":"a","version":"1","files":[` + imagetest.Lines(n, `"a%d",`) + `"b"]}`
		})),
		claims("npm: packages", 4_000, func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("app/node_modules/p%d/package.json", i)] = `{"name":"a","version":"1"}`
			}
			return root
		}),
		claims("rpm: headers", 2_000, func(n int) imagetest.Root {
			headers := make([][]byte, min(n, 200))
			for i := range headers {
				headers[i] = headerFile(t)
			}
			return imagetest.Root{"var/lib/rpm/Packages.db": string(ndbDatabase(headers...)), "usr/bin/small": "x"}
		}),
		claims("rpm: pages", 20_000, func(n int) imagetest.Root {
			h := append(headerFile(t), make([]byte, 500*n)...)
			return smallRoot("var/lib/rpm/Packages", berkeleyDatabase(binary.LittleEndian, h))
		}),
		install("index: a chain", 20_000, func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "Package: p%d\nVersion: 1\nDepends: p%d\n\n", i, i+1)
			}
			return b.String()
		}),
		install("index: alternatives", 40_000, func(n int) string {
			return "Package: p0\nVersion: 1\nDepends: a" + imagetest.Lines(n, " | b%d") + "\n"
		}),
		install("index: providers", 20_000, func(n int) string {
			return "Package: p0\nVersion: 1\nDepends: v\n\n" + imagetest.Lines(n, "Package: q%d\nVersion: 1\nProvides: v\n\n")
		}),
		install("index: everything needs everything", 800, func(n int) string {
			all := "p0" + imagetest.Lines(20, ", p%d")
			return imagetest.Lines(n, "Package: p%d\nVersion: 1\nDepends: "+all+"\n\n")
		}),
		install("index: long versions", 200_000, func(n int) string {
			v := strings.Repeat("1.", n) + "1"
			return "Package: p0\nVersion: " + v + "\nDepends: p0 (>= " + v + ")\n\nPackage: p0\nVersion: " + v + "\n"
		}),
	)
}
