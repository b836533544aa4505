package lab

import (
	"strings"
	"testing"

	"whittle.dev/whittle"
)

// TestTooRisky: what is skipped names its risk and what makes it.
func TestTooRisky(t *testing.T) {
	for _, c := range []struct {
		most, risk whittle.Risk
		proves     bool
		want       []string
	}{
		{whittle.RiskLow, whittle.RiskLow, false, nil},
		{whittle.RiskMedium, whittle.RiskMedium, false, nil},
		{whittle.RiskLow, whittle.RiskMedium, false, []string{"medium", "whittle fix --verify", "--risk medium makes"}},
		{whittle.RiskMedium, whittle.RiskHigh, false, []string{"high", "--risk high"}},
		{whittle.RiskLow, whittle.RiskMedium, true, []string{"medium", "--risk medium tries"}},
		{whittle.RiskNone, whittle.RiskLow, false, []string{"low", "--risk low"}},
	} {
		got := (&prover{risk: c.most, proves: c.proves}).tooRisky(c.risk)
		if (got == "") != (c.want == nil) {
			t.Errorf("a fix of risk %s where %s is the most: %q", c.risk, c.most, got)
		}
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("a fix of risk %s where %s is the most: %q has no %q", c.risk, c.most, got, w)
			}
		}
	}
}

// TestSupport: a fix of more than low risk says that only runs show that it does no harm,
// unless a trace does, what the runs import does, or it repairs a run. With a trace it
// says that no run touched what it removes.
func TestSupport(t *testing.T) {
	for _, c := range []struct {
		finding    whittle.Finding
		unimported bool
		want       string
	}{
		{whittle.Finding{Risk: whittle.RiskNone}, false, ""},
		{whittle.Finding{Risk: whittle.RiskLow}, false, ""},
		{whittle.Finding{Risk: whittle.RiskMedium}, false, "only runs that did not fail show that it does no harm"},
		{whittle.Finding{Risk: whittle.RiskHigh}, false, "only runs that did not fail show that it does no harm"},
		{whittle.Finding{Risk: whittle.RiskMedium, Untouched: true}, false, "no traced run touched a file that it removes"},
		{whittle.Finding{Risk: whittle.RiskLow, Untouched: true}, true, "no run imported what it removes, and none touched a file of it"},
		{whittle.Finding{Risk: whittle.RiskMedium}, true, ""},
		{whittle.Finding{Risk: whittle.RiskHigh, Breaks: true}, false, ""},
	} {
		if got := support(&c.finding, c.unimported); got != c.want {
			t.Errorf("%+v: %q", c.finding, got)
		}
	}
}
