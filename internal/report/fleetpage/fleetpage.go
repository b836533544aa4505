// Package fleetpage makes documents of results about many images.
package fleetpage

import (
	"fmt"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet"
	"whittle.dev/whittle/internal/report/page"
)

// Report is a report on all images.
func Report(r *fleet.Report) page.Document {
	var d page.Document
	t := r.Totals
	d.Add(page.Heading{Level: 1, Text: Title(r)})
	d.Add(scans(r.Scans))
	totals := page.Table{Columns: []page.Column{page.Left(""), page.Right("Size"), page.Right("Download"), page.Right("Wasted")}}
	for _, row := range []struct {
		name string
		sum  fleet.Sum
	}{{"each layer once", t.Once}, {"each image", t.Each}} {
		totals.Row(page.Text(row.name), bytes(row.sum.Size), bytes(row.sum.Download), bytes(row.sum.Wasted))
	}
	d.Add(totals)
	packages(&d, r)
	layers(&d, r)
	wasted(&d, r)
	findings(&d, r)
	growth(&d, r.Growth)
	failures(&d, r.Failed)
	if len(r.Packages) > 0 {
		d.Next(page.OfImage("which images have a package", r.Packages[0].Name, "fleet", "find"))
	}
	return d
}

// Title says in a line how much there is.
func Title(r *fleet.Report) string {
	t := r.Totals
	return fmt.Sprintf("%s of %s: %s, %s with each layer once", count(t.Images, "images"), count(t.Layers, "layers"), whittle.Bytes(t.Each.Size), whittle.Bytes(t.Once.Size))
}

func bytes(n int64) page.Cell { return page.Text(whittle.Bytes(n)) }

func number(n int64) page.Cell { return page.Text(whittle.Thousands(n)) }

// minute is a time without what is less than a minute.
func minute(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return at.UTC().Format("2006-01-02 15:04")
}

func scans(all []fleet.Scan) page.Table {
	t := page.Table{Columns: []page.Column{page.Right("Scan"), page.Left("When"), page.Right("Names"), page.Right("Failed"), page.Right("Open"), page.Flexible("Of")}}
	for _, s := range all {
		t.Row(page.Text(fmt.Sprint(s.ID)), page.Text(minute(s.Time)), number(s.Names), number(s.Failed), number(s.Open), page.Text(s.What))
	}
	return t
}

func packages(d *page.Document, r *fleet.Report) {
	if len(r.Packages) == 0 {
		return
	}
	d.Add(page.Heading{Level: 2, Text: "Packages"})
	t := page.Table{Columns: []page.Column{page.Flexible("Package"), page.Right("Layers once"), page.Right("Each image"), page.Right("Images"), page.Right("Versions")}}
	for i := range r.Packages {
		p := &r.Packages[i]
		t.Row(page.Text(p.Name+" ("+p.Ecosystem+")"), bytes(p.Once), bytes(p.Each), number(p.Images), number(int64(len(p.Versions))))
	}
	d.Add(t)
	more(d, r.MorePackages, "packages")
	v := page.Table{Columns: []page.Column{page.Flexible("Package"), page.Flexible("Version"), page.Right("Layers once"), page.Right("Each image"), page.Right("Images")}}
	for i := range r.Packages {
		p := &r.Packages[i]
		if len(p.Versions) < 2 {
			continue
		}
		for _, x := range p.Versions {
			v.Row(page.Text(p.Name), page.Text(x.Version), bytes(x.Once), bytes(x.Each), number(x.Images))
		}
	}
	if len(v.Rows) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Several versions of the same package"}, v)
	}
}

func more(d *page.Document, n int64, what string) {
	if n > 0 {
		d.Add(page.Para(fmt.Sprintf("%s more %s: --rows 0 shows all.", whittle.Thousands(n), page.Plural(int(n), what))))
	}
}

