package whittle_test

import (
	"testing"

	"whittle.dev/whittle"
)

func TestNearest(t *testing.T) {
	commands := []string{"lab", "inspect", "compare", "check", "advise", "simulate", "forecast", "fix", "cache", "engine"}
	for word, want := range map[string]string{
		"inspct": "inspect", "Inspect": "inspect", "isnpect": "inspect", "inspects": "inspect", "forcast": "forecast", "chekc": "check",
		"fx": "fix", "ab": "lab", "frobnicate": "", "": "", "x": "", "lint": "", "inspectinspect": "",
	} {
		if got := whittle.Nearest(word, commands); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	if got := whittle.Nearest("request", []string{"rich", "requests", "requests-oauthlib"}); got != "requests" {
		t.Errorf("request: %q", got)
	}
}
