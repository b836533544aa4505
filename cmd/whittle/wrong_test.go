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

// TestWrongNeighbours: uses that are wrong in ways near those of testdata/wrong.
// Each is refused in a line, with what to try, in no words of Go or of the system.
func TestWrongNeighbours(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(dir, "none.sock"))
	for name, text := range map[string]string{
		"notes.txt": "hello\n", "empty.tar": "", "a.zip": "PK\x03\x04\x00\x00", "program": "\x7fELF\x02\x01\x01\x00", "odd": strings.Repeat("\x01\x00", 600),
		"app/Dockerfile": "FROM scratch\nCOPY a /\n", "app/a": "a", "app/whittle.yaml": "project: app\n", "app/compose.yaml": "services: {}\n",
		"stage/Dockerfile": "FROM scratch\n", "stage/whittle.yaml": "variants: [{name: a, dockerfile: Dockerfile, target: nosuch}]\n",
		"twice/Dockerfile": "FROM scratch\n", "twice/whittle.yaml": "variants: [{name: a, dockerfile: Dockerfile}, {name: a, dockerfile: Dockerfile}]\n",
		"list/Dockerfile": "FROM scratch\n", "list/whittle.yaml": "- a\n", "colon/Dockerfile": "FROM scratch\n", "colon/whittle.yaml": "project: a: b\n",
		"port/Dockerfile": "FROM scratch\n", "port/whittle.yaml": "requests: [{path: /, port: 99999}]\n", "touch/Dockerfile": "FROM scratch\n", "touch/whittle.yaml": "touch: nosuch.py\n",
		"empty/Dockerfile": "", "folder/x": "x",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	image := writeImage(t, filepath.Join(dir, "image"), "oci-layout", []*storedLayer{storeLayer(t, imagetest.Gzip, imagetest.Tar(t, "f etc/x 1000"))})
	jargon := regexp.MustCompile(`strconv|rpc error|desc =|!!|errno|syscall|goroutine|interface conversion|invalid character|unmarshal|nil pointer|pflag|cobra|lstat|mkdir |open \S+: no such`)
	for _, c := range []struct {
		args string
		code int
		says string // in the error and its hint
	}{
		// files of another kind, and the reverse of what is meant
		{"inspect a.zip", exitUsage, "zip archive.*docker save"},
		{"inspect program", exitUsage, "a program or a library.*docker save"},
		{"inspect odd", exitUsage, "not a tar archive.*docker save"},
		{"inspect notes.txt", exitUsage, "it is text.*docker save"},
		{"inspect empty.tar", exitUsage, "empty"},
		{"inspect app/Dockerfile", exitUsage, "it is text.*whittle lab app$"},
		{"inspect app/whittle.yaml", exitUsage, "whittle lab app$"},
		{"inspect app/compose.yaml", exitUsage, "whittle lab app$"},
		{"inspect app", exitUsage, "whittle lab app"},
		{"compare IMAGE app", exitUsage, "whittle lab app"},
		{"simulate app --without x", exitUsage, "whittle lab app"},
		{"inspect docker-archive:app", exitUsage, "folder"},
		{"inspect oci-archive:notes.txt", exitUsage, "it is text"},
		{"inspect oci-layout:notes.txt", exitUsage, "is a file.*oci-archive"},
		{"inspect -", exitUsage, "standard input is empty"},
		{"lab notes.txt", exitUsage, "is a file.*folder"},
		{"fix IMAGE", exitUsage, "Dockerfile"},
		{"forecast folder", exitUsage, "no Dockerfile"},
		// names of other things
		{"inspect registry:localhost:1/x", exitOutside, "refused.*network"},
		{"inspect oci-layout:IMAGE:nosuch", exitUsage, "no (image|folder)"},
		{"check IMAGE --project zzzzzzzzzz", exitUsage, "no such folder.*name the folder"},
		{"check IMAGE --project ap", exitUsage, `no such folder.*did you mean "?app`},
		{"check IMAGE --project notes.txt", exitUsage, "is a file.*lies in"},
		{"advise IMAGE --project notes.txt", exitUsage, "is a file.*lies in"},
		{"inspect IMAGE -f nosuch", exitUsage, "no such file"},
		{"inspect IMAGE -f folder", exitUsage, "folder"},
		{"inspect IMAGE -f empty/Dockerfile", exitUsage, "no instructions"},
		{"fix app --image original=IMAGE", exitUsage, `no variant is named "original".*variants are`},
		{"fix app --image nosuch.tar", exitUsage, "no such file"},
		{"fix app --variant orig", exitUsage, "variants are"},
		{"fix app --config nosuch.yaml", exitUsage, "no such file"},
		// values
		{"inspect IMAGE --max-size tenGB", exitUsage, "8GB"},
		{"inspect IMAGE --max-memory -1", exitUsage, "size such as"},
		{"inspect IMAGE --max-entries 10GB", exitUsage, "number"},
		{"inspect IMAGE --rows 1e3", exitUsage, "number"},
		{"inspect IMAGE --by categry", exitUsage, `did you mean "category"`},
		{"inspect IMAGE --format yaml", exitUsage, "text, json, md, concise, sarif, junit, github, gitlab-codequality, comment, badge, html"},
		{"inspect IMAGE --color=sometimes", exitUsage, "auto, always, never"},
		{"inspect IMAGE --json=maybe", exitUsage, "true or false"},
		{"inspect IMAGE --json --format html", exitUsage, "contradict"},
		{"check IMAGE --patience 5", exitUsage, "10s or 2m"},
		{"lab app --build-timeout 30", exitUsage, "30m or 2h"},
		{"lab app --build-memory 8", exitUsage, "less than"},
		{"lab app --engine-keep lots", exitUsage, "8GB"},
		{"lab app --engine tcp", exitUsage, "tcp://HOST"},
		{"fix app --risk lo", exitUsage, "none, low"},
		{"fix app --strategy two-stages", exitUsage, `did you mean "two-stage"`},
		{"fix app --env =x", exitUsage, "NAME=value"},
		{"fix app --secret foo", exitUsage, "id=NAME"},
		// options of other tools, and without effect
		{"advise IMAGE --rule x", exitUsage, "--only"},
		{"fix app --apply", exitUsage, "--write"},
		{"lab app --variants a", exitUsage, "--variant"},
		{"inspect IMAGE --all --rows 3", exitUsage, "--all shows all rows"},
		{"fix app --force", exitUsage, "--write"},
		{"completion bsh", exitUsage, `did you mean "bash"`},
		{"cache cler", exitUsage, `did you mean "clear"`},
		{"help inspct", exitUsage, `did you mean "inspect"`},
		// whittle.yaml
		{"lab stage", exitUsage, "one stage only"},
		{"lab twice", exitUsage, "two variants.*another name"},
		{"lab list", exitUsage, "the file is a list.*KEY: VALUE"},
		{"lab colon", exitUsage, "a colon.*quotes"},
		{"lab port", exitUsage, "1 to 65535"},
		{"lab touch", exitUsage, "source file"},
		{"lab empty", exitUsage, "no instructions"},
	} {
		var out, said bytes.Buffer
		code := run(strings.Fields(strings.ReplaceAll(c.args, "IMAGE", image)), stdio{strings.NewReader(""), &out, &said})
		text := strings.TrimSpace(strings.ReplaceAll(said.String(), "\nwhittle: hint: ", "; hint: "))
		last := text[strings.LastIndex(text, "\n")+1:]
		if code != c.code || !regexp.MustCompile(c.says).MatchString(last) || jargon.MatchString(last) || out.Len() > 0 {
			t.Errorf("whittle %s: exit code %d, want %d, and %q\n%s", c.args, code, c.code, c.says, text)
		}
	}
}