func layers(d *page.Document, r *fleet.Report) {
	d.Add(page.Heading{Level: 2, Text: "Layers by how many images have them"})
	t := page.Table{Columns: []page.Column{page.Left("Images"), page.Right("Layers"), page.Right("Layers once"), page.Right("Each image")}}
	for _, s := range r.Sharing {
		if s.Layers == 0 {
			continue
		}
		name := fmt.Sprintf("%d to %d", s.From, s.To)
		switch {
		case s.To == 0:
			name = fmt.Sprintf("%d or more", s.From)
		case s.To == s.From:
			name = fmt.Sprint(s.From)
		}
		t.Row(page.Text(name), number(s.Layers), bytes(s.Once), bytes(s.Each))
	}
	d.Add(t)
	if len(r.Alone) > 0 {
		d.Add(page.Heading{Level: 2, Text: "The largest layers that one image alone has"})
		t := page.Table{Columns: []page.Column{page.Right("Size"), page.Right("Download"), page.Left("Layer"), page.Flexible("Image")}}
		for _, l := range r.Alone {
			t.Row(bytes(l.Size), bytes(l.Download), page.Text(l.DiffID.Short()), page.Text(image(l.Example)))
		}
		d.Add(t)
	}
	if len(r.Bases) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Bases with nearly the same packages"},
			page.Para("The images of the first could be built on the second, which more images have. Saved are the layers that no image would have any more."))
		t := page.Table{Columns: []page.Column{page.Right("Saved"), page.Right("Same"), page.Right("Images"), page.Flexible("Of"), page.Right("Images"), page.Flexible("On that of")}}
		for _, b := range r.Bases {
			t.Row(bytes(b.Saved), page.Text(fmt.Sprintf("%.0f%%", 100*b.Same)), number(b.From.Images), page.Text(base(b.From)), number(b.To.Images), page.Text(base(b.To)))
		}
		d.Add(t)
	}
}

// image is the name of an image by its digest, with the beginning of the digest alone.
func image(name string) string {
	repository, digest, ok := strings.Cut(name, "@")
	if !ok {
		return name
	}
	return repository + "@" + whittle.Digest(digest).Short()
}

// base is one of the images with a base.
func base(b fleet.Base) string { return whittle.Untagged(b.Example) }

func wasted(d *page.Document, r *fleet.Report) {
	if len(r.Wasted) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Wasted, by cause"})
		t := page.Table{Columns: []page.Column{page.Left("Cause"), page.Right("Layers once"), page.Right("Each image")}}
		for _, w := range r.Wasted {
			t.Row(page.Text(w.Cause), bytes(w.Once), bytes(w.Each))
		}
		d.Add(t)
	}
	if r.Team == "" {
		return
	}
	d.Add(page.Heading{Level: 2, Text: "Wasted, by " + r.Team})
	t := page.Table{Columns: []page.Column{page.Flexible(r.Team), page.Right("Images"), page.Right("Size"), page.Right("Wasted"), page.Flexible("Causes")}}
	for _, x := range r.Teams {
		var causes []string
		for _, c := range x.Causes {
			causes = append(causes, c.Cause+" "+whittle.Bytes(c.Bytes))
		}
		name := page.Text(x.Name)
		if x.Name == "" {
			name = page.Toned("none", page.Faint)
		}
		t.Row(name, number(x.Images), bytes(x.Size), bytes(x.Wasted), page.Text(strings.Join(causes, ", ")))
	}
	d.Add(t)
}

func findings(d *page.Document, r *fleet.Report) {
	if len(r.Findings) == 0 {
		return
	}
	d.Add(page.Heading{Level: 2, Text: "The same finding in several images"})
	t := page.Table{Columns: []page.Column{page.Right("Layers once"), page.Spare(2, page.Right("Each image")), page.Right("Images"), page.Spare(1, page.Left("Rule")), {Head: "In one of them", Flex: true, Wrap: true, Least: 36}}}
	for i := range r.Findings {
		f := &r.Findings[i]
		t.Row(saving(f.Once), saving(f.Each), number(f.Images), page.Text(f.Rule), page.Text(f.Message))
	}
	d.Add(t)
	more(d, r.MoreFindings, "findings")
}

