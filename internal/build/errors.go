package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	"whittle.dev/whittle"
)

// Kind says what made a build fail.
type Kind string

const (
	// StepFailed: a RUN ended with another exit code than 0.
	StepFailed Kind = "step"
	// BadDockerfile: the Dockerfile does not parse, or an instruction in it
	// cannot be executed (a COPY of a file that is not there).
	BadDockerfile Kind = "dockerfile"
	// BaseMissing: an image that the Dockerfile names is not available.
	BaseMissing Kind = "base"
	// FrontendMissing: the frontend of the `# syntax=` line is not available.
	FrontendMissing Kind = "frontend"
)

// maxSaid bounds what is shown of an engine's error, in characters: it may hold
// a registry's answer.
const maxSaid = 1000

// Error is a build that failed because of the project, or because an image
// that it names is not available. It is a [whittle.ErrUsage], or an
// [whittle.ErrEngine] if a registry could not be reached. If an image does not
// exist, it is also a [whittle.ErrNotFound].
type Error struct {
	Kind Kind
	// File and Line are the instruction's; Line counts from 1, 0 where
	// BuildKit does not say it.
	File string
	Line int
	// Instruction is the Dockerfile's text there, on one line and shortened.
	Instruction string
	// Step is BuildKit's name of the step: "[stage-1 3/5] RUN make".
	Step string
	// ExitCode is that of a StepFailed.
	ExitCode int
	// Image is the image that is not available.
	Image string
	// Message is one line of text.
	Message string
	// Tail holds the last lines that the step printed.
	Tail []string
	// Starved says that it may have failed for want of memory, processes or time: alone on
	// the engine it may not.
	Starved bool

	sentinels []error
	hint      string
	cause     error
}

// Error is "file:line: instruction: message" in one line.
func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Kind != BaseMissing && e.Instruction != "" && !strings.Contains(e.Message, e.Instruction) {
		s += ": " + e.Instruction
	}
	return s + ": " + e.Message
}

// Because is the error with another reason, which says more than BuildKit's.
func (e *Error) Because(why string) *Error {
	other := *e
	other.Message = whittle.Shorten(why, maxSaid)
	return &other
}

// Hint says what to try.
func (e *Error) Hint() string { return e.hint }

// Is compares with the root package's sentinels.
func (e *Error) Is(target error) bool {
	for _, s := range e.sentinels {
		if s == target {
			return true
		}
	}
	return false
}

func (e *Error) Unwrap() error { return e.cause }

var (
	sourceMetadata = regexp.MustCompile(`failed to resolve source metadata for (\S+): (.*)$`)
	parsePrefix    = regexp.MustCompile(`^(failed to solve: )?(dockerfile parse error on line \d+: |dockerfile parse error: )?`)
	checksumRef    = regexp.MustCompile(`failed to compute cache key: (failed to calculate checksum of ref [^"]*: )?`)
	requestedURL   = regexp.MustCompile(`failed to do request: \w+ "[^"]*": `)
	// Engines before BuildKit 0.9 give their errors as text only.
	oldExit     = regexp.MustCompile(`executor failed running \[.*\]: exit code: (\d+)$`)
	oldManifest = regexp.MustCompile(`failed to do request: \w+ "https?://([^/"]+)/v2/([^"]+)/manifests/([^"?]+)[^"]*": (.*)$`)
	oldImage    = regexp.MustCompile(`^failed to create LLB definition: ([^\s:]+:[^\s:]+): (.*)$`)

	// notCopied is a blob of an image that did not arrive or does not match
	// its digest. BuildKit reports it for the step that waited for it.
	notCopied  = regexp.MustCompile(`(?:failed to copy: |short read: |failed commit on ref ).*$`)
	partURL    = regexp.MustCompile(`https?://([^/"\s]+)/v2/([^"\s]+?)/(?:blobs|manifests)/`)
	copyNoise  = regexp.MustCompile(`failed to copy: |httpReadSeeker: |failed open: |failed commit on ref "[^"]*": |from GET request to \S+ |: failed precondition$`)
	notAsNamed = regexp.MustCompile(`unexpected commit (?:digest|size)|read past expected size`)
	// unreached matches network errors, for what ADD downloads.
	unreached = regexp.MustCompile(`dial tcp|no such host|connection re(?:fused|set)|i/o timeout|TLS handshake|no route to host|network is unreachable|invalid response status (?:429|5\d\d)|unexpected EOF`)

	stageUnknown = regexp.MustCompile(`target stage "?[^"]+"? could not be found`)
)

