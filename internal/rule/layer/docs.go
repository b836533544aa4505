package layer

import (
	"fmt"
	"path"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// DocsAndLocales is the rule docs-and-locales: documentation, manual pages and
// translations.
func DocsAndLocales() analysis.Rule {
	return analysis.Rule{
		ID:    "docs-and-locales",
		Title: "Documentation, manual pages and translations",
		Text: `System packages contain manual pages, documentation and translations; Python distributions contain translations. dpkg does not install
them if a file in /etc/dpkg/dpkg.cfg.d says so (path-exclude=/usr/share/doc/*, path-include=/usr/share/doc/*/copyright), and dnf with
--nodocs; apk has them only in separate packages. Licence texts stay. There is no fix, because no file says which languages a program is
used in. With a trace, what a run touched stays.`,
		Before: "RUN apt-get install -y git\n",
		After:  "RUN echo 'path-exclude=/usr/share/man/*' > /etc/dpkg/dpkg.cfg.d/nodocs && apt-get install -y git\n",
		Run:    findDocs,
	}
}

func findDocs(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil {
		return nil
	}
	docs := func(want func(i int) bool) []int {
		return p.Layers.Visible(func(i int) bool {
			it := &p.Ledger.Items[i]
			lowest := p.Dockerfile == nil && it.Layer == 0 // of a base image, as far as is known
			return p.Category[i] == "docs and locales" && !p.Layers.IsBase(it.Layer) && !lowest && !isLicence(it.Path) && !p.Traced.Item(i) && want(i)
		})
	}
	system := docs(func(i int) bool { return p.Owner[i].Ecosystem != "pypi" })
	python := docs(func(i int) bool { return p.Owner[i].Ecosystem == "pypi" })
	var out []whittle.Finding
	state := func(items []int, whose, advice, caution string) {
		if p.Layers.Bytes(items) < analysis.MinBytes {
			return
		}
		traced, untouched := p.Traced.Evidence(items), ""
		if len(traced) > 0 {
			untouched = ", and no traced run touched them"
		}
		out = append(out, whittle.Finding{
			Message:  fmt.Sprintf("documentation and translations of %s take %s in %s%s", whose, whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items)), untouched),
			Evidence: append(p.Layers.Places(items), traced...), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium, Advice: advice, Caution: caution,
			Fingerprint: whittle.Fingerprint("docs-and-locales", whose), Untouched: len(traced) > 0,
		})
	}
	state(system, "system packages", "have the package manager leave them out: path-exclude in /etc/dpkg/dpkg.cfg.d, dnf --nodocs",
		"a program in the image may show manual pages, or speak another language than English")
	state(python, "Python distributions", "delete the languages that the application does not speak, in the RUN that installs them",
		"messages in other languages come out in English")
	return out
}

// isLicence says that a file is the text of a licence, which must be
// distributed with the image.
func isLicence(at string) bool {
	return slices.Contains([]string{"copyright", "LICENSE", "LICENCE", "COPYING", "NOTICE"}, path.Base(at))
}
