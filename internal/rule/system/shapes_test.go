package system

import (
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// facts are those of an image with a base of one layer and a layer for each RUN,
// COPY and ADD of a Dockerfile. Packages and files are in the layers that the map
// says; each has a million bytes.
func facts(t *testing.T, source string, packages, files map[string]int) *analysis.Facts {
	t.Helper()
	f, err := dockerfile.Parse("Dockerfile", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	p := &analysis.Facts{Config: &whittle.Config{}, Dockerfile: f, Ledger: &whittle.Ledger{Tree: &whittle.Tree{}}}
	layers := 1
	chain, err := f.Chain("")
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range chain {
		st := whittle.Step{CreatedBy: in.Text(), Layer: -1, Origin: &whittle.Origin{File: "Dockerfile", Line: in.Line, Instruction: in.Keyword, Span: in.Span}}
		if in.Keyword == "RUN" || in.Keyword == "COPY" || in.Keyword == "ADD" {
			st.Layer = layers
			layers++
		}
		p.Steps = append(p.Steps, st)
	}
	for range layers {
		p.Indexes = append(p.Indexes, &whittle.Index{})
	}
	p.Ledger.Layers = make([]whittle.LayerSum, layers)
	add := func(at string, layer int, owner whittle.Owner) {
		x := p.Indexes[layer]
		p.Ledger.Items = append(p.Ledger.Items, whittle.Item{Path: at, Layer: layer, Entry: len(x.Entries), Bytes: 1_000_000, HiddenBy: -1})
		x.Entries = append(x.Entries, whittle.Entry{Path: at, Kind: whittle.File, Size: 1_000_000})
		p.Owner = append(p.Owner, owner)
		p.Category = append(p.Category, "")
	}
	for name, layer := range packages {
		o := whittle.Owner{Ecosystem: "deb", Name: name}
		p.Packages = append(p.Packages, distro.Installed{Owner: o, Reason: distro.Requested})
		add("usr/bin/"+name, layer, o)
	}
	for at, layer := range files {
		add(at, layer, whittle.Owner{Ecosystem: "instruction"})
	}
	return p
}

// fixes are what rules make of a Dockerfile, each fix alone: the RUNs of the
// result, "-" for a finding without a fix, and "" for no finding.
func fixes(t *testing.T, p *analysis.Facts, rule analysis.Rule) string {
	t.Helper()
	var out []string
	for _, f := range rule.Run(analysis.New(p)) {
		if f.Fix == nil {
			out = append(out, "-")
			continue
		}
		text, err := dockerfile.Apply(p.Dockerfile.Source, f.Fix.Patches[0].Edits)
		if err != nil {
			t.Errorf("%s: %v", f.Message, err)
		}
		_, rest, _ := strings.Cut(string(text), "\n")
		out = append(out, strings.TrimSuffix(rest, "\n"))
	}
	return strings.Join(out, "\n---\n")
}

// TestShapesOfInstalls: how commands that install are written, and what is left
// when vim and htop are not installed.
func TestShapesOfInstalls(t *testing.T) {
	for _, c := range []struct{ run, want string }{
		{"RUN apt-get update && apt-get install -y curl vim", "RUN apt-get update && apt-get install -y curl"},
		{"RUN apt-get update && apt-get install -y vim curl htop", "RUN apt-get update && apt-get install -y curl"},
		{"RUN apt-get update && apt-get install -y vim htop curl", "RUN apt-get update && apt-get install -y curl"},
		{"RUN apt-get install curl vim -y", "RUN apt-get install curl -y"},
		{"RUN apt-get install -y curl \"vim\" 'htop=3*'", "RUN apt-get install -y curl 'htop=3*'"},
		{"RUN apt-get install -y curl vim=2:9.0 htop/stable", "RUN apt-get install -y curl"},
		{"RUN set -eux; apt-get update; apt-get install -y curl vim; rm -rf /var/lib/apt/lists/*", "RUN set -eux; apt-get update; apt-get install -y curl; rm -rf /var/lib/apt/lists/*"},
		{"RUN sudo -E apt-get install -y curl vim", "RUN sudo -E apt-get install -y curl"},
		{"RUN env DEBIAN_FRONTEND=noninteractive apt-get install -y curl vim > /dev/null", "RUN env DEBIAN_FRONTEND=noninteractive apt-get install -y curl > /dev/null"},
		{"RUN DEBIAN_FRONTEND=noninteractive apt-get install -yq curl vim || exit 1", "RUN DEBIAN_FRONTEND=noninteractive apt-get install -yq curl || exit 1"},
		{"RUN apt-get update \\\n && apt-get install -y \\\n      curl \\\n      # an editor\n      vim \\\n && apt-get clean", "RUN apt-get update \\\n && apt-get install -y \\\n      curl \\\n      # an editor\n && apt-get clean"},
		{"RUN apt-get install -y \\\n  curl \\\n  htop vim", "RUN apt-get install -y \\\n  curl"},
		{"RUN <<EOF\nset -e\napt-get install -y curl vim \\\n  htop\nEOF", "RUN <<EOF\nset -e\napt-get install -y curl\nEOF"},
		{"RUN --mount=type=cache,target=/var/cache/apt apt-get install -y curl vim", "RUN --mount=type=cache,target=/var/cache/apt apt-get install -y curl"},
		{"RUN apt-get install -y vim && echo installed > /log", "RUN echo installed > /log"},
		{"RUN apt-get update && apt-get install -y vim htop\nCMD [\"sh\"]", "CMD [\"sh\"]"},
		{"RUN apt-get update && apt-get install -y vim htop && apt-get install -y curl", "RUN apt-get update && apt-get install -y curl"},
		{"RUN aptitude install -y curl vim", "RUN aptitude install -y curl"},
		{"RUN [\"apt-get\", \"install\", \"-y\", \"vim\"]", "-"},
		{"RUN sh -c 'apt-get install -y curl vim'", "-"},
		{"RUN sh -c 'apt-get install -y curl vim && vim --version'", ""},
		{"RUN if true; then apt-get install -y vim; fi", ""},
		{"RUN for p in vim htop; do apt-get install -y $p; done", ""},
		{"RUN apt-get install -y $PACKAGES", ""},
		{"RUN apt-get install -y curl vim && vim --version", ""},
		{"RUN apt-get install -y curl vim\nRUN update-alternatives --set editor /usr/bin/vim", ""},
		{"RUN apt-get install -y curl vim\nENV EDITOR=/usr/bin/vim", ""},
		{"RUN apt-get install -y curl vim\nONBUILD RUN vim -c q", ""},
		{"RUN apt-get install -y curl vim\nHEALTHCHECK CMD vim -c q", ""},
		{"RUN apt-get install -y curl vim # vim is for me", "RUN apt-get install -y curl # vim is for me"},
		{"RUN apt-get remove -y vim htop; echo apt-get install vim", ""},
		{"ONBUILD RUN apt-get install -y vim\nRUN true", ""},
	} {
		p := facts(t, "FROM debian\n"+c.run+"\n", map[string]int{"vim": 1, "htop": 1, "curl": 1, "libc6": 0}, nil)
		if got := fixes(t, p, DebuggingTools()); got != c.want {
			t.Errorf("%s\nbecomes\n%s\nnot\n%s", c.run, got, c.want)
		}
	}
}

// TestShapesOfDownloads: how files are downloaded, unpacked and deleted.
func TestShapesOfDownloads(t *testing.T) {
	for _, c := range []struct{ run, file, want string }{
		{"RUN wget https://example.org/x.tgz && tar xf x.tgz", "x.tgz", " && rm x.tgz"},
		{"RUN wget https://example.org/x.tgz; tar xf x.tgz; rm -rf /var/lib/apt/lists/*", "x.tgz", " && rm x.tgz"},
		{"RUN set -e; curl -o /tmp/x.zip https://example.org/x; cd /opt; unzip /tmp/x.zip", "tmp/x.zip", "; rm /tmp/x.zip"},
		{"RUN cd /tmp && curl -O https://example.org/x.zip && cd /opt && unzip /tmp/x.zip", "tmp/x.zip", " && rm /tmp/x.zip"},
		{"RUN cd /tmp && curl -O \"https://example.org/x-$V.zip\" && unzip x-$V.zip", "tmp/x-1.zip", " && rm \"x-$V.zip\""},
		{"RUN sudo wget https://example.org/x.deb && sudo dpkg -i x.deb", "x.deb", " && sudo rm x.deb"},
		{"RUN curl -sS https://example.org/get-pip.py -o get-pip.py && python3 get-pip.py", "get-pip.py", " && rm get-pip.py"},
		{"RUN curl -sSo i.sh https://example.org/i.sh && chmod +x i.sh && ./i.sh -b", "i.sh", " && rm i.sh"},
		{"RUN wget https://example.org/x.whl && pip install --no-deps ./x.whl", "x.whl", " && rm x.whl"},
		{"RUN wget https://example.org/x.rpm && yum localinstall -y x.rpm", "x.rpm", ""}, // what localinstall does is not known
		{"RUN wget https://example.org/x.rpm && rpm -ivh x.rpm", "x.rpm", " && rm x.rpm"},
		{"RUN wget https://example.org/x.deb && apt-get install -y ./x.deb", "x.deb", " && rm x.deb"},
		{"RUN wget https://example.org/x.deb && (dpkg -i x.deb || apt-get -f install -y)", "x.deb", " && rm x.deb"},
		{"RUN wget https://example.org/x.tgz && tar xf x.tgz || true", "x.tgz", "-"},
		{"RUN if true; then wget https://example.org/x.tgz && tar xf x.tgz; fi", "x.tgz", "-"},
		{"RUN sh -c 'wget https://example.org/x.tgz && tar xf x.tgz'", "x.tgz", ""},
		{"RUN wget https://example.org/x.tgz", "x.tgz", ""},
		{"RUN wget https://example.org/x.tgz && tar tf x.tgz", "x.tgz", ""},
		{"RUN wget https://example.org/x.tgz && cp x.tgz /srv && tar xf x.tgz", "x.tgz", ""},
		{"RUN wget https://example.org/x.tgz && tar xf x.tgz && gzip -t x.tgz", "x.tgz", ""},
		{"RUN wget https://example.org/x.tgz && tar xf x.tgz\nCMD [\"cat\", \"/x.tgz\"]", "x.tgz", ""},
		{"RUN curl -fsSL https://example.org/x.tgz | tar xz", "x.tgz", ""},
	} {
		p := facts(t, "FROM debian\n"+c.run+"\n", nil, map[string]int{c.file: 1})
		want := c.want
		if want != "" && want != "-" {
			want = c.run + want
		}
		if got := fixes(t, p, DownloadedArchive()); got != want {
			t.Errorf("%s\nbecomes\n%s\nnot\n%s", c.run, got, want)
		}
	}
}

// TestShapesOfJoins: RUNs that download and unpack, and what is between them.
func TestShapesOfJoins(t *testing.T) {
	const fetch = "RUN wget https://example.org/x.tgz"
	for _, c := range []struct{ first, rest, want string }{
		{fetch, "RUN tar xf x.tgz", fetch + " && tar xf x.tgz && rm x.tgz"},
		{fetch, "LABEL a=b\nRUN tar xf x.tgz && \\\n  echo done", fetch + " && tar xf x.tgz && echo done && rm x.tgz\nLABEL a=b"},
		{"RUN set -ex; wget https://example.org/x.tgz; true", "RUN tar xf x.tgz", "RUN set -ex; wget https://example.org/x.tgz; true; tar xf x.tgz; rm x.tgz"},
		{fetch, "RUN cat x.tgz | tar x && tar xf x.tgz", fetch + " && cat x.tgz | tar x && tar xf x.tgz && rm x.tgz"},
		{fetch, "RUN echo 'a\\\n b' && tar xf x.tgz", fetch + " && echo 'a b' && tar xf x.tgz && rm x.tgz"},
		{fetch, "ENV A=b\nRUN tar xf x.tgz", "-"},
		{fetch, "WORKDIR /tmp\nRUN tar xf /x.tgz", ""}, // nobody knows where the first RUN works
		{fetch, "USER app\nRUN tar xf x.tgz", "-"},
		{fetch, "COPY a /\nRUN tar xf x.tgz", "-"},
		{fetch, "RUN --mount=type=tmpfs,target=/tmp tar xf x.tgz", "-"},
		{fetch, "RUN tar xf x.tgz; true", "-"},
		{fetch, "RUN tar xf x.tgz || true", "-"},
		{fetch, "RUN if true; then tar xf x.tgz; fi", "-"},
		{fetch, "RUN <<EOF\ntar xf x.tgz\nEOF", "-"},
		{"RUN export A=b && wget https://example.org/x.tgz", "RUN tar xf x.tgz", "-"},
		{fetch + " || true", "RUN tar xf x.tgz", "-"},
		{fetch, "RUN [\"tar\", \"xf\", \"x.tgz\"]", "-"},
		{fetch, "SHELL [\"/bin/bash\", \"-c\"]\nRUN tar xf x.tgz", "-"},
	} {
		run := c.first + "\n" + c.rest
		p := facts(t, "FROM debian\n"+run+"\n", nil, map[string]int{"x.tgz": 1})
		if got := fixes(t, p, DownloadedArchive()); got != c.want {
			t.Errorf("%s\nbecomes\n%s\nnot\n%s", run, got, c.want)
		}
	}
}

// TestShapesOfUpgrades: commands that upgrade, and what is left without them.
func TestShapesOfUpgrades(t *testing.T) {
	for _, c := range []struct{ run, want string }{
		{"RUN apt-get update && apt-get upgrade -y && apt-get install -y curl", "RUN apt-get update && apt-get install -y curl"},
		{"RUN apt-get update; apt-get -y dist-upgrade; apt-get install -y curl", "RUN apt-get update; apt-get install -y curl"},
		{"RUN apt-get update && apt-get install -y curl && apt-get upgrade -y", "RUN apt-get update && apt-get install -y curl"},
		{"RUN apt-get update \\\n && apt-get upgrade -y \\\n # tools\n && apt-get install -y curl", "RUN apt-get update \\\n # tools\n && apt-get install -y curl"},
		{"RUN yum -y update && yum install -y curl && yum clean all", "RUN yum install -y curl && yum clean all"},
		{"RUN yum -y update && yum clean all\nCMD [\"sh\"]", "CMD [\"sh\"]"},
		{"RUN apk --no-cache upgrade && apk add --no-cache curl", "RUN apk add --no-cache curl"},
		{"RUN apt-get update && apt-get upgrade -y | tee log && apt-get install -y curl", "-"},
		{"RUN (apt-get update && apt-get upgrade -y) && echo x > y", "-"},
		{"RUN apt-get update && apt-get upgrade -y && apt-get upgrade -y curl && echo x > y", "RUN apt-get update && apt-get upgrade -y curl && echo x > y"},
		{"RUN apt-get update && apt-get upgrade -y", "RUN apt-get update"}, // nothing else makes the stage
		{"RUN apt-get upgrade -y\nRUN true", "RUN true"},
		{"ONBUILD RUN apt-get upgrade -y\nRUN true", ""},
	} {
		p := facts(t, "FROM debian\n"+c.run+"\n", map[string]int{"libc6": 0, "curl": 1}, nil)
		upgradeAgain(p, "usr/bin/libc6")
		if got := fixes(t, p, WholeUpgrade()); got != c.want {
			t.Errorf("%s\nbecomes\n%s\nnot\n%s", c.run, got, c.want)
		}
	}
}

// upgradeAgain makes the layer above the base have a file again.
func upgradeAgain(p *analysis.Facts, at string) {
	for i := range p.Ledger.Items {
		if it := p.Ledger.Items[i]; it.Path == at {
			p.Ledger.Items[i].Cause, p.Ledger.Items[i].HiddenBy = whittle.Replaced, 1
			x := p.Indexes[1]
			p.Ledger.Items = append(p.Ledger.Items, whittle.Item{Path: at, Layer: 1, Entry: len(x.Entries), Bytes: it.Bytes, HiddenBy: -1})
			x.Entries = append(x.Entries, whittle.Entry{Path: at, Kind: whittle.File, Size: it.Bytes})
			p.Owner, p.Category = append(p.Owner, p.Owner[i]), append(p.Category, "")
			return
		}
	}
	panic(fmt.Sprintf("no item %s", at))
}
