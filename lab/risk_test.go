package lab

import (
	"strings"
	"testing"

	"whittle"
)

// TestTooRisky: what is left out names its risk and what makes it.
func TestTooRisky(t *testing.T) {
	for _, c := range []struct {
		most, risk whittle.Risk
		want       []string
	}{
		{whittle.RiskLow, whittle.RiskLow, nil},
		{whittle.RiskMedium, whittle.RiskMedium, nil},
		{whittle.RiskLow, whittle.RiskMedium, []string{"medium", "--verify", "--risk medium"}},
		{whittle.RiskMedium, whittle.RiskHigh, []string{"high", "--risk high"}},
		{whittle.RiskNone, whittle.RiskLow, []string{"low", "--risk low"}},
	} {
		got := (&prover{risk: c.most}).tooRisky(c.risk)
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
