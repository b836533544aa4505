package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/chunked"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/destination"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/source"
)

// places opens images where they are stored.
type places struct{}

func (places) Open(ctx context.Context, name string) (whittle.Image, error) {
	return source.Open(ctx, name, source.Options{})
}

// chunkedLayer is a tar as zstd:chunked, with the table of contents of another one.
func chunkedLayer(t *testing.T, raw, tableOf []byte) destination.Layer {
	t.Helper()
	encode := func(raw []byte) ([]byte, map[string]string) {
		var b bytes.Buffer
		w, err := chunked.NewWriter(&b, 0)
		imagetest.Must(t, err)
		_, err = w.Write(raw)
		imagetest.Must(t, err)
		imagetest.Must(t, w.Close())
		return b.Bytes(), w.Annotations()
	}
	blob, annotations := encode(raw)
	if tableOf != nil {
		other, said := encode(tableOf)
		var at, length, size int
		_, err := fmt.Sscanf(said[chunked.Position], "%d:%d:%d", &at, &length, &size)
		imagetest.Must(t, err)
		frame, err := codec.SkippableFrame(other[at : at+length])
		imagetest.Must(t, err)
		annotations[chunked.Checksum] = said[chunked.Checksum]
		annotations[chunked.Position] = fmt.Sprintf("%d:%d:%d:1", len(blob)+8, length, size)
		blob = append(blob, frame...)
	}
	return destination.Layer{MediaType: "application/vnd.oci.image.layer.v1.tar+zstd", Digest: whittle.DigestOf(blob), Size: int64(len(blob)), DiffID: whittle.DigestOf(raw),
		Annotations: annotations, Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob)), nil }}
}

// TestContradiction: an image whose table of contents says something else than its tar is
// not the same as one without it, though the tars are.
func TestContradiction(t *testing.T) {
	raw, evil := imagetest.Tar(t, "f bin/su 500 mode=0755"), imagetest.Tar(t, "f bin/su 500 mode=04755")
	dir, ctx := t.TempDir(), context.Background()
	put := func(name string, l destination.Layer) string {
		conf := whittle.Config{OS: "linux", Architecture: "amd64"}
		conf.RootFS.Type, conf.RootFS.DiffIDs = "layers", []whittle.Digest{l.DiffID}
		text, err := json.Marshal(conf)
		imagetest.Must(t, err)
		to, err := destination.Parse("oci-layout:" + dir + "/" + name + ":v1")
		imagetest.Must(t, err)
		_, err = to.Write(ctx, destination.Image{Config: text, Layers: []destination.Layer{l}}, source.Options{})
		imagetest.Must(t, err)
		return "oci:" + dir + "/" + name + ":v1"
	}
	env := &host.Env{Images: places{}}
	honest, hostile := put("honest", chunkedLayer(t, raw, nil)), put("hostile", chunkedLayer(t, raw, evil))
	for _, other := range []string{honest, hostile} {
		c, err := audit.SameTree(ctx, env, honest, other, nil)
		imagetest.Must(t, err)
		if !c.SameTree || !c.SameConfig || c.Same != (other == honest) || c.Explained() != c.Same {
			t.Errorf("%s: %+v", other, c)
		}
		if other == hostile && (len(c.Images[1].Contradictions) != 1 || !strings.Contains(c.Images[1].Contradictions[0].What, "the mode 4755, and its tar 0755")) {
			t.Errorf("%+v", c.Images)
		}
	}
}
