package whittle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
)

// Digest is an algorithm and a hash as the OCI image specification writes
// them: "sha256:" and 64 lower-case hexadecimal digits.
// https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests
type Digest string

// ParseDigest accepts sha256 digests; anything else is [ErrUnsupported] or
// [ErrCorrupt].
func ParseDigest(s string) (Digest, error) {
	algo, hash, ok := strings.Cut(s, ":")
	if !ok {
		return "", ErrCorrupt.Errorf("digest %.80q has no algorithm", s)
	}
	if algo != "sha256" {
		return "", ErrUnsupported.Errorf("the digest algorithm %.20q is not sha256", algo)
	}
	if raw, err := hex.DecodeString(hash); err != nil || len(raw) != 32 || strings.ToLower(hash) != hash {
		return "", ErrCorrupt.Errorf("digest %.80q is not 64 lower-case hexadecimal digits", s)
	}
	return Digest(s), nil
}

// SHA256 is the digest of a finished SHA-256 sum.
func SHA256(sum [32]byte) Digest { return Digest("sha256:" + hex.EncodeToString(sum[:])) }

// DigestOf is the digest of some bytes.
func DigestOf(b []byte) Digest { return SHA256(sha256.Sum256(b)) }

// Hex is the hash without its algorithm.
func (d Digest) Hex() string {
	_, h, _ := strings.Cut(string(d), ":")
	return h
}

// Short is the first twelve hexadecimal digits, as Docker abbreviates.
func (d Digest) Short() string {
	h := d.Hex()
	if len(h) > 12 {
		h = h[:12]
	}
	return h
}

// Image is one image for one platform, wherever it lives. It is immutable
// and safe for concurrent use until Close.
type Image interface {
	// Ref is what the image is and where it was found.
	Ref() Ref
	// Config is the image's configuration; the caller must not change it.
	Config() *Config
	// Layers are the image's layers, lowest first, one for each diff ID of
	// the configuration.
	Layers() []Layer
	// Close frees what the image holds open.
	Close() error
}

// RawConfiger is implemented by images whose configuration was read as bytes: it has
// more than [Config]. RawConfig is nil where nobody wrote it. The caller must not change
// it.
type RawConfiger interface {
	RawConfig() []byte
}

// Layer is one layer of an image.
type Layer interface {
	// DiffID is the digest of the uncompressed tar, as the configuration
	// says it.
	DiffID() Digest
	// Blob is the compressed blob as a registry would send it. It is
	// false where the source has none (a raw layer of a docker archive, a
	// daemon): whittle does not invent sizes or digests that exist nowhere.
	Blob() (Blob, bool)
	// Open reads the bytes as they are stored, compressed or not. Where the
	// blob's digest is known, a reader that reaches the end of a blob of
	// other content gets an error that wraps [ErrCorrupt] and names it.
	Open(ctx context.Context) (io.ReadCloser, error)
}

// Sectioner is implemented by layers that are stored uncompressed in a file:
// an index of them needs only their headers. ok is false where this layer is
// not of that kind.
type Sectioner interface {
	Section() (r *io.SectionReader, ok bool)
}

// Stat is what can be known of a layer's stored bytes without reading them.
type Stat struct {
	// Claim is what is said of the bytes, where something says it: its digest is
	// empty elsewhere.
	Claim Blob
	// Size is how many bytes there are, -1 where only reading them tells.
	Size int64
	// Identity is a text that is another one once the bytes may be others: a
	// file's device, inode and times. It is empty where nothing is sure to
	// change with them.
	Identity string
}

// Stater is implemented by layers that can be looked at without being read.
// Stat fails where Open would.
type Stater interface {
	Stat(ctx context.Context) (Stat, error)
}

// Blob describes bytes as stored.
type Blob struct {
	Digest    Digest
	Size      int64 // bytes
	MediaType string
}

// Ref says which image this is.
type Ref struct {
	// Name is what the user wrote.
	Name string
	// Source is the kind of place: "docker-archive", "oci-layout", "oci-archive", "dir",
	// "docker", "podman", "containers-storage", "registry" or "rootfs".
	Source string
	// Digest is the manifest's digest, or the image ID (the configuration's
	// digest) where the source has no manifest.
	Digest Digest
}

