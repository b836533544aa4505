package codec

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"whittle.dev/whittle"
)

func TestPack(t *testing.T) {
	for _, text := range []string{"", "a", "import a\n", strings.Repeat("import a\n", 10_000), string(bytes.Repeat([]byte{0, 1, 2, 250}, 999))} {
		packed := Pack([]byte(text))
		if n, err := UnpackedSize(packed, len(text)); n != len(text) || err != nil {
			t.Errorf("%.20q: %d bytes, %v", text, n, err)
		}
		if got, err := Unpack(packed, len(text)); string(got) != text || err != nil {
			t.Errorf("%.20q came back as %.20q, %v", text, got, err)
		}
		if _, err := Unpack(packed, len(text)-1); text != "" && !errors.Is(err, whittle.ErrLimit) {
			t.Errorf("%.20q over the limit: %v", text, err)
		}
		for n := range min(len(packed), 50) {
			if got, err := Unpack(packed[:n], len(text)); !errors.Is(err, whittle.ErrCorrupt) {
				t.Errorf("%d of %d bytes: %.20q, %v", n, len(packed), got, err)
			}
		}
	}
	if n := len(Pack([]byte(strings.Repeat("import a\n", 10_000)))); n > 9_000 {
		t.Errorf("90,000 bytes of one line are packed to %d", n)
	}
}
