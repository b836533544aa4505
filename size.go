package whittle

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Bytes formats a size in decimal units as Docker does: "0 B", "512 B",
// "12.3 kB", "857.0 MB", "1.14 GB". Below one GB one decimal is shown, from
// one GB on two. Negative sizes carry a minus sign.
func Bytes(n int64) string {
	sign := ""
	u := uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	switch {
	case u < 1000:
		return sign + strconv.FormatUint(u, 10) + " B"
	case u < 999_950:
		return sign + strconv.FormatFloat(float64(u)/1e3, 'f', 1, 64) + " kB"
	case u < 999_950_000:
		return sign + strconv.FormatFloat(float64(u)/1e6, 'f', 1, 64) + " MB"
	default:
		return sign + strconv.FormatFloat(float64(u)/1e9, 'f', 2, 64) + " GB"
	}
}

// SignedBytes is [Bytes] with a plus sign before growth; zero is "0 B".
func SignedBytes(n int64) string {
	if n > 0 {
		return "+" + Bytes(n)
	}
	return Bytes(n)
}

// Thousands formats a number with commas: "4,000,000".
func Thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// byteUnits are the units of [ParseBytes], in lower case.
var byteUnits = map[string]float64{
	"": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12, "tb": 1e12,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// ParseBytes reads a size as people write it: "8GB", "1.5 gb", "512MiB", "4g",
// "1000000". Units without an i are decimal, as those of [Bytes].
func ParseBytes(s string) (int64, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	end := strings.LastIndexAny(text, "0123456789.") + 1
	unit, known := byteUnits[strings.TrimSpace(text[end:])]
	n, err := strconv.ParseFloat(text[:end], 64)
	if n *= unit; err != nil || !known || !(n >= 0 && n < math.MaxInt64) || strings.ContainsAny(text, "xpe_") {
		return 0, errors.New("a size such as 8GB, 512MB or 4GiB is wanted")
	}
	return int64(math.Round(n)), nil
}
