package whittle

import (
	"fmt"
	"math"
	"regexp"
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

// byteUnits are the units of [ParseBytes], in lower case. Ki, Mi and Gi are those of
// Kubernetes.
var byteUnits = map[string]float64{
	"": 1, "b": 1, "byte": 1, "bytes": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12, "tb": 1e12,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40,
}

// grouped is a number whose thousands are set apart, as [Thousands] does.
var grouped = regexp.MustCompile(`^\d{1,3}(,\d{3})+(\.\d*)?$`)

// ParseBytes reads a size as people write it: "8GB", "1.5 gb", "512MiB", "4g",
// "4,000,000". Units without an i are decimal, as those of [Bytes]. The error says what
// is wrong with the size, and not which one it is.
func ParseBytes(s string) (int64, error) {
	bad := func(why string, args ...any) (int64, error) {
		return 0, fmt.Errorf("a size such as 8GB, 512MB or 4GiB is wanted"+why, args...)
	}
	text := strings.ToLower(strings.TrimSpace(s))
	end := len(text) - len(strings.TrimLeft(text, "0123456789.,"))
	number, suffix := text[:end], strings.TrimSpace(text[end:])
	unit, known := byteUnits[suffix]
	if grouped.MatchString(number) {
		number = strings.ReplaceAll(number, ",", "")
	}
	n, err := strconv.ParseFloat(number, 64)
	switch n *= unit; {
	case text == "":
		return bad("")
	case strings.HasPrefix(text, "-"):
		return bad(", and no negative one")
	case number == "":
		return bad(", which begins with a number")
	case err != nil && strings.Contains(number, ","):
		return bad("; a fraction has a point: %s", strings.ReplaceAll(number, ",", ".")+Shorten(suffix, 10))
	case err != nil:
		return bad("; %q is no number", Shorten(number, 20))
	case !known:
		return bad("; %q is no unit: B, kB, MB, GB, TB, KiB, MiB, GiB and TiB are", Shorten(suffix, 20))
	case n >= math.MaxInt64:
		return bad(", and a smaller one")
	}
	return int64(math.Round(n)), nil
}
