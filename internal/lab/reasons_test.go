package lab

import (
	"testing"

	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
)

// TestReasons: the records of what was installed only for others are kept when
// a layer is read, so that the rules know them.
func TestReasons(t *testing.T) {
	for _, codec := range []imagetest.Codec{imagetest.Plain, imagetest.Gzip} {
		img := imagetest.New(t, codec, `f var/lib/dpkg/status "Package: make\nStatus: install ok installed\nVersion: 1\n\nPackage: libgc1\nStatus: install ok installed\nVersion: 2\n"
f var/lib/apt/extended_states "Package: libgc1\nAuto-Installed: 1\n"`)
		x, err := audit.Examine(t.Context(), &host.Env{Images: oneImage{img}}, "image", audit.AdviseOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if p := x.Facts.Packages; len(p) != 2 || p[0].Reason != distro.Requested || p[1].Reason != distro.Automatic {
			t.Errorf("%s: %+v", codec, p)
		}
	}
}
