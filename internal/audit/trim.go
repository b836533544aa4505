package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/filelist"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/squeeze"
)

// Trims are the rules whose findings squeeze can remove from an image.
var Trims = []string{"docs-and-locales", "package-manager-cache", "python-tests", "static-libraries", stripDebug, unusedDependency}

// KnownTrims returns a usage error that names the first rule that is none of [Trims].
func KnownTrims(rules []string) error {
	for _, id := range rules {
		if !slices.Contains(Trims, id) {
			return whittle.WithHint(whittle.ErrUsage.Errorf("what %s finds is not removed from an image", id), whittle.DidYouMean(id, Trims, "the rules are "+strings.Join(Trims, ", ")))
		}
	}
	return nil
}

// trimming removes what rules find from an image that cannot be built again.
type trimming struct {
	env     *host.Env
	name    string
	options SqueezeOptions
	job     squeeze.Job
	x       *Examined
	trimmer *squeeze.Trimmer
	lists   *filelist.Lists
	engine  host.Builder // nil if nothing is run
	// workload is what is traced, nil if nothing is; was are then its runs in the image as
	// it is, and evidence what came of them.
	workload *workload
	was      []whittle.TraceRun
	evidence *whittle.TracedSqueeze
	// system are the packages of the operating system.
	system []distro.Installed
	before *whittle.Check
	// first and second are the trees of the image as it is, by the two readings.
	first, second *squeeze.Tree
	// reading is the second one, which has read the image's layers.
	reading squeeze.Reading
	rows    []whittle.Trim
	// saved is what stripping each library saves, in bytes.
	saved map[string]int64
}

// share is what one finding makes of an image: paths that go, each with its rule, and
// libraries that are stripped.
type share struct {
	remove map[string]string
	strip  map[string]filelist.Content
}

func (s share) empty() bool { return len(s.remove)+len(s.strip) == 0 }

// cut is an image without what was found, proven to differ in nothing else.
type cut struct {
	image   *squeeze.Trimmed
	indexes []*whittle.Index
	remove  map[string]bool
	rule    map[string]string // of each path that is removed
	strip   map[string]filelist.Content
}

func distributionsOf(x *Examined) []python.Distribution {
	if x.Facts.Graph == nil {
		return nil
	}
	return x.Facts.Graph.Distributions
}

