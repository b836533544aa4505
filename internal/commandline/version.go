package commandline

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
)

// Origin is which whittle this is. What is not known is empty.
type Origin struct {
	Version, Commit, Date, Go string
	Modified                  bool // there were changes that no commit has
}

// ThisBuild is what Go has written into this program, where the release that the linker
// has written into it is empty.
func ThisBuild(release Origin) Origin {
	o := release
	o.Go = runtime.Version()
	info, ok := debug.ReadBuildInfo()
	if !ok || o.Version != "" {
		return o
	}
	o.Version = strings.TrimPrefix(info.Main.Version, "v")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			o.Commit = s.Value
		case "vcs.time":
			o.Date = s.Value
		case "vcs.modified":
			o.Modified = s.Value == "true"
		}
	}
	return o
}

// VersionSchema names the form of version's JSON.
const VersionSchema = "whittle.version/v1"

// VersionFacts is what "whittle version" prints. What is not known is empty.
type VersionFacts struct {
	Schema   string `json:"schema"`
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Date     string `json:"date"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Facts are what is printed.
func (o Origin) Facts() VersionFacts {
	return VersionFacts{VersionSchema, o.Version, o.Commit, o.Date, o.Modified, o.Go, runtime.GOOS + "/" + runtime.GOARCH}
}

// VersionText writes them for a terminal.
func VersionText(w io.Writer, v VersionFacts) error {
	var b strings.Builder
	fmt.Fprintf(&b, "whittle %s\n", cmp.Or(v.Version, "unknown"))
	for _, row := range [][2]string{{"commit", v.Commit + map[bool]string{true: ", with changes"}[v.Modified]}, {"date", v.Date}, {"go", v.Go}, {"platform", v.Platform}} {
		if row[1] != "" {
			fmt.Fprintf(&b, "  %-9s %s\n", row[0], row[1])
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
