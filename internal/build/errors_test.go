package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build/redact"
)

// Messages as engines of several ages wrote them.
func TestMissing(t *testing.T) {
	for _, c := range []struct{ text, image, reason string }{
		{
			`failed to resolve source metadata for docker.io/library/nosuch:1: failed to do request: Head "https://registry-1.docker.io/v2/library/nosuch/manifests/1": dial tcp: lookup registry-1.docker.io: no such host`,
			"nosuch:1", "dial tcp: lookup registry-1.docker.io: no such host",
		},
		{
			"nosuch:1: failed to resolve source metadata for docker.io/library/nosuch:1: docker.io/library/nosuch:1: not found",
			"nosuch:1", "docker.io/library/nosuch:1: not found",
		},
		{
			"failed to resolve source metadata for registry.invalid:5000/a/b@sha256:" + zeros + ": pull access denied, repository does not exist",
			"registry.invalid:5000/a/b@sha256:" + zeros, "pull access denied, repository does not exist",
		},
		{
			`failed to create LLB definition: failed to do request: Head "https://registry-1.docker.io/v2/library/probe/manifests/latest": dial tcp: no route to host`,
			"probe", "dial tcp: no route to host",
		},
		{
			`failed to create LLB definition: failed to do request: Head "http://registry.invalid:5000/v2/a/manifests/sha256:` + zeros + `": EOF`,
			"registry.invalid:5000/a@sha256:" + zeros, "EOF",
		},
		{"failed to create LLB definition: docker.io/library/nosuch:1: not found", "nosuch:1", "not found"},
		{
			`failed to copy: httpReadSeeker: failed open: unexpected status from GET request to http://registry.invalid:5000/v2/team/app/blobs/sha256:` + zeros + `: 503 Service Unavailable`,
			"registry.invalid:5000/team/app", "unexpected status 503 Service Unavailable",
		},
		{"short read: expected 555489 bytes but got 0: unexpected EOF", "that it needs", "short read: expected 555489 bytes but got 0: unexpected EOF"},
		{"failed to copy: httpReadSeeker: read past expected size 1110977: failed precondition", "that it needs", "read past expected size 1110977"},
		{"dockerfile parse error on line 2: unknown instruction: RUNN", "", ""},
		{`process "/bin/sh -c curl" did not complete successfully: exit code: 6`, "", ""},
	} {
		image, reason := missing(c.text)
		if familiar(image) != c.image || reason != c.reason {
			t.Errorf("%s\n  image %q, reason %q", c.text, familiar(image), reason)
		}
	}
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

func TestErrorClasses(t *testing.T) {
	for reason, want := range map[string][]error{
		"docker.io/library/a: not found":           {whittle.ErrUsage, whittle.ErrNotFound},
		"pull access denied, repository is hidden": {whittle.ErrUsage, whittle.ErrAuth},
		"dial tcp: i/o timeout":                    {whittle.ErrEngine},
		`failed commit on ref "layer-sha256:0": unexpected commit digest sha256:1, expected sha256:0`: {whittle.ErrUsage, whittle.ErrCorrupt},
	} {
		f := &Error{File: "Dockerfile", Line: 3, sentinels: []error{whittle.ErrUsage}}
		f.missingImage("docker.io/library/a:latest", reason, &job{syntax: "b"})
		var err error = fmt.Errorf("variant x: %w", f)
		for _, s := range []error{whittle.ErrUsage, whittle.ErrNotFound, whittle.ErrAuth, whittle.ErrEngine, whittle.ErrCorrupt} {
			is := false
			for _, w := range want {
				is = is || w == s
			}
			if errors.Is(err, s) != is {
				t.Errorf("%s: errors.Is(%v) is %t", reason, s, !is)
			}
		}
		if whittle.Hint(err) == "" || f.Kind != BaseMissing {
			t.Errorf("%s: %+v", reason, f)
		}
	}
	f := &Error{}
	if f.missingImage("docker.io/docker/dockerfile:1", "EOF", &job{syntax: "docker/dockerfile:1"}); f.Kind != FrontendMissing {
		t.Errorf("%+v", f)
	}
}

func TestInstruction(t *testing.T) {
	text := []byte("FROM a\nRUN  one \\\n    two\nCOPY x y")
	for _, c := range []struct {
		first, last int
		want        string
	}{
		{1, 1, "FROM a"}, {2, 3, "RUN one two"}, {4, 4, "COPY x y"}, {0, 1, ""}, {4, 5, ""}, {3, 2, ""},
	} {
		if got := instruction(text, c.first, c.last); got != c.want {
			t.Errorf("%d-%d: %q", c.first, c.last, got)
		}
	}
}

func TestConnection(t *testing.T) {
	var l connection
	a, releaseA := l.hold(context.Background())
	b, releaseB := l.hold(context.Background())
	releaseA()
	if a.Err() == nil || errors.Is(context.Cause(a), errLost) || b.Err() != nil {
		t.Error("a released call has the wrong state")
	}
	connHandler{&l}.HandleConn(context.Background(), connEnd)
	if !errors.Is(context.Cause(b), errLost) {
		t.Error("a held call does not end with the connection")
	}
	if err := orLost(b, context.Canceled); !errors.Is(err, errLost) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := orLost(a, context.Canceled); errors.Is(err, errLost) {
		t.Error(err)
	}
	releaseB()
	if len(l.held) != 0 {
		t.Error("calls are held for ever")
	}
}

// FuzzFailure: whatever an engine says of a build that failed, which may be what
// a registry or a program said, is an error of one line that is not long, of a
// kind, with a hint of one line.
func FuzzFailure(f *testing.F) {
	long := strings.Repeat("x", 5000)
	for _, seed := range []string{
		"failed to solve: docker.io/library/nosuch:1: failed to resolve source metadata for docker.io/library/nosuch:1: not found",
		"failed to resolve source metadata for " + long + ": a\nb " + long,
		`failed to create LLB definition: failed to do request: Head "http://registry.invalid:5000/v2/a/manifests/sha256:0": EOF`,
		"failed to copy: httpReadSeeker: unexpected status from GET request to https://a/v2/b/blobs/x: 503\x1b[2J",
		"executor failed running [/bin/sh -c x]: exit code: 99999999999999999999", "dockerfile parse error on line 2: " + long,
		"secret " + long + ": not found", `no SSH key "x" forwarded from the client`, "write /x: no space left on device " + long, "rpc error: code = Unknown desc = \x00\xff", "", long,
	} {
		f.Add(seed, "docker/dockerfile:1")
	}
	f.Fuzz(func(t *testing.T, text, syntax string) {
		rec, ch := record(io.Discard, Progress{}, nil, redact.New(nil))
		close(ch)
		rec.wg.Wait()
		err := (&Engine{}).failure(context.Background(), &job{file: "Dockerfile", syntax: syntax}, rec, errors.New(text))
		for what, said := range map[string]string{"error": err.Error(), "hint": whittle.Hint(err)} {
			if strings.ContainsAny(said, "\n\r") || utf8.RuneCountInString(said) > maxSaid+200 {
				t.Errorf("the %s has %d characters: %.300q", what, utf8.RuneCountInString(said), said)
			}
		}
		if !errors.Is(err, whittle.ErrUsage) && !errors.Is(err, whittle.ErrEngine) {
			t.Errorf("an error of no kind: %.300q", err)
		}
	})
}

// What gRPC puts around an error is no part of what went wrong.
func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		`failed to list workers: Unavailable: connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`:     "connection refused",
		`rpc error: code = Unavailable desc = connection error: desc = "transport: error while dialing: dial unix /x.sock: connect: no such file or directory"`: "no such file or directory",
		`rpc error: code = Unknown desc = failed to solve: exit code: 2`:                                                                                        "exit code: 2",
		`rpc error: code = DeadlineExceeded desc = context deadline exceeded`:                                                                                   "context deadline exceeded",
		`failed to list workers: Unavailable: connection error: desc = "error reading server preface"`:                                                          "error reading server preface",
		`dial tcp: lookup nowhere.example: no such host`:                                                                                                        "nowhere.example: no such host",
		"two\n lines": "two lines",
	} {
		if got := plain(errors.New(text)); got != want {
			t.Errorf("%s\n%q, want %q", text, got, want)
		}
	}
}
