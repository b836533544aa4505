package whittle

import (
	"strings"
	"testing"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"8GB": 8e9, "4,000,000": 4e6, "1,500.5 kB": 1_500_500, "200m": 200e6, "350MB": 350e6, "1.5 GiB": 1_610_612_736, "1.5GIB": 1_610_612_736, "512Mi": 512 << 20, "10 bytes": 10, ".5k": 500, "5.": 5,
		"1,5 GB": -1, "4,00,000": -1, ",5": -1, ".": -1, "5 5": -1, "５GB": -1, "MB5": -1, "1e3MB": -1, "+5": -1, "0x10MB": -1, "1.5 gb": 1_500_000_000, "512MiB": 512 << 20, "4g": 4e9, "4GiB": 4 << 30, "1000000": 1e6, " 7 kB ": 7000, "2T": 2e12, "0": 0, "10b": 10,
		"": -1, "GB": -1, "-1GB": -1, "1e9": -1, "0x10": -1, "1 XB": -1, "99999999999GB": -1, "8 G B": -1, "nan": -1, "inf": -1, "1_0MB": -1, "5PB": -1, "1.2.3": -1,
	} {
		n, err := ParseBytes(text)
		if (err != nil) != (want < 0) || err == nil && n != want {
			t.Errorf("%q: %d, %v, want %d", text, n, err, want)
		}
	}
}

// TestParseBytesSays: the error says what is wrong.
func TestParseBytesSays(t *testing.T) {
	for text, want := range map[string]string{
		"-5MB": "no negative one", "8 XB": `"xb" is no unit`, "1,5 GB": "a fraction has a point: 1.5gb", "1.2.3": `"1.2.3" is no number`, "many": "begins with a number", "9999999999 TB": "a smaller one", "": "is wanted",
		"1e9": `"e9" is no unit`, "8GBx": `"gbx" is no unit`,
	} {
		if _, err := ParseBytes(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -100: "-100", -1000: "-1,000", 4_000_000: "4,000,000", 12345: "12,345"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
