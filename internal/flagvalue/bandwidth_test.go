package flagvalue

import (
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// TestParseBandwidth: rates as people write them, in bits per second.
func TestParseBandwidth(t *testing.T) {
	for text, want := range map[string]whittle.Bandwidth{
		"1Gbit/s": 1e9, "100 Mbit/s": 1e8, "50MB/s": 4e8, "12.5 MiB/s": 12.5 * 8 * (1 << 20), "100Mbps": 1e8, "1.5gbit/s": 15e8,
		"1000000bit/s": 1e6, " 10 Gb/s ": 1e10, "1 KiB/s": 8192, "250kbits/s": 250_000, "2MBps": 16e6, "1Kibit/s": 1024,
	} {
		if got, err := parseBandwidth(text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1G", "1Gbit", "1GB", "fast", "Gbit/s", "-1Gbit/s", "0Mbit/s", "1.2.3Mbit/s", "1Xbit/s", "1/s", "999bit/s", "9999Tbit/s", "NaNbit/s", "1e3bit/s", "infGbit/s"} {
		if got, err := parseBandwidth(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// TestBandwidthShown: what is shown is read as the same rate.
func TestBandwidthShown(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := whittle.Bandwidth(rapid.Int64Range(1000, 1e15).Draw(rt, "rate"))
		if again, err := parseBandwidth(b.String()); err != nil || again != b {
			rt.Fatalf("%d is shown as %s, which is %d: %v", b, b, again, err)
		}
	})
}
