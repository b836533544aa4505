package recipe

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/imagetest"
)

// run is the last RUN of a Dockerfile with a script.
func run(t *testing.T, script string) *dockerfile.Instruction {
	t.Helper()
	f, err := dockerfile.Parse("Dockerfile", []byte("FROM debian\nRUN "+script+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return &f.Stages[0].Instructions[0]
}

func TestSystemCommands(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"apt-get update && apt-get -y -o A=b install --no-install-recommends curl=1.2 vim-", "apt update, apt install curl vim-"},
		{"sudo -E -u root apt-get upgrade -y", "apt upgrade all"},
		{"env DEBIAN_FRONTEND=noninteractive nice -n 5 apt-get dist-upgrade", "apt dist-upgrade all"},
		{"DEBIAN_FRONTEND=noninteractive apt-get full-upgrade -t bookworm-backports", "apt full-upgrade all"},
		{"apt-get -s upgrade; apt-get upgrade --dry-run; apt-get -d upgrade", ""},
		{"apt-get upgrade curl", "apt upgrade curl"},
		{"apt-get install ./x.deb 'lib*' task^", "apt install   task^"},
		{"aptitude safe-upgrade", "apt safe-upgrade all"},
		{"apk -U upgrade && apk upgrade --no-cache busybox", "apk upgrade all, apk upgrade busybox"},
		{"apk add --virtual .deps 'gcc>9' musl-dev=1 -X https://example.org/edge git@edge", "apk add gcc musl-dev "},
		{"apk --root /mnt add curl", ""},
		{"yum -y update && dnf5 distro-sync --setopt=a=b && microdnf upgrade -y --nodocs", "dnf update all, dnf distro-sync all, dnf upgrade all"},
		{"dnf --installroot /mnt upgrade; dnf --installroot=/mnt upgrade; yum check-update", "dnf check-update"},
		{"dnf install -y --enablerepo epel htop @development", "dnf install htop "},
		{"zypper --non-interactive dup", "zypper dup all"},
		{"sh -c 'apt-get update && apt-get upgrade'", "(apt update), (apt upgrade all)"},
		{"bash -euxc \"sudo apk upgrade\"", "(apk upgrade all)"},
		{"echo apt-get upgrade && which apt-get && man apt-get", ""},
		{"(apt-get upgrade) || true", "apt upgrade all"},
		{`["apt-get", "upgrade", "-y"]`, "apt upgrade all"},
		{"apt-get", "apt "},
	} {
		commands, ok := SystemCommands(run(t, c.script))
		var got []string
		for _, s := range commands {
			text := s.Manager + " " + s.Verb
			for _, n := range s.Names {
				text += " " + s.Package(n)
			}
			if s.UpgradesAll() {
				text += " all"
			}
			if s.Inner {
				text = "(" + text + ")"
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" || !ok {
			t.Errorf("%s: ok %v (-want +got):\n%s", c.script, ok, diff)
		}
	}
	for _, script := range []string{`sh -c "$SCRIPT"`, `bash -c 'if'`} {
		if _, ok := SystemCommands(run(t, script)); ok {
			t.Errorf("%s: nobody knows what it runs", script)
		}
	}
}

func TestInstallerUpgrades(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"pip install --upgrade pip", "[pip]@3"},
		{"python3 -m pip install -qU --no-cache-dir pip setuptools wheel", "[pip setuptools wheel]@6,7,8"},
		{"/venv/bin/pip3.11 install -U pip -r requirements.txt", "[pip]@3 others"},
		{"sudo -H pip install pip --upgrade flask", "[pip]@4 others"},
		{"pip install -U 'pip<24' setuptools", "[setuptools]@4 pinned"},
		{"pip install pip==23.1", "[]@ pinned"},
		{"sh -c 'pip install -U pip'", "[pip]@3 inner"},
		{"pip install -U pip==$V", ""}, // of which version, only the shell knows
		{"pip install pip; pip install -U setuptools; pip download -U pip; uv pip install -U pip; echo pip install -U pip", ""},
	} {
		var got []string
		for _, u := range InstallerUpgrades(run(t, c.script)) {
			text := fmt.Sprintf("%v@%s", u.Tools, strings.ReplaceAll(strings.Trim(fmt.Sprint(u.At), "[]"), " ", ","))
			for _, o := range []struct {
				is   bool
				name string
			}{{u.Pinned, " pinned"}, {u.Others, " others"}, {u.Inner, " inner"}} {
				if o.is {
					text += o.name
				}
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.script, diff)
		}
	}
}

