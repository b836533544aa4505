package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// programs are those of this machine that give an image: podman and skopeo. They get
// the whole of whittle's environment, because it says where their storage is.
type programs struct{}

// Has implements [source.Programs].
func (programs) Has(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// Output implements [source.Programs].
func (programs) Output(ctx context.Context, words ...string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &program{cmd: exec.CommandContext(ctx, words[0], words[1:]...), cancel: cancel}
	p.cmd.Stderr = &p.said
	var err error
	if p.ReadCloser, err = p.cmd.StdoutPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, whittle.ErrEngine.Errorf("starting %s: %w", words[0], err)
	}
	return p, nil
}

// program is what a running program writes.
type program struct {
	io.ReadCloser
	cmd    *exec.Cmd
	cancel context.CancelFunc
	said   tail
	ended  bool // its end was read
}

// Read implements [io.Reader].
func (p *program) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	p.ended = p.ended || errors.Is(err, io.EOF)
	return n, err
}

// Close implements [io.Closer]. A program whose end was not read may write on for ever.
func (p *program) Close() error {
	if !p.ended {
		p.cancel()
	}
	err := p.cmd.Wait()
	p.cancel()
	if err != nil && p.ended {
		if line := p.said.last(); line != "" {
			return whittle.ErrEngine.Errorf("%s", line)
		}
		return whittle.ErrEngine.Of(err)
	}
	return nil
}

// tail keeps the end of what a program says.
type tail struct{ b []byte }

// Write implements [io.Writer].
func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-4096):]
	return len(p), nil
}

// last is the last line, without what podman and skopeo put before it.
func (t *tail) last() string {
	lines := bytes.Split(bytes.TrimSpace(t.b), []byte("\n"))
	line := string(lines[len(lines)-1])
	if _, message, ok := strings.Cut(line, "level=fatal msg="); ok {
		if plain, err := strconv.Unquote(message); err == nil {
			return plain
		}
	}
	return strings.TrimPrefix(line, "Error: ")
}
