package base

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// OldRelease is the rule old-release: the base image is a release of Debian that gets no
// security updates any more.
func OldRelease() analysis.Rule {
	return analysis.Rule{
		ID:    "old-release",
		Title: "The base image is a Debian release without security updates",
		Text: `The release is in the tag, or in the image's os-release. Debian supports a release for five years; then its packages get no fixes, move to
archive.debian.org, and apt-get update fails. The official images have newer releases of the same line. There is no fix, because names and versions
of packages differ between releases.`,
		Before: "FROM python:3.11-slim-buster\n",
		After:  "FROM python:3.11-slim-bookworm\n",
		Run:    oldReleases,
		Static: staticReleases,
	}
}

// supportEnded is the day on which the long-term support of releases ended:
// https://wiki.debian.org/LTS
var supportEnded = map[string]string{"wheezy": "2018-05-31", "jessie": "2020-06-30", "stretch": "2022-06-30", "buster": "2024-06-30"}

func oldReleases(p *analysis.Pass) []whittle.Finding {
	return releaseFindings(p, debianRelease(p))
}

// numbered are the codenames of Debian's releases by number, as its tags have them.
var numbered = map[string]string{"7": "wheezy", "8": "jessie", "9": "stretch", "10": "buster"}

// staticReleases reports a release that the tag names.
func staticReleases(p *analysis.Pass) []whittle.Finding {
	st := baseStage(p)
	if st == nil {
		return nil
	}
	o, known := parseOfficial(st.BaseResolved)
	if !known || o.alpine != "" {
		return nil
	}
	major, _, _ := strings.Cut(o.version, ".")
	if o.name != "debian" {
		major = ""
	}
	out := releaseFindings(p, cmp.Or(o.codename, numbered[major]))
	for i := range out {
		out[i].Evidence = nil
		out[i] = p.At(out[i], &st.Head, whittle.Span{})
	}
	return out
}

// releaseFindings reports a release of the base image, empty for the one of its tag.
func releaseFindings(p *analysis.Pass, release string) []whittle.Finding {
	st := baseStage(p)
	if st == nil {
		return nil
	}
	o, known := parseOfficial(st.BaseResolved)
	release = cmp.Or(release, o.codename)
	ended, old := supportEnded[release]
	if !old {
		return nil
	}
	f := whittle.Finding{
		Message:  fmt.Sprintf("the base image %s is Debian %s, which has had no security updates since %s", st.BaseResolved, release, ended),
		Evidence: []whittle.Evidence{{Layer: -1, File: p.Dockerfile.Name, Line: st.Head.Line, What: st.BaseResolved}},
		Risk:     whittle.RiskMedium, Caution: "names and versions of packages differ between releases",
		Advice:      "use a newer release",
		Fingerprint: whittle.Fingerprint("old-release", st.BaseResolved, release),
	}
	if newer, ok := newerRelease(o); known && ok {
		f.Advice = "use " + newer
	}
	return []whittle.Finding{f}
}

// newerRelease is the same image on bookworm, for the versions that were still
// maintained when it came out.
func newerRelease(o official) (string, bool) {
	first := map[string][2]int{"python": {3, 7}, "node": {16, 0}, "ruby": {3, 0}, "debian": {0, 0}}
	least, ok := first[o.name]
	if !ok || o.version == "" && o.name != "debian" {
		return "", false
	}
	parts := strings.Split(o.version+".0", ".")
	var version [2]int
	for i := range version {
		if n, err := strconv.Atoi(parts[min(i, len(parts)-1)]); err == nil {
			version[i] = n
		} else if o.name != "debian" {
			return "", false
		}
	}
	if slices.Compare(version[:], least[:]) < 0 {
		return "", false
	}
	if o.codename, o.digest = "bookworm", ""; o.name == "debian" {
		o.version = ""
	}
	return o.String(), true
}
