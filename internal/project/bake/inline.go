package bake

import (
	"errors"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"whittle.dev/whittle/internal/project/block"
)

// heredoc is how a heredoc begins.
// https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md#template-expressions
var heredoc = regexp.MustCompile(`^[ \t]*<<-?([A-Za-z_][\w.-]*)[ \t]*\n`)

// Inline finds the Dockerfile of a target in the text of a Bake file. found is false if
// the file has none for it. Errors say why it cannot be edited.
func Inline(src []byte, target string) (b block.Block, found bool, err error) {
	file, diags := hclsyntax.ParseConfig(src, "docker-bake.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		if strings.Contains(string(src), "dockerfile-inline") {
			return b, true, errors.New("it is in a file of JSON")
		}
		return b, false, nil
	}
	body, _ := file.Body.(*hclsyntax.Body)
	var attr *hclsyntax.Attribute
	for _, one := range body.Blocks {
		if a := one.Body.Attributes["dockerfile-inline"]; a != nil && one.Type == "target" && len(one.Labels) == 1 && one.Labels[0] == target {
			if attr != nil {
				return b, true, errors.New("two blocks of the target have it")
			}
			attr = a
		}
	}
	if attr == nil {
		return b, false, nil
	}
	at := attr.EqualsRange.End.Byte
	m := heredoc.FindSubmatch(src[at:])
	if m == nil {
		return b, true, errors.New("its text is no heredoc (<<EOT)")
	}
	b, err = block.Read(src, at+len(m[0]), func(line string) bool { return strings.TrimSpace(line) == string(m[1]) })
	if err == nil && !strings.Contains(string(m[0]), "<<-") { // its lines are as they are
		b.Indent = ""
	}
	return b, true, err
}
