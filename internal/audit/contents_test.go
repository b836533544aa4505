package audit_test

import (
	"io"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
)

// TestCopyFile: a file is named as the view names it; an error says which file of
// which image.
func TestCopyFile(t *testing.T) {
	env := &host.Env{Images: oneImage{imagetest.New(t, imagetest.Gzip, "f srv/app.py \"import os\\n\"\n")}}
	var b strings.Builder
	if err := audit.CopyFile(t.Context(), env, "app:1.0", "/srv/app.py", &b); err != nil || b.String() != "import os\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
	err := audit.CopyFile(t.Context(), env, "app:1.0", "/srv/none.py", io.Discard)
	if err == nil || !strings.HasPrefix(err.Error(), "reading /srv/none.py of app:1.0: ") {
		t.Errorf("%v", err)
	}
}
