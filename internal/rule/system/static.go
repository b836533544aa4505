package system

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// staticArchives reports archives that a RUN downloads and unpacks, and that nothing is
// seen to delete.
func staticArchives(p *analysis.Pass) (out []whittle.Finding) {
	for _, in := range p.StaticRuns() {
		commands, _ := p.Commands(in)
		var names []string
		var first recipe.Fetch
		for _, f := range recipe.Fetches(commands) {
			at := slices.IndexFunc(commands, func(c recipe.Located) bool { return c.Span == f.Span && c.Inner == f.Inner })
			if at < 0 || !analysis.Unconditional(&f.Located) || strings.ContainsAny(f.Pattern, "*?[") || !isArchive(f.Pattern) || !p.UnpackedFrom(in, f.Pattern) {
				continue
			}
			if stays, _ := p.Stays(in, at, f.Pattern, nil); stays {
				if len(names) == 0 {
					first = f
				}
				names = append(names, path.Base(f.Pattern))
			}
		}
		if len(names) == 0 {
			continue
		}
		out = append(out, p.At(whittle.Finding{
			Message: fmt.Sprintf("what this RUN downloads to unpack it stays in the image: %s", analysis.List(names)),
			Risk:    whittle.RiskLow, Caution: "a program that unpacks it again when it runs needs it", Advice: "delete it in the RUN that downloads it",
			Fingerprint: whittle.Fingerprint("downloaded-archive", append([]string{whittle.OneLine(in.Text())}, names...)...),
		}, in, first.Span))
	}
	return out
}

// isArchive says that a name ends as those of archives and packages do, which have
// hardly ever less than 100 kB.
func isArchive(name string) bool {
	return slices.ContainsFunc([]string{".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".zip", ".7z", ".deb", ".rpm"}, func(ext string) bool {
		return strings.HasSuffix(strings.ToLower(name), ext)
	})
}

// staticHistories reports repositories that a RUN clones with their history, and that
// nothing is seen to delete.
func staticHistories(p *analysis.Pass) (out []whittle.Finding) {
	for _, in := range p.StaticRuns() {
		commands, _ := p.Commands(in)
		var names []string
		var first recipe.Clone
		for _, c := range recipe.Clones(commands) {
			at := slices.IndexFunc(commands, func(l recipe.Located) bool { return l.Span == c.Span && l.Inner == c.Inner })
			if at < 0 || !analysis.Unconditional(&c.Located) || strings.ContainsAny(c.Pattern, "*?[$") || c.Pattern == "" {
				continue
			}
			if stays, _ := p.Stays(in, at, path.Join(c.Pattern, ".git"), nil); stays {
				if len(names) == 0 {
					first = c
				}
				names = append(names, path.Join(c.Pattern, ".git"))
			}
		}
		if len(names) == 0 {
			continue
		}
		out = append(out, p.At(whittle.Finding{
			Message: fmt.Sprintf("this RUN clones with the whole history: %s", analysis.List(names)),
			Risk:    whittle.RiskMedium, Caution: "a program that asks git for its version, or updates itself, finds no repository",
			Advice:      "clone with --depth 1, or delete .git in the RUN that clones",
			Fingerprint: whittle.Fingerprint("git-history", append([]string{whittle.OneLine(in.Text())}, names...)...),
		}, in, first.Span))
	}
	return out
}

// installerImages are the images that installers are copied from.
var installerImages = []string{"ghcr.io/astral-sh/uv", "astral/uv", "docker.io/astral/uv", "composer", "composer/composer", "ghcr.io/prefix-dev/pixi"}

// staticInstallers reports installers that the final stage copies from their own images,
// and that the image does not start.
func staticInstallers(p *analysis.Pass) (out []whittle.Finding) {
	if p.Dockerfile == nil || p.Files == nil {
		return nil // a script of the project may start it
	}
	st, err := p.Dockerfile.Target(p.Target)
	if err != nil || len(p.StartWords()) == 0 {
		return nil
	}
	for i := range st.Instructions {
		in := &st.Instructions[i]
		c, ok := p.Recipe.ReadCopy(in)
		if !ok || in.Keyword != "COPY" || !c.External || !slices.Contains(installerImages, whittle.Untagged(in.Flag("from")[0])) {
			continue
		}
		if _, all := p.AllTexts(); !all {
			return nil
		}
		started := p.StartPrograms()
		var names []string
		for _, s := range c.Sources {
			names = append(names, path.Base(s))
		}
		if slices.ContainsFunc(names, func(name string) bool { return !installers[name] }) || slices.ContainsFunc(names, func(name string) bool { return started[name] }) ||
			started["uv"] || started["uvx"] {
			continue
		}
		out = append(out, p.At(whittle.Finding{
			Message: fmt.Sprintf("this COPY brings %s, which the image does not start", analysis.List(names)),
			Risk:    whittle.RiskLow, Caution: "people who use it in the running container do without it",
			Advice:      "mount it into the RUN that uses it (RUN --mount=type=bind) instead of copying it",
			Fingerprint: whittle.Fingerprint("copied-installer", append([]string{whittle.OneLine(in.Text())}, names...)...),
		}, in, whittle.Span{}))
	}
	return out
}
