package sitepackages

import (
	"strings"
	"testing"

	"whittle.dev/whittle/internal/python/source"
)

func TestImportedNames(t *testing.T) {
	text := "import a.b\nfrom . import tests\nfrom ..up import x, y\nfrom .... import far\ndef f():\n    from .tests.helper import g\n"
	got := strings.Join(importedNames("top.pkg.mod", false, source.Scan([]byte(text))), " ")
	if want := "a.b top.pkg top.pkg.tests top.up top.up.x top.up.y top.pkg.tests.helper top.pkg.tests.helper.g"; got != want {
		t.Errorf("of a module: %s", got)
	}
	got = strings.Join(importedNames("top.pkg", true, source.Scan([]byte("from . import tests\nfrom .. import x\n"))), " ")
	if want := "top.pkg top.pkg.tests top top.x"; got != want {
		t.Errorf("of a package: %s", got)
	}
}
