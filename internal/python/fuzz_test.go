package python

import (
	"context"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/pep"
)

// FuzzRecord: whatever the records say, claims name files that are there.
func FuzzRecord(f *testing.F) {
	f.Add("a.py,sha256=x,1\n../../../bin/a,,\n", metadata("a", "1"), "a\n")
	f.Add("\"a\n", "Name", "../..")
	f.Fuzz(func(t *testing.T, record, meta, top string) {
		root := imagetest.Root{site + "a-1.dist-info/RECORD": record, site + "a-1.dist-info/METADATA": meta, site + "b-1.egg-info/PKG-INFO": meta,
			site + "b-1.egg-info/top_level.txt": top, site + "b-1.egg-info/installed-files.txt": record, site + "a.py": "", "usr/local/bin/a": ""}
		root[site+"a-1.dist-info/entry_points.txt"], root[site+"a-1.dist-info/direct_url.json"] = top, meta
		root[site+"b-1.egg-info/requires.txt"], root[site+"c.egg-link"], root["v/pyvenv.cfg"] = top, top, top
		claims, _ := Claims(context.Background(), root)
		for _, c := range claims {
			for _, p := range c.Paths {
				if _, ok := root[p]; !ok {
					t.Errorf("%s claims %q, which is not there", c.Owner, p)
				}
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(metadata("a", "1")), []byte("[console_scripts]\na = b.c:d [x, y]\n"), []byte("x>=1\n[test:os_name=='nt']\ny\n"))
	f.Fuzz(func(t *testing.T, meta, entries, requires []byte) {
		m := ParseMetadata(meta)
		for _, e := range ParseEntryPoints(entries) {
			if e.Group == "" || e.Name == "" || e.Module == "" {
				t.Errorf("entry point %+v", e)
			}
		}
		m.RequiresDist = append(m.RequiresDist, parseRequires(requires)...)
		NewGraph([]Distribution{{Name: pep.Normalize(m.Name), Version: m.Version, Metadata: m}, {Name: "x"}}, pep.Environment{}, nil)
	})
}
