//go:build unix

package host

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// TestPrograms: what a program writes is given as it comes; its end is an error with
// its last line if it fails, and none if it is not wanted to its end.
func TestPrograms(t *testing.T) {
	for _, c := range []struct{ script, writes, says string }{
		{"echo content; echo note >&2", "content\n", ""},
		{"echo first >&2; echo 'Error: app: image not known' >&2; exit 125", "", "app: image not known"},
		{`echo 'time="2026" level=fatal msg="reading \"app\": no such image"' >&2; exit 1`, "", `reading "app": no such image`},
		{"echo part; exit 3", "part\n", "exit status 3"},
	} {
		out, err := programs{}.Output(context.Background(), "sh", "-c", c.script)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(out)
		if err != nil || string(b) != c.writes {
			t.Errorf("%s: %q, %v", c.script, b, err)
		}
		if err := out.Close(); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.script, err, c.says)
		}
	}
	if _, err := (programs{}).Output(context.Background(), "no such program"); err == nil {
		t.Error("a program that is not there is started")
	}
	out, err := programs{}.Output(context.Background(), "sh", "-c", "exec yes")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := out.Close(); err != nil || time.Since(start) > 20*time.Second {
		t.Error("it is not ended: ", err)
	}
}
