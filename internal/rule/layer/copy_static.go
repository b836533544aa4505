package layer

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// maxWalked bounds the files of the build context that are looked at for one COPY.
const maxWalked = 20_000

// sent are the files that a COPY brings from the build context, with their sizes. It
// stops at a limit: then there are more.
func sent(p *analysis.Pass, c *recipe.Copy, visit func(at string, bytes int64)) {
	n := 0
	for _, s := range c.Sources {
		root := strings.Trim(path.Clean("/"+s), "/")
		if root == "" {
			root = "."
		}
		if strings.ContainsAny(s, "*?[") || !fs.ValidPath(root) {
			continue
		}
		_ = fs.WalkDir(p.Files, root, func(at string, e fs.DirEntry, err error) error {
			if err != nil || n >= maxWalked {
				return fs.SkipDir
			}
			if n++; !e.Type().IsRegular() || p.Ignore.Excludes(at) {
				return nil
			}
			if info, err := e.Info(); err == nil {
				visit(at, info.Size())
			}
			return nil
		})
	}
}

// contextCopies are the COPYs of the image from the build context whose words can be read.
func contextCopies(p *analysis.Pass) (out []recipe.Copy) {
	if p.Files == nil || p.Dockerfile == nil {
		return nil
	}
	for _, in := range p.Recipe.Chain() {
		if c, ok := p.Recipe.ReadCopy(in); ok && c.FromContext() && in.Keyword == "COPY" && len(in.Flag("exclude")) == 0 {
			out = append(out, c)
		}
	}
	return out
}

// staticJunk reports what COPYs bring of the build context as it is on disk.
func staticJunk(p *analysis.Pass) (out []whittle.Finding) {
	copies := contextCopies(p)
	if len(copies) == 0 {
		return nil
	}
	y := &contextScan{p: p, git: asksGit(p), node: startsAny(p, "npm", "yarn", "pnpm"), imported: map[string]bool{}}
	for _, folder := range []string{"tests", "test"} {
		y.imported[folder] = !bringsMuch(p, copies, folder) || importsTests(p, folder)
	}
	for i := range copies {
		c := &copies[i]
		sums, files := map[junkKind]int64{}, map[junkKind]int{}
		patterns := map[junkKind]map[string]bool{tools: {}, tests: {}, dumps: {}}
		free := map[string]bool{}
		sent(p, c, func(at string, bytes int64) {
			top, pattern, kind := y.in(at)
			if kind == noJunk {
				return
			}
			ok, seen := free[top]
			if !seen {
				ok = !namedInFile(p, top) && (kind == tools || !p.Texts().NamesPlace(top, kind == dumps)) && !deletedLater(p, c, top)
				free[top] = ok
			}
			if ok {
				sums[kind] += bytes
				files[kind]++
				patterns[kind][pattern] = true
			}
		})
		for _, kind := range []junkKind{tools, tests, dumps} {
			if sums[kind] >= analysis.MinBytes {
				names := slices.Sorted(maps.Keys(patterns[kind]))
				out = append(out, p.At(staticIgnorable(p, kind, sums[kind], files[kind], names), c.Instruction, whittle.Span{}))
			}
		}
	}
	return out
}

// bringsMuch says that COPYs bring at least a reportable sum from a folder of the context.
func bringsMuch(p *analysis.Pass, copies []recipe.Copy, folder string) bool {
	if !p.Recipe.InContext(folder) {
		return false
	}
	var sum int64
	sent(p, &recipe.Copy{Sources: []string{folder}}, func(_ string, bytes int64) { sum += bytes })
	return sum >= analysis.MinBytes && slices.ContainsFunc(copies, func(c recipe.Copy) bool { return slices.Contains(c.Sources, ".") || slices.Contains(c.Sources, "./") })
}

// deletedLater says that a RUN may delete a path that a COPY brought.
func deletedLater(p *analysis.Pass, c *recipe.Copy, at string) bool {
	chain := p.Recipe.Chain()
	return slices.ContainsFunc(chain[slices.Index(chain, c.Instruction)+1:], func(in *dockerfile.Instruction) bool {
		return in.Keyword == "RUN" && strings.Contains(in.Text(), path.Base(at))
	})
}

func staticIgnorable(p *analysis.Pass, kind junkKind, sum int64, files int, patterns []string) whittle.Finding {
	f := junkFinding(p, kind, "this COPY brings", sum, files, patterns)
	f.Saving = whittle.Saving{Low: sum, High: sum}
	return f
}

// staticOwners reports RUNs that give what a COPY brought to another user.
func staticOwners(p *analysis.Pass) (out []whittle.Finding) {
	copies := contextCopies(p)
	for _, in := range p.StaticRuns() {
		acts, ok := p.Recipe.Actions(in)
		if !ok || !recipe.IsPlainList(acts) || !recipe.IsRoot(p.Recipe.Last(in, "USER")) {
			continue
		}
		for _, a := range acts {
			if a.Effect != recipe.ChangesOwner || a.Name() != "chown" || !a.Complete || !a.Exact || !a.Recursive || toRoot(a.Value) || len(a.Words) != 3+len(a.Paths) {
				continue
			}
			var sum int64
			files := 0
			var by []string
			for i := range copies {
				c := &copies[i]
				if c.Instruction.Span.Start > in.Span.Start || c.Instruction.Stage > in.Stage || len(c.Instruction.Flag("chown")) > 0 ||
					!slices.ContainsFunc(a.Paths, func(at string) bool { return whittle.Under(c.Dest, at) }) || movedBetween(p, c, in) {
					continue
				}
				before := sum
				sent(p, c, func(_ string, bytes int64) {
					sum += bytes
					files++
				})
				if sum > before {
					by = append(by, p.Recipe.Name(c.Instruction))
				}
			}
			if sum < analysis.MinBytes {
				continue
			}
			out = append(out, p.At(whittle.Finding{
				Message: fmt.Sprintf("this RUN writes %s in %s of %s again only to change the owner: the first copy is hidden, but still in the image", whittle.Bytes(sum), analysis.FileCount(files), analysis.List(by)),
				Risk:    whittle.RiskLow, Caution: "what other instructions put into the same folder keeps its owner and mode",
				Advice:      "let COPY set it by --chown, which makes no second copy",
				Fingerprint: whittle.Fingerprint("metadata-copy", append([]string{whittle.OneLine(in.Text())}, by...)...), Saving: whittle.Saving{Low: sum, High: sum},
			}, in, a.Span))
			break
		}
	}
	return out
}

// toRoot says that an owner may be root, which owns what COPY brings.
func toRoot(owner string) bool {
	user, group, _ := strings.Cut(strings.ReplaceAll(owner, ".", ":"), ":")
	return user == "root" || user == "0" || user == "" || strings.ContainsAny(owner, "$`") || group == "root" && user == "root"
}

// movedBetween says that a RUN between a COPY and another one works on what it brought.
func movedBetween(p *analysis.Pass, c *recipe.Copy, in *dockerfile.Instruction) bool {
	between, ok := p.Recipe.Between(c.Instruction, in)
	return !ok || slices.ContainsFunc(between, func(o *dockerfile.Instruction) bool {
		return o.Keyword == "RUN" && strings.Contains(o.Text(), "chown") || o.Keyword == "RUN" && strings.Contains(o.Text(), "rm ") || o.Keyword == "RUN" && strings.Contains(o.Text(), "mv ")
	})
}
