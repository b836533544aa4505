package recipe

import (
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/dockerfile"
)

// TestReadApt: the verb, its position, the packages, where an option would go
// and where the first package is, and whether recommended packages come along.
func TestReadApt(t *testing.T) {
	for line, want := range map[string]string{
		"apt-get install -y gcc":                                     "install 1 [gcc] 2 3 true",
		"apt-get -qq install --no-install-recommends gcc g++=4:12.2": "install 2 [gcc g++] 3 4 false",
		"sudo -E apt-get install -y libc6:arm64 git/bookworm":        "install 3 [libc6 git] 4 5 true",
		"apt-get -o Dpkg::Use-Pty=0 install -t stable curl":          "install 3 [curl] 3 6 true",
		"apt install -y -o APT::Install-Recommends=false curl":       "install 1 [curl] 2 5 false",
		"DEBIAN_FRONTEND=noninteractive /usr/bin/apt-get update":     "update 1 [] 1 2 false",
		"apt-get install -y":                                         "install 1 [] 2 3 true",
		"aptitude purge gcc":                                         "purge 1 [gcc] 1 2 false",
		"apt-get --version":                                          " 0 [] 1 2 false",
		"xargs -a packages.txt apt-get install -y":                   "install 4 [] 5 6 true",
		"pip install apt":                                            " 0 [] 0 3 false",
		"rm -rf /var/lib/apt/lists/* /var/cache/apt":                 "",
		"dpkg -i x.deb":                                              "",
		"echo one two three four five apt-get install gcc":           "",
	} {
		script, err := dockerfile.ParseShell("line", line)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if a, ok := ReadApt(&script.Commands()[0]); ok {
			last, first := a.Options()
			got = fmt.Sprintf("%s %d %v %d %d %t", a.Verb, a.At, a.Packages(), last, first, a.TakesRecommends())
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestAptInstalls: a RUN that does more than install packages is none.
func TestAptInstalls(t *testing.T) {
	for run, want := range map[string]string{
		"apt-get update && apt-get install -y gcc=1 make && rm -rf /var/lib/apt/lists/*": "gcc make",
		"set -e; apt install -t stable curl; apt-get clean":                              "curl",
		"apt-get update":                                  "",
		"apt-get install -y gcc && make":                  "",
		"apt-get install -y gcc && rm -rf /src":           "",
		"apt-get install -y $PACKAGES":                    "",
		"if true; then apt-get install -y gcc; fi":        "",
		"apt-get install -y gcc && apt-get remove -y gcc": "",
	} {
		f, err := dockerfile.Parse("Dockerfile", []byte("FROM a\nRUN "+run+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		names, ok := AptInstalls(&f.Stages[0].Instructions[0])
		if got := strings.Join(names, " "); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %t", run, got, ok)
		}
	}
}