// Untagged is an image's name without its tag and digest.
func Untagged(name string) string {
	name, _, _ = strings.Cut(name, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return name
}

// Config is the part of an OCI image configuration that whittle uses.
// https://github.com/opencontainers/image-spec/blob/main/config.md
type Config struct {
	Created      time.Time `json:"created"`
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Variant      string    `json:"variant,omitempty"`
	Config       Process   `json:"config"`
	RootFS       struct {
		Type    string   `json:"type"`
		DiffIDs []Digest `json:"diff_ids"`
	} `json:"rootfs"`
	History []History `json:"history"`
}

// Platform is the configuration's platform.
func (c *Config) Platform() Platform { return Platform{c.OS, c.Architecture, c.Variant} }

// Process is how a container of the image starts.
type Process struct {
	User         string              `json:"User,omitempty"`
	Env          []string            `json:"Env,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty"`
	Cmd          []string            `json:"Cmd,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty"`
	Shell        []string            `json:"Shell,omitempty"`
	StopSignal   string              `json:"StopSignal,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Volumes      map[string]struct{} `json:"Volumes,omitempty"`
	Labels       map[string]string   `json:"Labels,omitempty"`
	Healthcheck  *Healthcheck        `json:"Healthcheck,omitempty"`
}

// Healthcheck is Docker's extension of the configuration; durations are in
// nanoseconds.
type Healthcheck struct {
	Test        []string      `json:"Test,omitempty"`
	Interval    time.Duration `json:"Interval,omitempty"`
	Timeout     time.Duration `json:"Timeout,omitempty"`
	StartPeriod time.Duration `json:"StartPeriod,omitempty"`
	Retries     int           `json:"Retries,omitempty"`
}

// History is one line of the configuration's history, oldest first.
type History struct {
	Created    time.Time `json:"created"`
	CreatedBy  string    `json:"created_by,omitempty"`
	Author     string    `json:"author,omitempty"`
	Comment    string    `json:"comment,omitempty"`
	EmptyLayer bool      `json:"empty_layer,omitempty"`
}

// Steps aligns the history with the layers: every history line becomes a
// step, and those that are not empty take the layers in order. Layers that
// the history does not mention get separate steps without CreatedBy, at
// the top; lines that claim more layers than there are keep Layer -1.
func (c *Config) Steps() []Step {
	steps := make([]Step, 0, len(c.History))
	layer := 0
	for _, h := range c.History {
		s := Step{CreatedBy: h.CreatedBy, Comment: h.Comment, Layer: -1}
		if !h.EmptyLayer && layer < len(c.RootFS.DiffIDs) {
			s.Layer = layer
			layer++
		}
		steps = append(steps, s)
	}
	for ; layer < len(c.RootFS.DiffIDs); layer++ {
		steps = append(steps, Step{Layer: layer})
	}
	return steps
}

// Span is a half-open range of byte offsets in one file.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Step is one instruction of an image's making. Step to layer is a partial
// injection: a layer belongs to at most one step, and a step has at most one
// layer.
type Step struct {
	// CreatedBy is the history's text, Comment what it says besides: Nix, apko
	// and docker import have the comment alone, with Jib it is what differs.
	CreatedBy, Comment string
	// Layer is the index of the layer that the step made, or -1.
	Layer int
	// Origin is the Dockerfile's instruction, where it is known.
	Origin *Origin
}

// Text is what the history says of the step, on one line and without what
// every line has.
func (s Step) Text() string { return StepText(s.CreatedBy, s.Comment) }

// StepText is [Step.Text] of a history line.
func StepText(createdBy, comment string) string {
	text := strings.TrimSpace(strings.TrimSuffix(OneLine(createdBy), "# buildkit"))
	text = strings.Replace(text, "RUN /bin/sh -c ", "RUN ", 1)
	if rest, ok := strings.CutPrefix(text, "/bin/sh -c #(nop) "); ok {
		text = rest
	} else if rest, ok := strings.CutPrefix(text, "/bin/sh -c "); ok {
		text = "RUN " + rest
	}
	comment = OneLine(comment)
	switch {
	case text == "":
		return comment
	case comment == "", strings.HasPrefix(comment, "buildkit."), strings.HasPrefix(comment, "FROM "): // who wrote the line, or its base
		return text
	}
	return text + ": " + comment
}

// Origin is the place of an instruction in a Dockerfile.
type Origin struct {
	File string `json:"file"`
	// Line and EndLine count from 1.
	Line    int `json:"line"`
	EndLine int `json:"end_line"`
	// Stage is the name of the build stage, or its number.
	Stage string `json:"stage,omitempty"`
	// Instruction is the keyword in upper case: "RUN".
	Instruction string `json:"instruction"`
	// Span is the instruction's bytes in the file.
	Span Span `json:"-"`
}

// String is "Dockerfile:12 RUN".
func (o *Origin) String() string {
	return fmt.Sprintf("%s:%d %s", o.File, o.Line, o.Instruction)
}

// BaseLayers is how many of an image's layers, from the lowest, are those of the
// base image: those below the first that a Dockerfile's instruction made. It is 0
// where no Dockerfile is known.
func BaseLayers(steps []Step, layers int) int {
	first, known := layers, false // it may have settings alone
	for i := range steps {
		if steps[i].Origin == nil {
			continue
		}
		known = true
		if steps[i].Layer >= 0 {
			first = min(first, steps[i].Layer)
		}
	}
	if !known {
		return 0
	}
	return first
}
