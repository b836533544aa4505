package forecast

import (
	"fmt"
	"testing"
	"testing/fstest"

	"whittle.dev/whittle/internal/restage"
)

// TestDropLittle: what strategies delete is worth a line from 5 MB or 1 % of the image.
func TestDropLittle(t *testing.T) {
	const source = "FROM python:3.13-slim\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nRUN python -m compileall /srv\n"
	const site = "usr/local/lib/python3.13/site-packages/"
	all := restage.Cleanup{Bytecode: true, Tests: true}
	for _, c := range []struct {
		name                   string
		tests, bytecode, asked int64
		want                   restage.Cleanup
		loud                   bool
	}{
		{"nothing", 0, 0, 0, restage.Cleanup{}, true},
		{"bytecode only", 40_000, 6_000_000, 0, restage.Cleanup{Bytecode: true}, true},
		{"tests only", 6_000_000, 40_000, 0, restage.Cleanup{Tests: true}, true},
		{"of a small image", 1_200_000, 1_200_000, 1_200_000, all, false},
		{"too little of it", 800_000, 800_000, 800_000, restage.Cleanup{}, true},
	} {
		image := []measuredFile{{"usr/lib/libc.so", 0, 90_000_000}, {site + "flask/__init__.py", 2, 20_000}, {site + "flask-3.dist-info/METADATA", 2, 100},
			{site + "flask/tests/a.py", 2, c.tests}, {site + "flask/__pycache__/a.cpython-313.pyc", 2, c.bytecode}, {"srv/__pycache__/b.cpython-313.pyc", 3, c.asked}}
		text := ""
		for _, f := range image {
			text += line(f)
		}
		_, content := imageOf(t, text)
		p := projectOf(t, source, fstest.MapFS{"requirements.txt": {Data: []byte("flask\n")}}, image, content)
		p.Clean = all
		if err := p.DropLittle(); err != nil {
			t.Fatal(err)
		}
		if p.Clean.Bytecode != c.want.Bytecode || p.Clean.Tests != c.want.Tests || p.Loud != c.loud {
			t.Errorf("%s: %+v, loud %v", c.name, p.Clean, p.Loud)
		}
	}
}

func line(f measuredFile) string { return fmt.Sprintf("%d %s %d\n", f.layer, f.path, f.bytes) }
