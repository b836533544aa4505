package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle/internal/project/inline"
)

// TestInline: the Dockerfile in a compose or Bake file is edited in its place, and what
// is around it, and its indentation, stay.
func TestInline(t *testing.T) {
	const before, after = "FROM a\nRUN x\n\nCMD y\n", "FROM a\nRUN x && echo ${A} $B\n\n# new\nCMD y\n"
	for _, c := range []struct{ name, file, text, want, err string }{
		{"literal", "compose.yaml", "services:\n  web:\n    build:\n      dockerfile_inline: |  # here\n        FROM a\n        RUN x\n\n        CMD y\n    image: x # kept\n",
			"services:\n  web:\n    build:\n      dockerfile_inline: |  # here\n        FROM a\n        RUN x && echo $${A} $$B\n\n        # new\n        CMD y\n    image: x # kept\n", ""},
		{"stripped, at the end", "compose.yaml", "services:\n    web: {build: {context: .}}\n    web2:\n        build:\n            dockerfile_inline: |-\n              FROM a\n              RUN x\n              \n              CMD y\n\n",
			"services:\n    web: {build: {context: .}}\n    web2:\n        build:\n            dockerfile_inline: |-\n              FROM a\n              RUN x && echo $${A} $$B\n              \n              # new\n              CMD y\n\n", ""},
		{"folded", "compose.yaml", "services:\n  web:\n    build:\n      dockerfile_inline: >\n        FROM a\n\n        RUN x\n\n\n        CMD y\n", "", "no literal block"},
		{"quoted", "compose.yaml", `services: {web: {build: {dockerfile_inline: "FROM a\nRUN x\n\nCMD y\n"}}}`, "", "no literal block"},
		{"an indentation of its own", "compose.yaml", "services:\n  web:\n    build:\n      dockerfile_inline: |2\n        FROM a\n        RUN x\n\n        CMD y\n", "", "no plain literal block"},
		{"a variable", "compose.yaml", "services:\n  web:\n    build:\n      dockerfile_inline: |\n        FROM ${BASE:-a}\n        RUN x\n\n        CMD y\n", "", "has variables"},
		{"an alias", "compose.yaml", "x: &d |\n  FROM a\n  RUN x\n\n  CMD y\nservices:\n  web:\n    build:\n      dockerfile_inline: *d\n", "", "no literal block"},
		{"extended", "compose.yaml", "services:\n  web:\n    extends: base\n  base:\n    build:\n      dockerfile_inline: |\n        FROM a\n        RUN x\n\n        CMD y\n", "", "not in the service or target itself"},
		{"CR LF", "compose.yaml", "services:\r\n  web:\r\n    build:\r\n      dockerfile_inline: |\r\n        FROM a\r\n        RUN x\r\n\r\n        CMD y\r\n", "", "CR LF"},
		{"heredoc", "docker-bake.hcl", "target \"default\" {\n  dockerfile-inline = <<EOT\nFROM a\nRUN x\n\nCMD y\nEOT\n  target = \"\" # kept\n}\n",
			"target \"default\" {\n  dockerfile-inline = <<EOT\nFROM a\nRUN x && echo $${A} $B\n\n# new\nCMD y\nEOT\n  target = \"\" # kept\n}\n", ""},
		{"heredoc, indented", "docker-bake.hcl", "target \"default\" {\n  dockerfile-inline = <<-EOT\n    FROM a\n    RUN x\n\n    CMD y\n  EOT\n}\n",
			"target \"default\" {\n  dockerfile-inline = <<-EOT\n    FROM a\n    RUN x && echo $${A} $B\n\n    # new\n    CMD y\n  EOT\n}\n", ""},
		{"a variable of HCL", "docker-bake.hcl", "variable \"X\" { default = \"a\" }\ntarget \"default\" {\n  dockerfile-inline = <<EOT\nFROM ${X}\nRUN x\n\nCMD y\nEOT\n}\n", "", "has variables"},
		{"a text of HCL", "docker-bake.hcl", "target \"default\" {\n  dockerfile-inline = \"FROM a\\nRUN x\\n\\nCMD y\\n\"\n}\n", "", "no heredoc"},
		{"JSON", "docker-bake.json", `{"target": {"default": {"dockerfile-inline": "FROM a\nRUN x\n\nCMD y\n"}}}`, "", "a file of JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, map[string]string{c.file: c.text})
			p, err := Load(dir, "")
			if err != nil {
				t.Fatal(err)
			}
			var v Variant
			for _, one := range p.Variants {
				if one.Inline != nil {
					v = one
					break
				}
			}
			if got := strings.TrimRight(string(v.Inline), "\n") + "\n"; got != before && c.name != "folded" {
				t.Fatalf("%q", got)
			}
			file, err := v.From.Find(p.Dir, v.Inline)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %s", err, c.err)
				}
				return
			}
			if err != nil || file != c.file {
				t.Fatalf("%q %v", file, err)
			}
			got, err := v.From.Put([]byte(c.text), []byte(after))
			if diff := cmp.Diff(c.want, string(got)); diff != "" || err != nil {
				t.Fatalf("%v (-want +got):\n%s", err, diff)
			}
			if err := os.WriteFile(filepath.Join(dir, c.file), got, 0o600); err != nil {
				t.Fatal(err)
			}
			if p, err = Load(dir, ""); err != nil || !strings.Contains(string(p.Variants[len(p.Variants)-1].Inline)+string(p.Variants[0].Inline), strings.TrimRight(after, "\n")) {
				t.Errorf("%v: %+v", err, p.Variants)
			}
		})
	}
}

// TestInlineAnyText: whatever Dockerfile is put in the place of another one, compose and
// Bake read it as it is, or it is refused.
func TestInlineAnyText(t *testing.T) {
	word := rapid.StringMatching(`[A-Za-z$%{}#|"' \\&-]{0,12}`)
	text := rapid.Custom(func(t *rapid.T) string {
		return "FROM a\n" + strings.Join(rapid.SliceOfN(word, 0, 6).Draw(t, "lines"), "\n") + "\nCMD b\n"
	})
	for file, around := range map[string][2]string{
		"compose.yaml":    {"services:\n  default:\n    build:\n      dockerfile_inline: |\n", "    user: x\n"},
		"docker-bake.hcl": {"target \"default\" {\n  dockerfile-inline = <<-EOT\n", "  EOT\n  context = \".\"\n}\n"},
	} {
		t.Run(file, rapid.MakeCheck(func(t *rapid.T) {
			from := inline.From{Name: "default", Bake: file != "compose.yaml"}
			src := []byte(around[0] + "        FROM a\n        CMD b\n" + around[1])
			for range 2 {
				want := text.Draw(t, "text")
				next, err := from.Put(src, []byte(want))
				if err != nil {
					continue
				}
				if src = next; !strings.HasPrefix(string(src), around[0]) || !strings.HasSuffix(string(src), around[1]) {
					t.Fatalf("%s", src)
				}
				dir, err := os.MkdirTemp("", "inline")
				if err != nil {
					t.Fatal(err)
				}
				defer os.RemoveAll(dir)
				if err := os.WriteFile(filepath.Join(dir, file), src, 0o600); err != nil {
					t.Fatal(err)
				}
				p, err := Load(dir, "")
				if err != nil {
					t.Fatalf("%v\n%s", err, src)
				}
				if got := string(p.Variants[0].Inline); strings.TrimRight(got, "\n") != strings.TrimRight(want, "\n") {
					t.Fatalf("%q is read as %q:\n%s", want, got, src)
				}
			}
		}))
	}
}
