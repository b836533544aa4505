package whittle

import "strconv"

// Ready is how long an image takes until its start is ready on a machine that has
// nothing of it: download, unpacking and start-up. Times are in seconds.
type Ready struct {
	// Download is the size of the layer blobs in bytes, nil where the source has none:
	// no total is known then.
	Download *int64 `json:"download"`
	// Unpack is how long decompressing and writing the layers took, one after the other
	// as containerd does it, nil where that was not measured.
	Unpack *float64 `json:"unpack"`
	// UnpackOf is the image that was unpacked where it was not this one, but Unpack is in
	// proportion to the sizes of both; empty where it was this one.
	UnpackOf string `json:"unpack_of,omitempty"`
	// Start is the start-up, nil where nothing that the image starts was seen to run:
	// the totals are without it then.
	Start *StartUp `json:"start"`
	// Totals has one for each bandwidth.
	Totals []ReadyTotal `json:"totals"`
	// Estimated says that the times were not measured with this image but are those of
	// another one, of the same project, that was; that of unpacking in proportion to
	// the size.
	Estimated bool     `json:"estimated,omitempty"`
	Notes     []string `json:"notes,omitempty"`
}

// StartUp is the start-up of an image, in seconds: medians of several runs.
type StartUp struct {
	// Name is that of the start, Runs is the number of runs.
	Name string `json:"name"`
	Runs int    `json:"runs"`
	// Wall is the time that passes until the start has ended or is seen to be ready,
	// with the image's files in the page cache.
	Wall float64 `json:"wall"`
	// CPU is the time that processors work meanwhile, of all together, nil where it is
	// not known. What else the machine does hardly changes it.
	CPU *float64 `json:"cpu"`
	// Cold is as Wall, without the image's files in the page cache, nil where that was
	// not measured.
	Cold *float64 `json:"cold"`
}

// ReadyTotal is the time to ready at one bandwidth.
type ReadyTotal struct {
	// Bandwidth is in bits per second.
	Bandwidth Bandwidth `json:"bandwidth"`
	// Download is the time that the download takes, in seconds: its size by the
	// bandwidth.
	Download float64 `json:"download"`
	// Total is the sum of download, unpacking and start-up, as far as they are known,
	// in seconds.
	Total float64 `json:"total"`
}

// At works out the totals at the bandwidths. Without a download or the time of
// unpacking there are none.
func (r *Ready) At(bandwidths []Bandwidth) {
	r.Totals = []ReadyTotal{}
	if r.Download == nil || r.Unpack == nil {
		return
	}
	for _, b := range bandwidths {
		t := ReadyTotal{Bandwidth: b, Download: b.Seconds(*r.Download)}
		t.Total = t.Download + *r.Unpack
		if r.Start != nil {
			t.Total += r.Start.Wall
		}
		r.Totals = append(r.Totals, t)
	}
}

// Bandwidth is a rate in bits per second.
type Bandwidth int64

// Bandwidths are those at which the time to ready is shown where none is named: of a
// machine in a data centre, and of one behind a common line.
func Bandwidths() []Bandwidth { return []Bandwidth{1e9, 1e8} }

// Seconds is how long some bytes take.
func (b Bandwidth) Seconds(bytes int64) float64 { return float64(bytes) * 8 / float64(b) }

// String is "1 Gbit/s", "100 Mbit/s", "1.5 Mbit/s".
func (b Bandwidth) String() string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, "Tbit/s"}, {1e9, "Gbit/s"}, {1e6, "Mbit/s"}, {1e3, "kbit/s"}} {
		if float64(b) >= u.size {
			return strconv.FormatFloat(float64(b)/u.size, 'f', -1, 64) + " " + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + " bit/s"
}
