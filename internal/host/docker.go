package host

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
)

const (
	// dockerPatience is how long the docker client may take, dockerOutput how much it
	// may print, in bytes.
	dockerPatience = 20 * time.Second
	dockerOutput   = 8 << 20
)

// dockerVariables are those of whittle's environment that the docker client and its
// plugins get.
// https://docs.docker.com/reference/cli/docker/#environment-variables
var dockerVariables = []string{"PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR", "TEMP", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DOCKER_CONFIG", "BUILDX_CONFIG"}

// docker runs the docker client in a folder and gives what it prints. It gets few of
// whittle's variables besides env. Its error is the line in which it says why.
func docker(ctx context.Context, dir string, args, env []string) ([]byte, error) {
	file, err := exec.LookPath("docker")
	if err != nil {
		return nil, whittle.ErrEngine.Of(err)
	}
	ctx, cancel := context.WithTimeout(ctx, dockerPatience)
	defer cancel()
	c := exec.CommandContext(ctx, file, args...)
	c.Dir, c.WaitDelay = dir, time.Second
	for _, name := range dockerVariables {
		if value, ok := os.LookupEnv(name); ok && !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") }) {
			c.Env = append(c.Env, name+"="+value)
		}
	}
	c.Env = append(c.Env, env...)
	out, log := &limited{most: dockerOutput}, &limited{most: dockerOutput}
	c.Stdout, c.Stderr = out, log
	err = c.Run()
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, whittle.ErrEngine.Errorf("it took more than %v", dockerPatience)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, whittle.ErrEngine.Errorf("%s", lastLine(log.String(), err.Error()))
	}
	return out.Bytes(), nil
}

// lastLine is the last line of a text that says something.
func lastLine(text, otherwise string) string {
	out := otherwise
	for line := range strings.Lines(text) {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "ERROR: "); line != "" {
			out = line
		}
	}
	return whittle.OneLine(out)
}

// limited is a buffer that refuses to hold more than most bytes.
type limited struct {
	bytes.Buffer
	most int
}

// Write implements [io.Writer].
func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > l.most {
		return 0, errors.New("it prints too much")
	}
	return l.Buffer.Write(p)
}