// failure says why a solve failed: the input, the engine, or the caller.
func (e *Engine) failure(ctx context.Context, j *job, rec *recorder, err error) error {
	var late *outOfTime
	if errors.As(context.Cause(ctx), &late) {
		return j.late(late, rec)
	}
	if ctx.Err() != nil {
		e.grown.Store(false) // after Ctrl-C nothing is pruned
		return fmt.Errorf("building %s: %w", j.file, context.Cause(ctx))
	}
	if gone := e.gone(err); gone != nil {
		return fmt.Errorf("building %s: %w", j.file, gone)
	}
	text := plain(err)
	f := &Error{Kind: BadDockerfile, File: j.file, cause: err, sentinels: []error{whittle.ErrUsage}}
	f.locate(err)
	f.step(err, rec)
	var exit *gatewaypb.ExitError
	code := -1
	if errors.As(err, &exit) {
		code = int(exit.ExitCode)
	} else if m := oldExit.FindStringSubmatch(text); m != nil {
		code, _ = strconv.Atoi(m[1])
	}
	image, reason := missing(text)
	switch {
	case code >= 0 && f.Step != "":
		f.Kind = StepFailed
		f.ExitCode = code
		f.Message, f.Starved = exitMessage(f.ExitCode), f.ExitCode == 128+int(syscall.SIGKILL)
		if why := e.guard.Why(j.kills, code, strings.Join(f.Tail, "\n")); why != "" {
			f.Message, f.Starved = why, true
		}
		if fullDisk(strings.Join(f.Tail, "\n")) {
			if e.daemon != nil && rec.scarce() {
				return noSpace(j.file, f.Error())
			}
			f.hint = "is the engine's disk full?"
		}
	case fullDisk(text):
		return noSpace(j.file, text)
	case image != "":
		f.missingImage(image, reason, j)
	case f.wantsMount(text):
	case f.Line > 0 || stageUnknown.MatchString(text) || strings.Contains(text, "dockerfile parse error"):
		f.Message = parsePrefix.ReplaceAllString(text, "")
		if f.Message != text || strings.HasPrefix(f.Instruction, "#") {
			f.Instruction = "" // a line that does not parse is not an instruction
		}
		f.Message = checksumRef.ReplaceAllString(f.Message, "")
	default:
		// Not about a line of the Dockerfile: an exporter, the session.
		f.Message = text
	}
	if f.Kind == BadDockerfile && unreached.MatchString(text) {
		f.sentinels = []error{whittle.ErrEngine}
	}
	f.Message, f.hint = whittle.Shorten(f.Message, maxSaid), whittle.Shorten(f.hint, maxSaid)
	return f
}

// noSpace is the error of a build for which the engine's disk has no room.
func noSpace(file, text string) error {
	err := whittle.ErrEngine.Errorf("building %s: the engine's disk is full: %s", file, whittle.Shorten(text, maxSaid))
	return whittle.WithHint(err, "free some space, keep less (--engine-keep), or let whittle keep its cache elsewhere (--cache-dir)")
}

// missingSecret and missingSSH match an engine's error for a mount that was given
// no value.
var (
	missingSecret = regexp.MustCompile(`secret (\S+): not found`)
	missingSSH    = regexp.MustCompile(`no SSH key "?([^\s"]+)"? forwarded from the client`)
)

// wantsMount recognizes a RUN that needs a secret or an agent which it was not
// given.
func (f *Error) wantsMount(text string) bool {
	if m := missingSecret.FindStringSubmatch(text); m != nil {
		f.Message = "it needs the secret " + m[1] + ", which it was not given"
		f.hint = fmt.Sprintf("name it in whittle.yaml (secrets:), or with --secret id=%s,src=FILE", m[1])
		return true
	}
	if m := missingSSH.FindStringSubmatch(text); m != nil {
		f.Message = "it needs an SSH agent or key, " + m[1] + ", which it was not given"
		f.hint = fmt.Sprintf("name it in whittle.yaml (ssh:), or with --ssh %s", m[1])
		return true
	}
	return false
}

// late is the error of a build that took too long, with the step that ran then.
func (j *job) late(why *outOfTime, rec *recorder) error {
	f := &Error{Kind: StepFailed, File: j.file, Message: why.Error(), ExitCode: -1, Starved: true, cause: why, sentinels: []error{whittle.ErrUsage}}
	f.Step, f.Tail = rec.unfinished()
	if _, words, ok := strings.Cut(f.Step, "] "); ok {
		f.Instruction = whittle.Shorten(whittle.OneLine(words), 80)
	}
	return f
}

// gone is an error if the engine went away during a call, else nil.
func (e *Engine) gone(err error) error {
	lost := errors.Is(err, errLost) || grpcerrors.Code(err) == codes.Unavailable || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if e.daemon != nil && (lost || e.daemon.Exited()) {
		if died := e.daemon.Ended(); died != nil {
			return died
		}
	}
	if lost {
		return whittle.ErrEngine.Errorf("the engine at %s went away: %s", e.info.Address, whittle.Shorten(plain(err), maxSaid))
	}
	return nil
}

// locate takes the place in the Dockerfile from BuildKit's error.
func (f *Error) locate(err error) {
	for _, src := range errdefs.Sources(err) {
		if src.Info == nil || len(src.Ranges) == 0 || src.Ranges[0].Start == nil {
			continue
		}
		first, last := int(src.Ranges[0].Start.Line), 0
		for _, r := range src.Ranges {
			last = max(last, int(r.GetEnd().GetLine()), int(r.GetStart().GetLine()))
		}
		f.Line = first
		f.Instruction = instruction(src.Info.Data, first, last)
	}
}

