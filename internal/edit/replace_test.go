package edit

import (
	"testing"

	"whittle.dev/whittle"
)

// TestReplace: one element becomes another one, and nothing else changes.
func TestReplace(t *testing.T) {
	deps, poetry := List{Kind: "dependencies"}, List{Kind: "poetry"}
	for _, c := range []struct {
		name, src, of, with, want string
		list                      List
	}{
		{"in its line", "[project]\ndependencies = [\n  'a',\n  'uvicorn[standard]>=1', # serves\n]\n", "uvicorn", "uvicorn>=1", "[project]\ndependencies = [\n  'a',\n  'uvicorn>=1', # serves\n]\n", deps},
		{"another name", "[project]\ndependencies = [\"Opencv_Python==4.1\"]\n", "opencv-python", "opencv-python-headless==4.1", "[project]\ndependencies = [\"opencv-python-headless==4.1\"]\n", deps},
		{"a byte order mark", "\ufeff[project]\ndependencies = [\"a[x]\"]\n", "a", "a", "\ufeff[project]\ndependencies = [\"a\"]\n", deps},
		{"twice", "[project]\ndependencies = [\"a[x]; os_name=='nt'\", \"a[x]\"]\n", "a", "a", "", deps},
		{"not there", "[project]\ndependencies = [\"a\"]\n", "b", "b", "", deps},
		{"no such list", "[project]\nname = 'x'\n", "b", "b", "", deps},
		{"Poetry's table", "[tool.poetry.dependencies]\na = { version = '^1', extras = [\"x\"] } # why\n", "a", "a>=1,<2", "[tool.poetry.dependencies]\na = '^1' # why\n", poetry},
		{"Poetry's table with more", "[tool.poetry.dependencies]\na = {version = '^1', extras = [\"x\"], optional = true}\n", "a", "a", "", poetry},
		{"Poetry's key", "[tool.poetry.dependencies]\nopencv-python = \"^4\"\nb = \"*\"\n", "opencv-python", "opencv-python-headless>=4,<5", "[tool.poetry.dependencies]\nopencv-python-headless = \"^4\"\nb = \"*\"\n", poetry},
		{"Poetry's key that is there", "[tool.poetry.dependencies]\na = \"^4\"\nb = \"*\"\n", "a", "b", "", poetry},
	} {
		edits, err := ReplaceRequirement([]byte(c.src), c.list, c.of, c.with)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: %v, no error", c.name, edits)
			}
			continue
		}
		out, serr := whittle.Splice([]byte(c.src), edits)
		if err != nil || serr != nil || string(out) != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, out, err, c.want)
		}
	}
	for _, c := range []struct{ name, src, of, with, want string }{
		{"with a comment", "a\nb[x]>=1  # why\n", "b", "b>=1", "a\nb>=1  # why\n"},
		{"without a line end", "b[x]", "b", "b", "b"},
		{"a marker", "b[x] ; os_name == 'nt'\n", "b", "b ; os_name == 'nt'", "b ; os_name == 'nt'\n"},
		{"hashes", "b[x]==1 --hash=sha256:0\n", "b", "b==1", ""},
		{"on several lines", "b[x] \\\n  >=1\n", "b", "b>=1", ""},
		{"twice", "b[x]\nb[x]\n", "b", "b", ""},
		{"not there", "a\n", "b", "b", ""},
	} {
		edits, err := ReplaceLine([]byte(c.src), c.of, c.with)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: %v, no error", c.name, edits)
			}
			continue
		}
		out, serr := whittle.Splice([]byte(c.src), edits)
		if err != nil || serr != nil || string(out) != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, out, err, c.want)
		}
	}
}
