package dockerfile

import (
	"errors"
	"strings"
	"testing"

	"whittle.dev/whittle"

	"github.com/google/go-cmp/cmp"
)

const staged = `ARG BASE=debian
ARG KIND=slim
FROM --platform=$BUILDPLATFORM golang AS build
RUN make
FROM ${BASE} AS Slim
RUN one
FROM ${BASE}:full AS fat
RUN two
FROM ${KIND}
COPY --from=build /a /a
COPY --from=fat-tools:${KIND} /b /b
RUN three
`

func mustParse(t *testing.T, src string) *File {
	t.Helper()
	f, err := Parse("Dockerfile", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTarget(t *testing.T) {
	f := mustParse(t, staged)
	for name, want := range map[string]int{"": 3, "build": 0, "BUILD": 0, "slim": 1, "2": 2, "3": 3} {
		if st, err := f.Target(name); err != nil || st.Index != want {
			t.Errorf("target %q: %+v, %v", name, st, err)
		}
	}
	for _, name := range []string{"none", "4", "-1"} {
		_, err := f.Target(name)
		if !errors.Is(err, whittle.ErrUsage) || whittle.Hint(err) != "the stages are build, slim, fat, 3" {
			t.Errorf("target %q: %v, hint %q", name, err, whittle.Hint(err))
		}
	}
}

func TestChainAndBases(t *testing.T) {
	f := mustParse(t, staged)
	lines := func(f *File, target string) (out []int) {
		chain, err := f.Chain(target)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range chain {
			out = append(out, in.Line)
		}
		return out
	}
	for _, tt := range []struct {
		target string
		args   map[string]string
		lines  []int
		bases  []string
	}{
		{"", nil, []int{6, 10, 11, 12}, []string{"golang", "debian", "fat-tools:${KIND}"}},
		{"", map[string]string{"KIND": "fat"}, []int{8, 10, 11, 12}, []string{"golang", "debian:full", "fat-tools:${KIND}"}},
		{"", map[string]string{"KIND": "alpine:3"}, []int{10, 11, 12}, []string{"golang", "alpine:3", "fat-tools:${KIND}"}},
		{"slim", map[string]string{"BASE": "ubuntu"}, []int{6}, []string{"ubuntu"}},
		{"slim", map[string]string{"BASE": ""}, []int{6}, []string{"${BASE}"}},
		{"build", map[string]string{"UNUSED": "x"}, []int{4}, []string{"golang"}},
		{"nowhere", nil, nil, nil},
	} {
		if got := f.Bases(tt.target, tt.args); !cmp.Equal(got, tt.bases) {
			t.Errorf("bases of %q with %v: %q, want %q", tt.target, tt.args, got, tt.bases)
		}
		if tt.target == "nowhere" {
			continue
		}
		if got := lines(f.With(tt.args), tt.target); !cmp.Equal(got, tt.lines) {
			t.Errorf("chain of %q with %v: %v, want %v", tt.target, tt.args, got, tt.lines)
		}
	}
	if f.Stages[3].BaseResolved != "slim" {
		t.Error("With changed the file")
	}
}

func TestPlatforms(t *testing.T) {
	f := mustParse(t, "FROM --platform=$BUILDPLATFORM a AS x-arm64\nFROM b AS x-amd64\nFROM x-${TARGETARCH}\nFROM c:${TARGETOS}-${TARGETARCH}${TARGETVARIANT}\n")
	arm := f.With(map[string]string{"TARGETPLATFORM": "linux/arm/v7", "BUILDPLATFORM": "linux/amd64"})
	if got := arm.Stages[3].BaseResolved; got != "c:linux-armv7" {
		t.Errorf("base for linux/arm/v7: %s", got)
	}
	if got := arm.Stages[0].PlatformResolved; got != "linux/amd64" {
		t.Errorf("platform %s", got)
	}
	if st := f.With(map[string]string{"TARGETARCH": "amd64"}).Stages[2]; st.From == nil || *st.From != 1 {
		t.Errorf("stage of x-amd64: %+v", st.From)
	}
}

// TestHostile reads what is made to cost memory, time or stack.
func TestHostile(t *testing.T) {
	// BuildKit takes lines of less than 64 KiB only.
	long := func(unit string, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(unit)
			if i%(60_000/len(unit)) == 0 {
				b.WriteString("\\\n")
			}
		}
		return b.String()
	}
	for name, src := range map[string]string{
		"too large":       "FROM a\n" + strings.Repeat("#\n", MaxSize/2),
		"long line":       "FROM a\nRUN " + strings.Repeat("x", 70_000) + "\n",
		"triggers":        "FROM a\n" + long("ONBUILD ", 30_000) + "RUN x\n",
		"substitutions":   "FROM a\nRUN <<A " + long("${a:-", 30_000) + "\nA\n",
		"no end":          "FROM a\nRUN <<A\n" + strings.Repeat("b\n", 1000),
		"unknown keyword": "FROM a\n" + long("X", 100_000) + "\n",
	} {
		_, err := Parse("Dockerfile", []byte(src))
		if !errors.Is(err, whittle.ErrUsage) || len(err.Error()) > 500 {
			t.Errorf("%s: %.600v", name, err)
		}
	}
	for name, src := range map[string]string{
		"doubling arguments": "ARG a=xx\n" + strings.Repeat("ARG a=$a$a\n", 60) + "FROM $a\n",
		"deep default":       "FROM a" + long("${a:-", 20_000) + "\n",
		"brackets":           "FROM a\nRUN " + long("(", 100_000) + "\n",
		"conditions":         "FROM a\nRUN " + long("if ", 20_000) + "\n",
		"a long list":        "FROM a\nRUN " + long("a;", 30_000) + "\n",
		"many pairs":         "FROM a\nENV " + long("a=b ", 30_000) + "\n",
		"many ports":         "FROM a\nEXPOSE " + long("0-65535 ", 10_000) + "\n",
		"many stages":        strings.Repeat("FROM a AS a\nONBUILD RUN x\n", 2000),
	} {
		f, err := Parse("Dockerfile", []byte(src))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, in := range f.all() {
			if _, err := in.Shell(); err != nil && !errors.Is(err, whittle.ErrUnsupported) {
				t.Errorf("%s: %v", name, err)
			}
		}
		f.Bases("", map[string]string{"a": "x"})
	}
}
