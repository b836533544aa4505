package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
)

// TestErrors: each command ends with 2 for what the user can put right and with
// 3 for the outside world, in one line that names no kind of errors.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(dir, "none.sock"))
	notes := write("notes.txt", []byte("no image\n"))
	broken := filepath.Dir(write("broken/whittle.yaml", []byte("variants: [\n")))
	unknown := filepath.Dir(write("unknown/whittle.yaml", []byte("variantz: 1\n")))
	layer := storeLayer(t, imagetest.Gzip, imagetest.Tar(t, "f etc/x 1000"))
	image := writeImage(t, filepath.Join(dir, "image"), "oci-layout", []*storedLayer{layer})
	cases := []struct {
		args string
		code int
	}{
		{"inspect", exitUsage}, {"inspect --nothing IMAGE", exitUsage}, {"nothing", exitUsage},
		{"inspect NOTES", exitUsage}, {"inspect " + filepath.Join(dir, "none.tar"), exitUsage}, {"inspect IMAGE --by nothing", exitUsage},
		{"inspect docker:app", exitOutside}, {"inspect --platform x IMAGE", exitUsage},
		{"compare IMAGE", exitUsage}, {"compare IMAGE NOTES", exitUsage}, {"compare IMAGE docker:app", exitOutside},
		{"check NOTES", exitUsage}, {"check docker:app", exitOutside}, {"check BROKEN", exitUsage},
		{"advise NOTES", exitUsage}, {"advise docker:app", exitOutside}, {"advise IMAGE --rule nothing", exitUsage},
		{"simulate IMAGE", exitUsage}, {"simulate IMAGE --without no/such/file", exitUsage}, {"simulate docker:app --without x", exitOutside},
		{"fix BROKEN", exitUsage}, {"fix UNKNOWN", exitUsage}, {"fix " + filepath.Join(dir, "nowhere"), exitUsage},
		{"forecast BROKEN", exitUsage}, {"forecast UNKNOWN", exitUsage},
		{"lab BROKEN", exitUsage}, {"lab UNKNOWN", exitUsage}, {"lab " + notes, exitUsage},
	}
	kinds := regexp.MustCompile(`: (not found|not authorized|unsupported|corrupt|over the limit|bad input|system|build engine)$`)
	for _, c := range cases {
		args := strings.Fields(strings.NewReplacer("IMAGE", image, "NOTES", notes, "BROKEN", broken, "UNKNOWN", unknown).Replace(c.args))
		var out, said bytes.Buffer
		code := run(append(args, "--quiet"), stdio{strings.NewReader(""), &out, &said})
		first, _, _ := strings.Cut(said.String(), "\n")
		if code != c.code || !strings.HasPrefix(first, "whittle: ") || kinds.MatchString(first) {
			t.Errorf("whittle %s: exit code %d, want %d\n%s", c.args, code, c.code, said.String())
		}
	}
}
