package distribution

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rule/analysis"
)

// DuplicateLibpq is the rule duplicate-libpq: libpq is there twice.
func DuplicateLibpq() analysis.Rule {
	return analysis.Rule{
		ID:    "duplicate-libpq",
		Title: "The client library of PostgreSQL is in the image twice",
		Text: `The wheels of psycopg2-binary and psycopg-binary have their own libpq, with OpenSSL and Kerberos. A libpq of the system, installed by the
Dockerfile, is of no use to them; and psycopg2 beside psycopg2-binary is the same module twice, of which one hides the other. The finding says
what takes the bytes. There is no fix: the makers of psycopg2 advise against the binary wheel in production, because its OpenSSL is not
updated with the system, so that the choice is yours.`,
		Before: "RUN apt-get install -y libpq-dev && pip install psycopg2-binary\n",
		After:  "RUN pip install psycopg2-binary\n",
		Run:    findLibpq,
	}
}

func findLibpq(p *analysis.Pass) (out []whittle.Finding) {
	if p.Graph == nil {
		return nil
	}
	binary := ""
	for _, name := range []string{"psycopg2-binary", "psycopg-binary"} {
		if i, ok := p.Graph.Find(name); ok && bundles(&p.Graph.Distributions[i]) {
			binary = name
		}
	}
	if binary == "" {
		return nil
	}
	if i, ok := p.Graph.Find("psycopg2"); ok && binary == "psycopg2-binary" {
		if b, found := p.Graph.Find(binary); found {
			// The module's own files are overwritten by whichever comes last.
			items := slices.DeleteFunc(p.Dists.Contents([]int{b}), func(it int) bool { return !strings.Contains(p.Ledger.Items[it].Path, "psycopg2_binary.libs/") })
			f := libpqFinding(p, items, "psycopg2 and psycopg2-binary are the same module; the libraries of the binary one take %s")
			f.Advice = "require one of them: " + p.Graph.Distributions[i].Name + " needs libpq5 of the system, " + binary + " does not"
			return keepLarge(p, f, items)
		}
	}
	items := p.Layers.Visible(func(it int) bool {
		name := p.Owner[it].Name
		return p.Layers.OfSystem(it) && !p.Layers.IsBase(p.Ledger.Items[it].Layer) && slices.Contains([]string{"libpq5", "libpq-dev", "libpq", "postgresql-libs"}, name)
	})
	if len(items) == 0 || p.Libraries == nil || loadsLibpq(p) {
		return nil
	}
	f := libpqFinding(p, items, binary+" has its own libpq, and nothing else loads the system's, which takes %s")
	f.Advice = "do not install libpq5 and libpq-dev, if nothing is compiled against them"
	return keepLarge(p, f, items)
}

// bundles says that a distribution has its own libpq.
func bundles(d *python.Distribution) bool {
	return slices.ContainsFunc(d.Files, func(f string) bool { return strings.HasPrefix(path.Base(f), "libpq") && strings.Contains(f, ".libs/") })
}

// loadsLibpq says that a binary outside of the packages of libpq and of the wheels
// loads the system's libpq.
func loadsLibpq(p *analysis.Pass) bool {
	for _, at := range p.Root.Paths() {
		base := path.Base(at)
		if strings.Contains(at, ".libs/") || strings.HasPrefix(base, "libpq") || !strings.Contains(base, ".so") && !strings.Contains(at, "bin/") {
			continue
		}
		if slices.ContainsFunc(p.Libraries(at), func(l string) bool { return strings.HasPrefix(l, "libpq.so") }) {
			return true
		}
	}
	return false
}

func libpqFinding(p *analysis.Pass, items []int, message string) whittle.Finding {
	return whittle.Finding{
		Evidence: p.Layers.Places(items), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "the libpq of a wheel is updated with the wheel alone, and upstream advises against it in production",
		Message:     fmt.Sprintf(message, whittle.Bytes(p.Layers.Bytes(items))),
		Fingerprint: whittle.Fingerprint("duplicate-libpq", message),
	}
}

func keepLarge(p *analysis.Pass, f whittle.Finding, items []int) []whittle.Finding {
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return nil
	}
	return []whittle.Finding{f}
}
