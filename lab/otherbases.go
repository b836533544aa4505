package lab

import (
	"context"

	"whittle/internal/plan"
)

// otherBases adds what is known of images on other bases.
func (w *workshop) otherBases(ctx context.Context, in *plan.Project, x advised) {
}
