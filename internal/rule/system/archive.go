package system

import (
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// DownloadedArchive is the rule downloaded-archive: an archive that was unpacked
// is still in the image.
func DownloadedArchive() analysis.Rule {
	return analysis.Rule{
		ID:    "downloaded-archive",
		Title: "A downloaded archive is in the image beside what was unpacked from it",
		Text: `A file that curl, wget or ADD downloads and that tar, unzip, dpkg, pip or a shell unpacks or installs is not needed any more. It stays in the
image if nothing deletes it, and also if another RUN does than the one that downloads it. Download, unpack and delete in one RUN. Only
files are reported that a command unpacks and that nothing else names. The fix deletes the file in the RUN that downloads it, and joins
with it the RUNs that unpack and delete it if they follow one another; checks of sums and signatures stay.`,
		Before: "RUN wget https://example.org/tool-1.0.tar.gz\nRUN tar -xzf tool-1.0.tar.gz\nRUN rm tool-1.0.tar.gz\n",
		After:  "RUN wget https://example.org/tool-1.0.tar.gz && tar -xzf tool-1.0.tar.gz && rm tool-1.0.tar.gz\n",
		Run:    downloadedArchives,
		Static: staticArchives,
	}
}

func downloadedArchives(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil {
		return nil
	}
	var out []whittle.Finding
	all := p.Archives()
	for len(all) > 0 {
		first := &all[0]
		var mine, rest []analysis.Archive
		for _, a := range all {
			if a.By == first.By && slices.Equal(a.Users, first.Users) && hider(p, &a) == hider(p, first) {
				mine = append(mine, a)
			} else {
				rest = append(rest, a)
			}
		}
		all = rest
		if f, ok := archivesLeft(p, mine); ok {
			out = append(out, f)
		}
	}
	return out
}

// hider is the layer that deletes an archive, -1 if none does.
func hider(p *analysis.Pass, a *analysis.Archive) int { return p.Ledger.Items[a.Item].HiddenBy }

// archivesLeft reports the archives of one RUN or ADD that the same RUNs unpack.
func archivesLeft(p *analysis.Pass, archives []analysis.Archive) (f whittle.Finding, ok bool) {
	a := &archives[0]
	layer, last := p.Recipe.LayerOf(a.By), a.Users[len(a.Users)-1]
	var deleted *dockerfile.Instruction
	if by := hider(p, a); by >= 0 {
		if deleted = p.Recipe.Instruction(by); deleted == nil || slices.Contains(a.Users, a.By) {
			return f, false // cleanup-in-later-layer knows what to do
		}
	}
	var items []int
	var names []string
	for i := range archives {
		items = append(items, archives[i].Item)
		at := p.Ledger.Items[archives[i].Item].Path
		names = append(names, at[strings.LastIndexByte(at, '/')+1:])
	}
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return f, false
	}
	does, who := "leaves", "it"
	if deleted != nil {
		does = "downloads"
	}
	if last != a.By {
		who = p.Recipe.Name(last)
	}
	f = whittle.Finding{
		Message:  fmt.Sprintf("%s %s %s in files that %s unpacks or installs: %s", p.Recipe.LayerName(layer), does, whittle.Bytes(p.Layers.Bytes(items)), who, analysis.List(names)),
		Evidence: p.Recipe.WithLine(p.Layers.Places(items), layer), Change: p.Layers.Removal(items), Risk: whittle.RiskLow,
		Caution:     "a program may install them again when it runs",
		Advice:      "delete them in the RUN that downloads and unpacks them",
		Fingerprint: whittle.Fingerprint("downloaded-archive", append([]string{p.Recipe.LayerText(layer)}, names...)...),
	}
	if deleted != nil {
		f.Evidence = p.Recipe.WithLine(f.Evidence, hider(p, a))
		f.Message += fmt.Sprintf("; %s only hides them", p.Recipe.Name(deleted))
		f.Risk, f.Caution = whittle.RiskNone, ""
		if p.Recipe.LayerOf(deleted) > p.Recipe.LayerOf(last) {
			last = deleted
		}
	}
	if a.By.Keyword == "ADD" {
		f.Advice = "download them in the RUN that unpacks them, or ADD them in a stage of their own, which that RUN mounts"
		return f, true
	}
	remove := ""
	if deleted == nil {
		if remove, ok = removal(p, archives); !ok {
			return f, true
		}
	}
	if last == a.By {
		if strings.Contains(a.By.Text(), remove) {
			return f, true // it is there already, and removes something else
		}
		if edit, err := a.By.AppendCommand(remove); err == nil {
			f.Fix, _ = p.Recipe.Fix("append "+remove, []whittle.Edit{edit})
		}
		return f, true
	}
	joined, edits, ok := joinRuns(p, a.By, last, remove)
	if !ok {
		return f, true
	}
	var places []string
	for _, in := range joined {
		places = append(places, p.Recipe.Name(in))
	}
	title := "join the RUNs at " + analysis.List(places)
	if remove != "" {
		title += ", and delete there what was downloaded"
	}
	if f.Fix, ok = p.Recipe.Fix(title, edits); ok {
		items = append(items, hiddenBetween(p, joined, items)...)
		f.Evidence, f.Change = p.Layers.Places(items), p.Layers.Removal(items)
		for _, in := range joined {
			f.Evidence = p.Recipe.WithLine(f.Evidence, p.Recipe.LayerOf(in))
		}
	}
	return f, true
}

// hiddenBetween are other items of the layers of RUNs that a later one of them
// hides.
func hiddenBetween(p *analysis.Pass, runs []*dockerfile.Instruction, but []int) (items []int) {
	var layers []int
	for _, in := range runs {
		layers = append(layers, p.Recipe.LayerOf(in))
	}
	for i := range p.Ledger.Items {
		if it := &p.Ledger.Items[i]; it.Bytes > 0 && it.Layer != it.HiddenBy && slices.Contains(layers, it.Layer) && slices.Contains(layers, it.HiddenBy) && !slices.Contains(but, i) {
			items = append(items, i)
		}
	}
	return items
}

// removal is the command that deletes archives at the end of the RUN that
// downloads them, in the words of that RUN.
func removal(p *analysis.Pass, archives []analysis.Archive) (string, bool) {
	by := archives[0].By
	commands, ok := p.Commands(by)
	if !ok {
		return "", false
	}
	end := &commands[len(commands)-1]
	// Files that are deleted after the RUNs are joined are deleted where the last
	// of these runs, which begins where the first one did.
	if !slices.Contains(archives[0].Users, by) {
		end = &recipe.Located{Dir: whittle.Join("", p.Dir(by)), Known: p.Dir(by) != ""}
	}
	command := "rm"
	for i := range archives {
		f := &archives[i].Fetch
		word := f.At(end)
		if word == "" || f.Depth > 0 || f.Inner || slices.ContainsFunc(commands, func(c recipe.Located) bool {
			return c.Name() == "rm" && slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return w.Text == f.Text })
		}) {
			return "", false // or the RUN deletes it already, and the file is another one
		}
		if prefix := f.Words[:f.Program]; i == 0 && len(prefix) > 0 {
			if prefix[0].Value != "sudo" {
				return "", false
			}
			command = "sudo rm"
		}
		command += " " + word
	}
	return command, true
}
