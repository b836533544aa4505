package flagvalue

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Moment is a time: a day (2026-11-30, which begins at midnight UTC), a time as RFC 3339
// has it, or so many days (30d), hours (12h) or weeks (4w) ago.
func Moment(t *time.Time) pflag.Value { return moment{t} }

type moment struct{ t *time.Time }

func (m moment) Type() string { return "time" }

func (m moment) String() string {
	if m.t == nil || m.t.IsZero() {
		return ""
	}
	return m.t.Format(time.RFC3339)
}

// longest is how many units ago a moment may be: more overflow a duration.
const longest = 10_000

func (m moment) Set(s string) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			*m.t = at.UTC()
			return nil
		}
	}
	units := map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	if len(s) > 1 {
		unit, known := units[s[len(s)-1:]]
		n, err := strconv.Atoi(strings.TrimSuffix(s, s[len(s)-1:]))
		if known && err == nil && n >= 0 && n <= longest {
			*m.t = time.Now().UTC().Add(-time.Duration(n) * unit)
			return nil
		}
	}
	return errors.New("a day is wanted, such as 2026-11-30, or how long ago, such as 30d, 12h or 4w")
}
