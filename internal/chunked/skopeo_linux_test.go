package chunked

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/destination"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/source"
)

// TestSkopeo: what skopeo writes holds by Check, and its table of contents says what that of
// whittle says.
func TestSkopeo(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("there is no skopeo: apt-get install skopeo")
	}
	ctx, dir := context.Background(), t.TempDir()
	raw := imagetest.Tar(t, kinds)
	conf := whittle.Config{OS: "linux", Architecture: "amd64"}
	conf.RootFS.Type, conf.RootFS.DiffIDs = "layers", []whittle.Digest{whittle.DigestOf(raw)}
	text, err := json.Marshal(conf)
	imagetest.Must(t, err)
	to, err := destination.Parse("oci-layout:" + dir + "/plain:v1")
	imagetest.Must(t, err)
	_, err = to.Write(ctx, destination.Image{Config: text, Layers: []destination.Layer{{Digest: whittle.DigestOf(raw), Size: int64(len(raw)), DiffID: whittle.DigestOf(raw),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }}}}, source.Options{})
	imagetest.Must(t, err)
	if out, err := exec.CommandContext(ctx, skopeo, "--insecure-policy", "copy", "--dest-compress", "--dest-compress-format", "zstd:chunked", "oci:"+dir+"/plain:v1", "oci:"+dir+"/theirs:v1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	img, err := source.Open(ctx, "oci:"+dir+"/theirs:v1", source.Options{})
	imagetest.Must(t, err)
	defer img.Close()
	details, err := source.DetailsOf(ctx, img)
	imagetest.Must(t, err)
	if !Is(details.Layers[0].Annotations) {
		t.Skipf("this skopeo writes no zstd:chunked: %v", details.Layers[0])
	}
	imagetest.Must(t, CheckLayer(ctx, img.Layers()[0], details.Layers[0].Annotations))
	r, err := img.Layers()[0].Open(ctx)
	imagetest.Must(t, err)
	defer r.Close()
	blob, err := io.ReadAll(r)
	imagetest.Must(t, err)
	theirs := made{blob, map[string]string{Position: said(details.Layers[0].Annotations, Position)}}
	ours, err := encode(raw, len(raw))
	imagetest.Must(t, err)
	if diff := cmp.Diff(facts(t, theirs), facts(t, ours)); diff != "" {
		t.Errorf("skopeo's table of contents and whittle's (-skopeo +whittle):\n%s", diff)
	}
}

// facts are what a table of contents says of the files, without where they are.
func facts(t *testing.T, m made) (lines []string) {
	t.Helper()
	var toc struct{ Entries []entry }
	dec := json.NewDecoder(bytes.NewReader(m.part(t, Position)))
	if err := dec.Decode(&toc); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	for _, e := range toc.Entries {
		if e.Type == piece {
			continue
		}
		e.Offset, e.EndOffset, e.ChunkSize, e.ChunkOffset, e.ChunkDigest, e.AccessTime, e.ChangeTime = 0, 0, 0, 0, "", nil, nil
		if e.ModTime != nil {
			utc := e.ModTime.UTC()
			e.ModTime = &utc
		}
		b, err := json.Marshal(e)
		imagetest.Must(t, err)
		lines = append(lines, strings.ReplaceAll(string(b), `,"xattrs":{}`, ""))
	}
	return lines
}
