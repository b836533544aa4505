package audit_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/view"
)

type oneImage struct{ whittle.Image }

func (o oneImage) Open(context.Context, string) (whittle.Image, error) { return o, nil }

// TestView: what is looked at has the figures of the inspection, whatever it is
// grouped by.
func TestView(t *testing.T) {
	const site = "usr/local/lib/python3.13/site-packages/"
	dist := func(name, requires, record string) string {
		return fmt.Sprintf("f %s%s/__init__.py %q\nf %s%s-1.0.dist-info/METADATA %q\nf %s%s-1.0.dist-info/RECORD %q\n", site, name, "x = 1\n", site, name,
			"Metadata-Version: 2.1\nName: "+name+"\nVersion: 1.0\n"+requires, site, name, name+"/__init__.py,,\n"+name+"-1.0.dist-info/METADATA,,\n"+name+"-1.0.dist-info/RECORD,,\n"+record)
	}
	img := imagetest.New(t, imagetest.Plain,
		"f usr/local/bin/python3.13 \"\" mode=0755\nf usr/local/lib/python3.13/os.py \"\"\nf etc/passwd \"root\"\nf usr/share/doc/a/readme \"text\"\n",
		dist("shop", "Requires-Dist: heavy\nRequires-Dist: light\n", "")+dist("heavy", "Requires-Dist: deep\n", "")+dist("deep", "", "")+dist("light", "", "")+"f tmp/wheel.tar.gz \"abcdefgh\"\n",
		"w tmp/wheel.tar.gz\nf usr/share/doc/a/readme \"other text\"\nf app/main.py \"import shop\"\nh app/copy.py app/main.py\n")
	img.Conf.Architecture, img.Conf.OS = "amd64", "linux"
	img.Conf.Config = whittle.Process{WorkingDir: "/app", Cmd: []string{"/usr/local/bin/python3.13", "main.py"}}
	img.Conf.History = []whittle.History{{CreatedBy: "a base"}, {CreatedBy: "RUN /bin/sh -c pip install shop # buildkit", Comment: "buildkit.dockerfile.v0"}, {CreatedBy: "COPY . . # buildkit", Comment: "buildkit.dockerfile.v0"}}
	o := audit.InspectOptions{Dockerfile: "Dockerfile", Source: []byte("FROM python:3.13-slim\nWORKDIR /app\nRUN pip install shop\nCOPY . .\n")}
	env := &host.Env{Images: oneImage{img}}
	m, err := audit.View(t.Context(), env, "image", audit.AdviseOptions{InspectOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	early, err := audit.Look(t.Context(), env, "image", o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if early.Total != m.Total || early.Len() != m.Len() || early.Requirements != nil || early.Advice != nil {
		t.Errorf("its files alone are %+v (%d), with the findings %+v (%d)", early.Total, early.Len(), m.Total, m.Len())
	}
	for i := range m.Len() {
		if early.Path(i) != m.Path(i) || early.Layer(i) != m.Layer(i) || early.Owner(i) != m.Owner(i) {
			t.Errorf("file %d is %s alone, %s with the findings", i, early.Path(i), m.Path(i))
		}
	}
	c, both, err := audit.CompareViews(t.Context(), env, []string{"image", "image"}, []audit.InspectOptions{o, o})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range both {
		if n.Total != m.Total || c.Images[i].Sizes.Size != n.Total.Size() {
			t.Errorf("image %d of a comparison is %+v, by itself %+v", i, n.Total, m.Total)
		}
	}
	for _, key := range audit.Keys() {
		o.By = key
		in, err := audit.Inspect(t.Context(), env, "image", o)
		if err != nil {
			t.Fatal(err)
		}
		var rows []whittle.CategoryRow
		for _, r := range m.All().By(view.Key(key)) {
			rows = append(rows, whittle.CategoryRow{Name: r.Name, Visible: r.Visible, Wasted: r.Wasted, Files: r.Files})
		}
		if fmt.Sprint(rows) != fmt.Sprint(in.By.Rows) || in.Sizes.Size != m.Total.Size() {
			t.Errorf("by %s: %+v, inspect says %+v", key, rows, in.By.Rows)
		}
	}
	if !m.Layers[0].Base || m.Layers[1].Base || m.Layers[1].Name != "Dockerfile:3" || len(m.Dockerfiles) != 1 {
		t.Errorf("layers %+v, %d Dockerfiles", m.Layers, len(m.Dockerfiles))
	}
	checkRequirements(t, m)
}

func checkRequirements(t *testing.T, m *view.Model) {
	t.Helper()
	r := m.Requirements
	at := map[string]int{}
	var own int64
	for _, p := range m.Inspection.Packages {
		if i, ok := r.Find(p.Name); ok && (p.Retained == nil || *p.Retained != r.List[i].Retained || p.Requested != r.List[i].Asked) {
			t.Errorf("%+v, and the inspection says %+v", r.List[i], p)
		}
	}
	for i, q := range r.List {
		at[q.Name] = i
		own += q.Own
		if s := m.Select(view.Query{Terms: []view.Term{{Field: "pkg", Values: []view.Value{{Text: q.Name}}}}}); s.Sum.Size() != q.Own || q.Own == 0 {
			t.Errorf("%s has %d bytes, its files %d", q.Name, q.Own, s.Sum.Size())
		}
	}
	shop, heavy, deep := at["shop"], at["heavy"], at["deep"]
	if r.List[shop].Retained != own || r.List[heavy].Retained != r.List[heavy].Own+r.List[deep].Own || r.List[deep].By != heavy || !r.List[shop].Asked || r.List[deep].Asked {
		t.Errorf("%+v", r.List)
	}
	if got := r.Frees(shop); len(got) != 4 {
		t.Errorf("without shop %v go", got)
	}
	if got := r.Why(deep); len(got) != 3 || got[0] != shop || got[1] != heavy {
		t.Errorf("deep is there as %v", got)
	}
}

// late is an image whose upper layers are read only when the lowest was looked at.
type late struct {
	whittle.Image
	seen chan struct{}
}

func (l late) Layers() []whittle.Layer {
	out := slices.Clone(l.Image.Layers())
	for i := range out[1:] {
		out[i+1] = lateLayer{out[i+1], l.seen}
	}
	return out
}

type lateLayer struct {
	whittle.Layer
	seen chan struct{}
}

func (l lateLayer) Open(ctx context.Context) (io.ReadCloser, error) {
	select {
	case <-l.seen:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return l.Layer.Open(ctx)
}

// TestLookFirst: the lowest layer can be looked at before the others are read, and
// the image is then the same as without that.
func TestLookFirst(t *testing.T) {
	img := imagetest.New(t, imagetest.Gzip, "f var/lib/dpkg/status \"Package: motd\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: all\\n\"\nf var/lib/dpkg/info/motd.list \"/etc/motd\\n\"\nf etc/motd 3000\n",
		"f srv/a 500\n", "w etc/motd\nf srv/b 700\n")
	seen := make(chan struct{})
	var layers []int
	var first *view.Model
	show := func(m *view.Model, n int) {
		if layers = append(layers, n); len(layers) == 1 {
			first = m
			close(seen)
		}
	}
	m, err := audit.Look(t.Context(), &host.Env{Images: oneImage{late{img, seen}}}, "image", audit.InspectOptions{}, show)
	if err != nil {
		t.Fatal(err)
	}
	if first == nil || layers[0] != 1 {
		t.Fatalf("after %v layers the image was shown", layers)
	}
	item := -1
	for i := range first.Len() {
		if first.Path(i) == "/etc/motd" {
			item = i
		}
	}
	if item < 0 || first.Len() != 3 || first.OwnerNames[first.Owner(item)] != "motd 1" || first.Total.Wasted != 0 {
		t.Errorf("%d files, owners %v, wasted %d", first.Len(), first.OwnerNames, first.Total.Wasted)
	}
	all, err := audit.Look(t.Context(), &host.Env{Images: oneImage{img}}, "image", audit.InspectOptions{}, nil)
	if err != nil || m.Total != all.Total || m.Len() != all.Len() || m.Total.Wasted != 3000 {
		t.Errorf("%+v, without the first layers %+v, %v", m.Total, all.Total, err)
	}
}
