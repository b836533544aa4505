package flagvalue

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// bitPrefixes are those of units of bits: decimal ones, and binary ones with an i.
var bitPrefixes = map[string]float64{"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40}

// parseBandwidth reads a rate as people write it: "1Gbit/s", "100 Mbps", "50MB/s",
// "12.5 MiB/s". A small b and "bit" are bits, a capital B is bytes. The error says what
// is wrong with the rate, and not which one it is.
func parseBandwidth(s string) (whittle.Bandwidth, error) {
	bad := func(why string) (whittle.Bandwidth, error) {
		return 0, fmt.Errorf("a rate such as 1Gbit/s, 100Mbit/s or 50MB/s is wanted%s", why)
	}
	text := strings.TrimSpace(s)
	end := len(text) - len(strings.TrimLeft(text, "0123456789."))
	number, unit := text[:end], strings.TrimSpace(text[end:])
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return bad("")
	}
	given := unit
	perSecond := false
	for _, suffix := range []string{"/s", "ps"} {
		if rest, ok := strings.CutSuffix(unit, suffix); ok {
			unit, perSecond = rest, true
			break
		}
	}
	bits := 1.0
	switch {
	case !perSecond:
		return bad(fmt.Sprintf("; %q is not a rate per second", whittle.Shorten(given, 20)))
	case strings.HasSuffix(unit, "B"):
		unit, bits = strings.TrimSuffix(unit, "B"), 8
	case strings.HasSuffix(strings.ToLower(unit), "bits"):
		unit = unit[:len(unit)-len("bits")]
	case strings.HasSuffix(strings.ToLower(unit), "bit"):
		unit = unit[:len(unit)-len("bit")]
	case strings.HasSuffix(unit, "b"):
		unit = strings.TrimSuffix(unit, "b")
	default:
		return bad(fmt.Sprintf("; %q has neither bits nor bytes", whittle.Shorten(given, 20)))
	}
	factor, known := bitPrefixes[strings.ToLower(strings.TrimSpace(unit))]
	n = math.Round(n * factor * bits)
	switch {
	case !known:
		return bad(fmt.Sprintf("; %q is no unit", whittle.Shorten(given, 20)))
	case n < 1000:
		return bad(", of 1 kbit/s or more")
	case n > maxBandwidth:
		return bad(", and a smaller one")
	}
	return whittle.Bandwidth(n), nil
}

// maxBandwidth is more than any line has, in bits per second. Its numbers are exact in
// JSON.
const maxBandwidth = 1e15
