package audit

import (
	"context"
	"errors"
	"fmt"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/chunked"
	"whittle.dev/whittle/internal/source"
)

// contradictions are the layers whose table of contents does not say what their tar says.
func contradictions(ctx context.Context, img whittle.Image) (all []whittle.Contradiction, err error) {
	details, err := source.DetailsOf(ctx, img)
	if err != nil {
		return nil, err
	}
	layers := img.Layers()
	for n, d := range details.Layers {
		if n >= len(layers) || !chunked.Is(d.Annotations) {
			continue
		}
		err := chunked.CheckLayer(ctx, layers[n], d.Annotations)
		var c *chunked.Contradiction
		switch {
		case errors.As(err, &c):
			all = append(all, whittle.Contradiction{Layer: n, What: c.What})
		case err != nil:
			return nil, fmt.Errorf("layer %d: %w", n, err)
		}
	}
	return all, nil
}
