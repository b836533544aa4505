package ready

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/runs"
)

// Measure is the time to ready of a variant whose image was inspected and run: the image
// is unpacked in folders of dir but for the layers that are known, its start-up is as it
// was when it was run.
func Measure(ctx context.Context, img whittle.Image, v *whittle.Variant, dir string, bandwidths []whittle.Bandwidth, known Known) (*whittle.Ready, error) {
	r := Started(v)
	bounds := Bounds{Bytes: v.Inspect.Sizes.Size}
	for i := range v.Inspect.Layers {
		bounds.Entries += v.Inspect.Layers[i].Entries
	}
	if img.Ref().Source == "registry" {
		r.Notes = append(r.Notes, "unpacking was not measured: the layers are in a registry")
	} else {
		u, err := Unpack(ctx, img.Layers(), dir, bounds, known)
		switch {
		case errors.Is(err, whittle.ErrLimit):
			r.Notes = append(r.Notes, "unpacking was not measured: "+whittle.OneLine(err.Error()))
		case err != nil:
			return nil, err
		default:
			r.Unpack = &u.Seconds
		}
		if u.Stored {
			r.Notes = append(r.Notes, "layers are stored uncompressed: unpacking is without decompressing them")
		}
	}
	r.At(bandwidths)
	return r, nil
}

// Started has the download and the start-up of a variant, and not the time of unpacking.
func Started(v *whittle.Variant) *whittle.Ready {
	r := &whittle.Ready{Download: v.Inspect.Sizes.Download, Start: StartUp(runs.Timed(v))}
	if r.Start == nil {
		r.Notes = append(r.Notes, "no start was seen to run: the times are without one")
	}
	return r
}

// Like is the time to ready of a variant that is not unpacked: it takes the time that
// another one took, in proportion to the sizes, so that the two differ by what they have
// and not by what else the machine does. It is nil where the other was not unpacked.
func Like(v, other *whittle.Variant, bandwidths []whittle.Bandwidth) *whittle.Ready {
	if other.Ready == nil || other.Ready.Unpack == nil || other.Inspect.Sizes.Size <= 0 {
		return nil
	}
	r := Started(v)
	seconds := *other.Ready.Unpack * float64(v.Inspect.Sizes.Size) / float64(other.Inspect.Sizes.Size)
	r.Unpack, r.UnpackOf = &seconds, cmp.Or(other.Ready.UnpackOf, other.Name)
	r.At(bandwidths)
	return r
}

// Before is the time to ready of a variant whose image took some seconds to unpack when
// it was measured before.
func Before(v *whittle.Variant, seconds float64, bandwidths []whittle.Bandwidth) *whittle.Ready {
	r := Started(v)
	r.Unpack = &seconds
	r.At(bandwidths)
	return r
}

// StartUp are the medians of a start's runs, nil without any.
func StartUp(run *whittle.CommandRun) *whittle.StartUp {
	if run == nil || len(run.Seconds) == 0 {
		return nil
	}
	s := &whittle.StartUp{Name: run.Name, Runs: len(run.Seconds), Wall: runs.Median(run.Seconds)}
	if len(run.CPU) > 0 {
		cpu := runs.Median(run.CPU)
		s.CPU = &cpu
	}
	if len(run.Cold) > 0 {
		cold := runs.Median(run.Cold)
		s.Cold = &cold
	}
	return s
}

// Estimate is the time to ready of an image of size bytes that nobody has built, by one
// of the same project: download and unpacking are in proportion to the size, the
// start-up is the same. It is nil where the other one was not measured.
func Estimate(of *whittle.Ready, ofSize, size int64, bandwidths []whittle.Bandwidth) *whittle.Ready {
	if of == nil || ofSize <= 0 {
		return nil
	}
	share := float64(size) / float64(ofSize)
	r := &whittle.Ready{Start: of.Start, Estimated: true}
	if of.Download != nil {
		n := int64(float64(*of.Download) * share)
		r.Download = &n
	}
	if of.Unpack != nil {
		s := *of.Unpack * share
		r.Unpack = &s
	}
	r.At(bandwidths)
	return r
}

// EstimateAll estimates the time to ready of forecasts that start from a variant.
func EstimateAll(forecasts []whittle.Forecast, from *whittle.Variant, bandwidths []whittle.Bandwidth) {
	for i := range forecasts {
		forecasts[i].Ready = Estimate(from.Ready, runs.Outcome(from).Sizes.Size, forecasts[i].Predicted, bandwidths)
	}
}

// Gain is how many seconds sooner an image is ready than another one, at a bandwidth:
// what the download and the unpacking take less, at the rate at which was is unpacked,
// without the start-up. It is less than 0 if it is ready later.
func Gain(was *whittle.Ready, wasSizes, isSizes whittle.Sizes, b whittle.Bandwidth) float64 {
	gain := 0.0
	if wasSizes.Download != nil && isSizes.Download != nil {
		gain = b.Seconds(*wasSizes.Download - *isSizes.Download)
	}
	if was != nil && was.Unpack != nil && wasSizes.Size > 0 {
		gain += *was.Unpack * float64(wasSizes.Size-isSizes.Size) / float64(wasSizes.Size)
	}
	return gain
}

// Later says at which bandwidth, the first of some, an image whose start takes longer is
// ready later in all than the other one, and by how much. It is empty if there is none.
func Later(was *whittle.Ready, wasSizes, isSizes whittle.Sizes, start whittle.SlowerStart, bandwidths []whittle.Bandwidth) string {
	longer := start.After - start.Before
	if start.CPUBefore != nil && start.CPUAfter != nil {
		longer = min(longer, *start.CPUAfter-*start.CPUBefore) // a loaded machine makes all of it longer
	}
	for _, b := range bandwidths {
		if gain := Gain(was, wasSizes, isSizes, b); longer >= gain {
			return fmt.Sprintf("the start takes %.1f s longer, download and unpacking %.1f s less at %s", longer, gain, b)
		}
	}
	return ""
}
