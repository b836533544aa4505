package build

import (
	"fmt"
	"strings"
	"time"
)

// DefaultTime is the default time limit of one build: the longest that people wait
// for compile for an hour.
const DefaultTime = 2 * time.Hour

// outOfTime is why a build that took too long was ended.
type outOfTime struct{ limit time.Duration }

func (o *outOfTime) Error() string {
	return fmt.Sprintf("ended by the time limit of %s for a build; --build-timeout %s", spell(o.limit), spell(2*o.limit))
}

// spell is a duration without the units that are zero: "2h", not "2h0m0s".
func spell(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