func TestFetches(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"wget https://example.org/a/x.tgz", "x.tgz: w/x.tgz"},
		{"wget -qO /tmp/y.zip https://example.org/x?z=1", "/tmp/y.zip: tmp/y.zip"},
		{"wget -qO- https://example.org/x.tgz | tar xz", ""},
		{"wget --output-document=y.zip https://example.org/x", "y.zip: w/y.zip"},
		{"wget -P /opt/ https://example.org/x.deb 'https://example.org/y.deb'", "/opt/x.deb: opt/x.deb"},
		{"wget https://example.org/x.tgz?raw=true", ""},
		{"cd /tmp && wget https://example.org/x-$V.tgz https://example.org/y.tgz", "x-$V.tgz: tmp/x-*.tgz, y.tgz: tmp/y.tgz"},
		{`curl -fsSLO "https://example.org/x-${V}.tar.gz" && cd sub && curl -O https://example.org/z`, `"x-${V}.tar.gz": w/x-*.tar.gz, z: w/sub/z`},
		{"curl -fsSL -o $FILE https://example.org/x", "$FILE: w/*"},
		{"curl -fsSLo ~/x.sh https://example.org/x; curl -sS https://example.org/get-pip.py > get-pip.py", "get-pip.py: w/get-pip.py"},
		{"curl -sS https://example.org/x > /dev/null; curl https://example.org/x | sh", ""},
		{"cd $DIR && curl -O https://example.org/x && curl -o /a/x https://example.org/x", "/a/x: a/x"},
		{"(cd /tmp && wget https://example.org/x.tgz)", ""},
		{"sudo wget https://example.org/x.tgz", "x.tgz: w/x.tgz"},
		{"echo curl -O https://example.org/x", ""},
	} {
		commands, ok := Locate(run(t, c.script), "/w")
		if !ok {
			t.Errorf("%s: cannot be read", c.script)
		}
		var got []string
		for _, f := range Fetches(commands) {
			got = append(got, f.Text+": "+f.Pattern)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.script, diff)
		}
	}
}

// TestAt: the word for a file at the end of a script.
func TestAt(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"wget https://example.org/x.tgz", "x.tgz"},
		{"cd /tmp && wget https://example.org/x.tgz && cd sub", "/tmp/x.tgz"},
		{"cd /tmp && wget https://example.org/x.tgz && cd $DIR", "/tmp/x.tgz"},
		{"cd / && wget https://example.org/x.tgz && cd /tmp", "/x.tgz"},
		{`cd /tmp && curl -O "https://example.org/x-$V.tgz" && cd /`, `"/tmp/x-$V.tgz"`},
		{`cd $DIR && curl -o "/tmp/x" https://example.org/x`, `"/tmp/x"`},
		{"cd /tmp && curl -O https://example.org/$FILE && cd /", "/tmp/$FILE"},
	} {
		commands, _ := Locate(run(t, c.script), "/w")
		fetches := Fetches(commands)
		if len(fetches) != 1 {
			t.Errorf("%s: %d files", c.script, len(fetches))
			continue
		}
		if got := fetches[0].At(&commands[len(commands)-1]); got != c.want {
			t.Errorf("%s: %s, not %s", c.script, got, c.want)
		}
	}
}

func TestClones(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"git clone https://example.org/me/tool.git", "tool: w/tool"},
		{"git clone -b v1 --recurse-submodules git@example.org:tool /opt/t/", "/opt/t: opt/t"},
		{"git -c a=b clone ssh://git@example.org/me/tool.git/ .", ".: w"},
		{"cd /src && git clone https://example.org/tool-$V /src/tool-$V", "/src/tool-$V: src/tool-*"},
		{"git clone https://example.org/$NAME", ""},
		{"git -C /opt clone https://example.org/tool", ""},
		{"git clone --depth 1 https://example.org/tool; git clone --depth=1 https://example.org/tool; git clone --bare https://example.org/tool", ""},
		{"git pull; git init; echo git clone x", ""},
		{"git clone", ""},
	} {
		commands, _ := Locate(run(t, c.script), "/w")
		var got []string
		for _, f := range Clones(commands) {
			got = append(got, f.Text+": "+f.Pattern)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.script, diff)
		}
	}
}

// TestCommandsLinear: what the commands of a RUN do is read in time that grows
// with the script.
func TestCommandsLinear(t *testing.T) {
	script := func(part string) func(n int) func() {
		return func(n int) func() {
			f, err := dockerfile.Parse("Dockerfile", []byte("FROM debian\nRUN true"+strings.Repeat(part, n)+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			in := &f.Stages[0].Instructions[0]
			return func() {
				commands, _ := Locate(in, "/w")
				Fetches(commands)
				Clones(commands)
				SystemCommands(in)
				InstallerUpgrades(in)
			}
		}
	}
	imagetest.Linear(t,
		imagetest.Growth{Name: "commands that change the folder", Most: 4000, Make: script(" && cd a")},
		imagetest.Growth{Name: "names of packages", Most: 1500, Make: script(" && apt-get install -y a=1 pip")},
		imagetest.Growth{Name: "scripts in scripts", Most: 1500, Make: script(` && sh -c "sh -c 'cd a'"`)},
		imagetest.Growth{Name: "addresses", Most: 1400, Make: script(" && curl -O https://example.org/$A/b")},
		imagetest.Growth{Name: "repositories", Most: 1300, Make: script(" && git clone https://example.org/a")},
	)
}