func saving(s whittle.Saving) page.Cell {
	if s.Exact() {
		return bytes(s.Low)
	}
	return page.Text(whittle.Bytes(s.Low) + " to " + whittle.Bytes(s.High))
}

func growth(d *page.Document, all []fleet.Growth) {
	if len(all) < 2 {
		return
	}
	d.Add(page.Heading{Level: 2, Text: "Over time"})
	t := page.Table{Columns: []page.Column{page.Right("Scan"), page.Left("When"), page.Right("Images"), page.Right("Layers"), page.Right("Layers once"), page.Right("Each image"), page.Flexible("Of")}}
	for _, g := range all {
		t.Row(page.Text(fmt.Sprint(g.Scan)), page.Text(minute(g.Time)), number(g.Images), number(g.Layers), bytes(g.Once), bytes(g.Each), page.Text(g.What))
	}
	d.Add(t)
}

func failures(d *page.Document, all []fleet.Failure) {
	if len(all) == 0 {
		return
	}
	d.Add(page.Heading{Level: 2, Text: "Not read"})
	t := page.Table{Columns: []page.Column{page.Flexible("Image"), page.Wrapped("Why")}}
	for _, f := range all {
		why := f.Error
		if f.Hint != "" {
			why += " (" + f.Hint + ")"
		}
		t.Row(page.Text(f.Name), page.Text(why))
	}
	d.Add(t)
}

// Found are the images that have a package.
func Found(f *fleet.Found) page.Document {
	var d page.Document
	what := f.Package
	if f.Version != "" {
		what += " " + f.Version
	}
	if len(f.Rows) == 0 {
		d.Add(page.Heading{Level: 1, Text: "No image has " + what})
		return d
	}
	n := f.More + int64(len(f.Rows))
	d.Add(page.Heading{Level: 1, Text: fmt.Sprintf("%s %s %s", whittle.Thousands(n), map[bool]string{true: "image has", false: "images have"}[n == 1], what)})
	t := page.Table{Columns: []page.Column{page.Flexible("Image"), page.Left("Version"), page.Right("Size"), page.Left("From"), page.Spare(1, page.Left("Digest"))}}
	for _, h := range f.Rows {
		t.Row(page.Text(h.Image), page.Text(h.Version), bytes(h.Visible), page.Text(h.Ecosystem), page.Text(h.Digest.Short()))
	}
	d.Add(t)
	more(&d, f.More, "images")
	return d
}

// Status is how far scans are.
func Status(s *fleet.Status) page.Document {
	var d page.Document
	if len(s.Scans) == 0 {
		d.Add(page.Heading{Level: 1, Text: "Nothing was scanned"}, page.Para("The fleet in "+s.Database+" is empty: whittle fleet scan IMAGE... scans images."))
		return d
	}
	var open, names int64
	for _, x := range s.Scans {
		open, names = open+x.Open, names+x.Names
	}
	title := fmt.Sprintf("%s %s, all read", whittle.Thousands(names), page.Plural(int(names), "names"))
	if open > 0 {
		title = fmt.Sprintf("%s of %s %s are still to be read", whittle.Thousands(open), whittle.Thousands(names), page.Plural(int(names), "names"))
	}
	d.Add(page.Heading{Level: 1, Text: title}, scans(s.Scans),
		page.List{fmt.Sprintf("%s to fetch, %s at work", count(s.Layers, "layers"), count(s.Workers, "workers")),
			fmt.Sprintf("%s in %s: indexes of %s for layers of %s", whittle.Bytes(s.Bytes), s.Database, whittle.Bytes(s.Indexes), whittle.Bytes(s.LayerBytes))})
	failures(&d, s.Failed)
	if open > 0 && s.Workers == 0 {
		d.Add(page.Para("No process works on it: whittle fleet worker is one."))
	}
	return d
}

func count(n int64, what string) string {
	return whittle.Thousands(n) + " " + page.Plural(int(n), what)
}
