package whittle

import (
	"strconv"
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

// MB formats a size in decimal megabytes with one decimal and no unit, for
// columns whose head says MB: "1210.7".
func MB(n int64) string { return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) }