// instruction is the text of the lines from first to last, on one line.
func instruction(text []byte, first, last int) string {
	lines := strings.Split(string(text), "\n")
	if first < 1 || last > len(lines) || first > last {
		return ""
	}
	words := strings.Fields(strings.ReplaceAll(strings.Join(lines[first-1:last], " ")+" ", "\\ ", " "))
	return whittle.Shorten(strings.Join(words, " "), 80)
}

// step finds the step that failed among those that ran.
func (f *Error) step(err error, rec *recorder) {
	var v *errdefs.VertexError
	if errors.As(err, &v) {
		f.Step, f.Tail = rec.failed(v.Digest)
	} else {
		f.Step, f.Tail = rec.failed("")
	}
}

func exitMessage(code int) string {
	switch code {
	case 137:
		return "killed (exit code 137), perhaps out of memory"
	case 127:
		return "exit code 127: command not found"
	case 126:
		return "exit code 126: command cannot be executed"
	}
	return fmt.Sprintf("exit code %d", code)
}

// missing is the name of an image that is not available and the reason.
func missing(text string) (image, reason string) {
	if m := sourceMetadata.FindStringSubmatch(text); m != nil {
		return m[1], requestedURL.ReplaceAllString(m[2], "")
	}
	if m := oldManifest.FindStringSubmatch(text); m != nil {
		sep := ":"
		if strings.Contains(m[3], ":") {
			sep = "@"
		}
		host := strings.Replace(m[1], "registry-1.docker.io", "docker.io", 1)
		return host + "/" + m[2] + sep + m[3], m[4]
	}
	if m := oldImage.FindStringSubmatch(text); m != nil {
		return m[1], m[2]
	}
	if part := notCopied.FindString(text); part != "" {
		image = "that it needs"
		if m := partURL.FindStringSubmatch(part); m != nil {
			image = m[1] + "/" + m[2]
		}
		return image, copyNoise.ReplaceAllString(part, "")
	}
	return "", ""
}

// missingImage explains an image that is not available.
func (f *Error) missingImage(image, reason string, j *job) {
	f.Kind, f.Image = BaseMissing, familiar(image)
	what := "base image"
	f.hint = fmt.Sprintf("without a registry, bases: in whittle.yaml can map %s to oci-layout:PATH", f.Image)
	if j.syntax != "" && familiar(j.syntax) == f.Image {
		f.Kind, what = FrontendMissing, "frontend of the `# syntax=` line"
		f.hint = "--builtin-frontend builds with BuildKit's own frontend"
	}
	reason = copyNoise.ReplaceAllString(reason, "")
	switch {
	case notAsNamed.MatchString(reason):
		reason = "what the registry sent is not what its digest and size say"
		f.sentinels = append(f.sentinels, whittle.ErrCorrupt)
	case strings.HasSuffix(reason, "not found"):
		reason = "no such image"
		f.sentinels = append(f.sentinels, whittle.ErrNotFound)
	case strings.Contains(reason, "pull access denied"), strings.Contains(reason, "authorization failed"):
		reason = "the registry denies it or does not have it"
		f.sentinels = append(f.sentinels, whittle.ErrAuth)
	default:
		f.sentinels = []error{whittle.ErrEngine}
	}
	f.Message = fmt.Sprintf("%s %s is not available: %s", what, f.Image, whittle.Shorten(reason, 240))
}

// familiar shortens a full image name as people write it.
func familiar(name string) string {
	name = strings.TrimPrefix(name, "docker.io/")
	if dir, base := path.Split(name); dir == "library/" {
		name = base
	}
	return strings.TrimSuffix(name, ":latest")
}

func fullDisk(s string) bool {
	return strings.Contains(strings.ToLower(s), syscall.ENOSPC.Error())
}

// plain is an error's text without the wrapping that gRPC and BuildKit add,
// on one line.
func plain(err error) string {
	s := whittle.OneLine(err.Error())
	for _, noise := range []string{"failed to solve: ", "failed to solve with frontend dockerfile.v0: ", "failed to list workers: ", "Unknown: "} {
		s = strings.ReplaceAll(s, noise, "")
	}
	s = dialing.ReplaceAllString(rpcError.ReplaceAllString(s, ""), "$1")
	return dialed.ReplaceAllString(s, "")
}

var (
	rpcError = regexp.MustCompile(`rpc error: code = \w+ desc = `)
	dialing  = regexp.MustCompile(`(?:\b(?:Unavailable|Canceled|DeadlineExceeded): )?connection error: desc = "(?:transport: )?(?:[Ee]rror while dialing:? )?([^"]*)"`)
	dialed   = regexp.MustCompile(`\bdial (?:tcp|unix)(?: \S+)?: (?:connect: |lookup )?`)
)
