package check

import (
	"testing"

	"whittle.dev/whittle"
)

// TestDocuments: each check that the table has is documented, and no other.
func TestDocuments(t *testing.T) {
	all, documented := All(), documents()
	for _, c := range all {
		if c.Title == "" || c.Text == "" || whittle.SeverityRank(c.Severity) < 0 || c.Run == nil {
			t.Errorf("%s: title %q, text %q, severity %q", c.ID, c.Title, c.Text, c.Severity)
		}
		delete(documented, c.ID)
	}
	for id := range documented {
		t.Errorf("%s is documented, and no function of the table finds it", id)
	}
	if len(all) < 25 {
		t.Errorf("%d checks", len(all))
	}
}