// newTrimming reads an image for its rules, and checks it.
func newTrimming(ctx context.Context, env *host.Env, name string, o SqueezeOptions, job squeeze.Job) (_ *trimming, err error) {
	t := &trimming{env: env, name: name, options: o, job: job, reading: squeeze.Reading{Entries: env.Index.Limits.Entries}, saved: map[string]int64{}}
	if o.Traced != nil {
		if t.workload, err = readWorkload(env, o.Traced.TraceOptions); err != nil {
			return nil, err
		}
	}
	if o.Run || o.Traced != nil {
		if t.engine, err = env.Engine(ctx, true); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.workload != nil {
		t.workload.engine, t.workload.apart = t.engine, true
	}
	if t.x, err = Examine(ctx, env, name, AdviseOptions{InspectOptions: o.Inspect, Only: o.Fix, Trace: o.Trace}); err != nil {
		return nil, err
	}
	m := t.x.Subject.Image
	if len(m.Ledger.Ambiguous) > 0 {
		return nil, whittle.ErrUnsupported.Errorf("squeezing %s: nothing is removed from an image whose layers runtimes merge differently: layer %d, %.80q", name, m.Ledger.Ambiguous[0].Layer, m.Ledger.Ambiguous[0].Path)
	}
	t.system = distro.System(t.x.Facts.Packages)
	t.trimmer = squeeze.NewTrimmer(m.Image, m.Indexes, m.Ledger, job)
	t.lists = filelist.Read(m, distributionsOf(t.x), t.x.Facts.Packages)
	if t.first, t.second, err = squeeze.Trees(ctx, m.Layers(), m.Indexes, m.Ledger, &t.reading); err != nil {
		return nil, err
	}
	t.before, err = t.check(ctx, &Evidence{m, distributionsOf(t.x)})
	return t, err
}

func (t *trimming) close() {
	if t.x != nil {
		_ = t.x.Subject.Close()
	}
	if t.engine != nil {
		_ = t.engine.Close()
	}
}

func (t *trimming) check(ctx context.Context, f *Evidence) (*whittle.Check, error) {
	return f.Check(ctx, t.env, t.name, CheckOptions{Run: t.options.Run, engine: t.engine})
}

// trim removes all that the rules find, checks what is left, and takes back the findings
// that do harm. It is nil if nothing is left to remove.
func (t *trimming) trim(ctx context.Context) (*cut, error) {
	var all []share
	rules := slices.DeleteFunc(slices.Clone(t.options.Fix), func(id string) bool { return id == unusedDependency })
	if len(rules) > 0 { // no rules would be all rules
		advice, err := t.x.Advise(ctx, t.env, rules)
		if err != nil {
			return nil, err
		}
		for i := range advice.Findings {
			of, row, err := t.share(ctx, &advice.Findings[i])
			if err != nil {
				return nil, err
			}
			t.rows = append(t.rows, row)
			all = append(all, of)
		}
	}
	if len(rules) < len(t.options.Fix) {
		if paths, row, ok := t.unused(); ok {
			t.rows = append(t.rows, row)
			all = append(all, share{remove: paths})
		}
	}
	if t.workload != nil {
		paths, err := t.untouched(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, share{remove: paths})
	}
	c, harm, err := t.try(ctx, all...)
	if err != nil || harm == "" {
		return c, err
	}
	does := func(s share) bool { return !s.empty() }
	if one := slices.IndexFunc(all, does); !slices.ContainsFunc(all[one+1:], does) {
		t.rows[one].Status, t.rows[one].Reason = whittle.Reverted, harm
		return nil, nil
	}
	// Which of them does it? They are added one after another: the last that passes is the
	// image without all that do.
	var accepted []share
	c = nil
	for i, of := range all {
		if of.empty() {
			continue
		}
		more, harm, err := t.try(ctx, append(slices.Clone(accepted), of)...)
		if err != nil {
			return nil, err
		}
		if harm != "" {
			t.rows[i].Status, t.rows[i].Reason = whittle.Reverted, harm
			continue
		}
		accepted, c = append(accepted, of), more
	}
	return c, nil
}

// share is what a finding makes of the image, and what becomes of the finding.
func (t *trimming) share(ctx context.Context, f *whittle.Finding) (share, whittle.Trim, error) {
	if f.Rule == stripDebug {
		return t.stripped(ctx, f)
	}
	row := whittle.Trim{Rule: f.Rule, Message: f.Message, Status: whittle.Applied, Left: []whittle.TrimLeft{}}
	paths, left := map[string]string{}, leftBy{}
	items := t.visible()
	for _, at := range f.Change.Remove {
		item, ok := items[at]
		if !ok {
			continue // no container sees it
		}
		names, bytes := t.trimmer.Names(item), t.x.Facts.Ledger.Items[item].Bytes
		if why := t.stays(item, names); why != "" {
			left.add(why, 1, bytes)
			continue
		}
		for _, p := range names {
			paths[p] = f.Rule
		}
		row.Files++
		row.Bytes += bytes
	}
	row.Left = left.rows()
	if len(f.Change.Shrink) > 0 || row.Files == 0 {
		clear(paths)
		row.Status, row.Files, row.Bytes = whittle.FixSkipped, 0, 0
		row.Reason = "nothing of it can be removed"
	}
	return share{remove: paths}, row, nil
}

// visible are the ledger's items that a container sees, by where they are.
func (t *trimming) visible() map[whittle.Content]int {
	items := map[whittle.Content]int{}
	for i := range t.x.Facts.Ledger.Items {
		if it := &t.x.Facts.Ledger.Items[i]; it.Cause == whittle.Visible {
			items[whittle.Content{Layer: it.Layer, Entry: it.Entry}] = i
		}
	}
	return items
}

// leftBy counts the files that stay, by why they do.
type leftBy map[string]whittle.TrimLeft

func (l leftBy) add(why string, files int, bytes int64) {
	l[why] = whittle.TrimLeft{Reason: why, Files: l[why].Files + files, Bytes: l[why].Bytes + bytes}
}

func (l leftBy) rows() []whittle.TrimLeft {
	out := []whittle.TrimLeft{}
	for _, why := range slices.Sorted(maps.Keys(l)) {
		out = append(out, l[why])
	}
	return out
}

// stays says why an item stays, empty if it can go.
func (t *trimming) stays(item int, names []string) string {
	for _, p := range names {
		if why := t.trimmer.Fixed(p); why != "" {
			return why
		}
		if why := t.lists.Stays(p, t.x.Facts.Owner[item], t.trimmer.Fixed); why != "" {
			return why
		}
	}
	return ""
}

// try removes paths and strips libraries, and proves that the tree differs in nothing else.
// harm says why they have to stay.
func (t *trimming) try(ctx context.Context, shares ...share) (c *cut, harm string, err error) {
	c = &cut{remove: map[string]bool{}, rule: map[string]string{}, strip: map[string]filelist.Content{}}
	for _, s := range shares {
		for p, id := range s.remove {
			c.remove[p], c.rule[p] = true, id
		}
		maps.Copy(c.strip, s.strip)
	}
	maps.DeleteFunc(c.strip, func(p string, _ filelist.Content) bool { return c.remove[p] })
	if len(c.remove)+len(c.strip) == 0 {
		return nil, "", nil
	}
	for _, dir := range t.trimmer.Emptied(c.remove) {
		// Other folders may be there for what is written into them.
		if id := c.ruleBelow(dir); id == "python-tests" || (id == whittle.TracedTrim || id == unusedDependency) && (t.inSite(dir) || t.ofGone(dir, c.remove)) {
			c.remove[dir], c.rule[dir] = true, id
		}
	}
	t.env.Listener().Step(c.does())
	edits := t.lists.Edits(c.remove, c.strip)
	maps.Copy(edits, distro.DpkgEdits(t.x.Subject, t.system, c.remove))
	for p := range c.strip {
		edits[p] = strip
	}
	c.image, err = t.trimmer.Trim(ctx, squeeze.Trim{Remove: c.remove, Edits: edits})
	if err != nil {
		return nil, "", err
	}
	if c.indexes, err = t.index(ctx, c.image); err != nil {
		return nil, "", err
	}
	if err := t.prove(ctx, c, c.image.Layers(), c.indexes, t.reading.Clone()); err != nil {
		if r, ok := squeeze.AsRefusal(err); ok {
			return nil, r.Why, nil
		}
		return nil, "", err
	}
	f, err := ReadEvidence(ctx, t.env, c.image, t.name, true)
	if err != nil {
		return nil, "", err
	}
	after, err := t.check(ctx, f)
	if err != nil {
		return nil, "", err
	}
	if harm = harmOf(t.before, after); harm == "" && t.workload != nil && c.has(whittle.TracedTrim) {
		harm, err = t.passes(ctx, f.Image)
	}
	return c, harm, err
}

// inSite says that a folder is one of installed distributions: an empty one would be a
// package to import, or a distribution without a name.
func (t *trimming) inSite(dir string) bool {
	return slices.ContainsFunc(t.x.Facts.Graph.Distributions, func(d python.Distribution) bool { return strings.HasPrefix(dir, d.Site+"/") })
}

// has says that a rule removes something.
func (c *cut) has(rule string) bool {
	for _, id := range c.rule {
		if id == rule {
			return true
		}
	}
	return false
}

// index reads the layers that a trim has written; those of the image are known.
func (t *trimming) index(ctx context.Context, trimmed whittle.Image) (indexes []*whittle.Index, err error) {
	indexes = slices.Clone(t.x.Subject.Image.Indexes)
	for n, l := range trimmed.Layers() {
		if l.DiffID() == indexes[n].DiffID {
			continue
		}
		if indexes[n], err = index.Read(ctx, l, index.Options{Limits: t.env.Index.Limits, Hash: true}); err != nil {
			return nil, err
		}
	}
	return indexes, nil
}

// ruleBelow is the rule that removes everything in a folder, empty if several do.
func (c *cut) ruleBelow(dir string) (id string) {
	for p := range c.remove {
		if strings.HasPrefix(p, dir+"/") {
			if id != "" && id != c.rule[p] {
				return ""
			}
			id = c.rule[p]
		}
	}
	return id
}

// prove holds layers to the image as it was: by both readings, they may differ in the trim
// alone. r is the second.
func (t *trimming) prove(ctx context.Context, c *cut, layers []whittle.Layer, indexes []*whittle.Index, r *squeeze.Reading) error {
	l, err := ledger.Build(indexes, ledger.Options{Folders: int(t.env.Index.Limits.Memory / index.EntrySize)})
	if err != nil {
		return err
	}
	first, second, err := squeeze.Trees(ctx, layers, indexes, l, r)
	if err != nil {
		return err
	}
	for _, pair := range [][2]*squeeze.Tree{{t.first, first}, {t.second, second}} {
		changes, err := squeeze.TreeChanges(pair[0], pair[1])
		if err == nil {
			err = changes.Holds(pair[0], c.remove, c.image.Edited)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// harmOf says what a check finds that it did not find before, empty if there is nothing.
func harmOf(before, after *whittle.Check) string {
	known := map[string]bool{}
	for i := range before.Problems {
		known[problemKey(&before.Problems[i])] = true
	}
	for i := range after.Problems {
		if p := &after.Problems[i]; !known[problemKey(p)] {
			return p.Message
		}
	}
	failed := map[string]bool{}
	for _, s := range before.Starts {
		failed[s.Name] = failed[s.Name] || startFails(s)
	}
	for _, s := range after.Starts {
		if startFails(s) && !failed[s.Name] {
			why := "it does not run any more"
			if s.Run != nil {
				why = cmp.Or(s.Run.Problem, why)
			}
			return s.Name + ": " + why
		}
	}
	return ""
}

func startFails(s whittle.Start) bool {
	return s.Verdict == whittle.Fails || s.Run != nil && s.Run.Status == whittle.Fails
}

func problemKey(p *whittle.Problem) string {
	return strings.Join([]string{p.Rule, p.Module, p.Name, p.Wanted, p.Path}, "\x00")
}

// tell puts what was trimmed into the report of the squeezed image: its layers are compared
// with those of the image as it was.
func (t *trimming) tell(ctx context.Context, c *cut, r *whittle.Squeeze) error {
	t.countStripped(c)
	r.Trims, r.Traced = t.rows, t.evidence
	for _, id := range slices.Compact(slices.Sorted(slices.Values(t.options.Fix))) {
		if !slices.ContainsFunc(t.rows, func(row whittle.Trim) bool { return row.Rule == id }) {
			r.Notes = append(r.Notes, id+": nothing found")
		}
	}
	if c == nil || !c.has(whittle.TracedTrim) {
		t.evidence.Revert()
	}
	if c == nil {
		return nil
	}
	was := t.first.Sum()
	r.TreeBefore = &was
	raw, err := squeeze.RawConfig(t.x.Subject.Image.Image)
	if err != nil {
		return err
	}
	r.ConfigBefore, r.Before = whittle.DigestOf(raw), whittle.SqueezeSizes{}
	m := t.x.Subject.Image
	for n := range r.Layers {
		row := &r.Layers[n]
		if row.Before, err = squeeze.Describe(ctx, m.Layers()[n], m.Indexes[n]); err != nil {
			return err
		}
		addBlob(&r.Before, row.Before)
		if row.After != nil && row.Before.DiffID != row.After.DiffID && row.Action == squeeze.Kept {
			row.Action, row.Why = squeeze.Rewritten, ""
		}
		if d := c.image.Dropped[n]; d.Entries > 0 {
			row.Dropped = append(row.Dropped, d)
		}
	}
	if r.After.Stored > r.Before.Stored {
		return whittle.ErrUnsupported.Errorf("squeezing %s: it would be larger: %s instead of %s", t.name, whittle.Bytes(r.After.Stored), whittle.Bytes(r.Before.Stored))
	}
	r.Dropped = squeeze.SumDropped(r.Layers)
	return nil
}

// certified are the paths of a trim as a certificate has them.
func (c *cut) certified() *whittle.CertifiedTrim {
	out := &whittle.CertifiedTrim{Removed: []whittle.TrimmedPath{}, Edited: []whittle.EditedFile{}}
	for _, p := range slices.SortedFunc(maps.Keys(c.remove), whittle.ComparePaths) {
		out.Removed = append(out.Removed, whittle.TrimmedPath{Path: p, Rule: c.rule[p]})
	}
	for _, e := range c.image.Edited {
		if e.Before != e.After {
			f := whittle.EditedFile{Path: e.Path, Before: e.Before, After: e.After}
			if _, ok := c.strip[e.Path]; ok {
				f.Rule = stripDebug
			}
			out.Edited = append(out.Edited, f)
		}
	}
	slices.SortFunc(out.Edited, func(a, b whittle.EditedFile) int { return whittle.ComparePaths(a.Path, b.Path) })
	return out
}

// explained says whether two trees differ in just what a certificate lists, and that they
// are its trees.
func explained(c *whittle.Certificate, images []whittle.TreeImage, first, second [2]*squeeze.Tree) (*whittle.ExplainedTrim, error) {
	out := &whittle.ExplainedTrim{}
	if c.Trim == nil {
		return nil, whittle.ErrUsage.Errorf("the certificate names no trims: what it says needs no file")
	}
	if images[0].Tree.Digest != c.Before.Tree.Digest || images[1].Tree.Digest != c.After.Tree.Digest {
		out.Problem = "the certificate is about other file systems"
		return out, nil
	}
	remove, rules := map[string]bool{}, map[string]bool{}
	for _, p := range c.Trim.Removed {
		remove[p.Path], rules[p.Rule] = true, true
	}
	var edits []squeeze.Edit
	for _, e := range c.Trim.Edited {
		edits = append(edits, squeeze.Edit{Path: e.Path, Before: e.Before, After: e.After})
		if e.Rule != "" {
			rules[e.Rule] = true
			out.Stripped++
		}
	}
	for _, pair := range [][2]*squeeze.Tree{first, second} {
		changes, err := squeeze.TreeChanges(pair[0], pair[1])
		if err == nil {
			err = changes.Holds(pair[0], remove, edits)
		}
		if r, ok := squeeze.AsRefusal(err); ok {
			out.Problem = r.Why
			return out, nil
		} else if err != nil {
			return nil, err
		}
	}
	out.Holds, out.Rules = true, slices.Sorted(maps.Keys(rules))
	out.Removed, out.Edited = len(remove), len(edits)
	return out, nil
}

// ReadCertificate reads a certificate of squeeze.
func ReadCertificate(file string) (*whittle.Certificate, error) {
	text, err := whittle.ReadFile(file, maxCertificate)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	var c whittle.Certificate
	if err := whittle.ParseJSON(text, &c); err != nil {
		return nil, whittle.ErrCorrupt.Errorf("reading the certificate %s: %w", filepath.Clean(file), err)
	}
	if c.Schema != whittle.CertificateSchema {
		return nil, whittle.ErrUsage.Errorf("%s is no certificate of squeeze", filepath.Clean(file))
	}
	return &c, nil
}

// maxCertificate bounds a certificate in bytes: about 500,000 paths.
const maxCertificate = 128 << 20
