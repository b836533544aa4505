package build

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"golang.org/x/crypto/ssh"

	"whittle.dev/whittle"
)

// Secret is for RUN --mount=type=secret, and for commands, as /run/secrets/ID. Its
// value is in no layer, in no cache, and in nothing that is printed.
type Secret struct {
	ID    string
	Value []byte
}

// SSH is for RUN --mount=type=ssh: the socket of an agent, or private
// keys; no Paths is the agent of $SSH_AUTH_SOCK.
type SSH struct {
	ID    string
	Paths []string
}

const (
	// maxKey is the largest file that is read as a private key, in bytes.
	maxKey = 100 << 10
	// agentPatience is how long an agent may take to accept a connection.
	agentPatience = 2 * time.Second
)

// Check says what is wrong with an agent or its keys, before a build needs it.
// lookup gives variables of whittle's environment. Errors wrap
// [whittle.ErrUsage], and show no contents.
func (s SSH) Check(lookup func(string) (string, bool)) error {
	paths := s.Paths
	if len(paths) == 0 {
		socket, _ := lookup("SSH_AUTH_SOCK")
		if socket == "" {
			return whittle.WithHint(whittle.ErrUsage.Errorf("ssh %s: there is no agent, as SSH_AUTH_SOCK is not set", s.ID), "start one, or name a key: --ssh "+s.ID+"=PATH")
		}
		paths = []string{socket}
	}
	keys, sockets := 0, 0
	for _, path := range paths {
		socket, why := sshPath(path)
		if why != nil {
			return whittle.WithHint(whittle.ErrUsage.Errorf("ssh %s: %s: %w", s.ID, path, why), s.remedy(path, why))
		}
		if socket {
			sockets++
		} else {
			keys++
		}
	}
	if sockets > 1 || sockets > 0 && keys > 0 {
		return whittle.WithHint(whittle.ErrUsage.Errorf("ssh %s: it has to be one agent, or keys, and not both", s.ID), "give each its own name: --ssh NAME=PATH")
	}
	return nil
}

// remedy is what to do about a path that cannot be used.
func (s SSH) remedy(path string, why error) string {
	key := strings.TrimSuffix(path, ".pub")
	switch {
	case errors.Is(why, errLocked):
		return "add it to an agent with ssh-add, and use that: --ssh " + s.ID
	case len(s.Paths) == 0:
		return "start an agent and set SSH_AUTH_SOCK to its socket, or name a key: --ssh " + s.ID + "=PATH"
	case key != path && errors.Is(why, errNoKey):
		return "the private key is perhaps " + key
	}
	return "name the socket of an agent or a private key: --ssh " + s.ID + "=PATH"
}

var (
	errLocked = errors.New("the key is protected by a passphrase")
	errNoKey  = errors.New("neither a private key nor the socket of an agent")
)

// sshPath says whether a path is the socket of an agent; otherwise it is a key
// that can be used.
func sshPath(path string) (socket bool, why error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, errors.New("no such file")
	case errors.Is(err, fs.ErrPermission):
		return false, errors.New("you may not read it")
	case err != nil:
		return false, errors.New("it cannot be read")
	case info.Mode()&fs.ModeSocket != 0:
		conn, err := net.DialTimeout("unix", path, agentPatience)
		if err != nil {
			return false, errors.New("no agent listens there")
		}
		return true, conn.Close()
	case !info.Mode().IsRegular():
		return false, errNoKey
	}
	text, err := whittle.ReadFile(path, maxKey)
	if errors.Is(err, fs.ErrPermission) {
		return false, errors.New("you may not read it")
	}
	if err != nil {
		return false, errNoKey
	}
	_, err = ssh.ParseRawPrivateKey(text)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return false, errLocked
	case err != nil:
		return false, errNoKey
	}
	return false, nil
}

// attachables are what the engine may ask for during a build.
func (d Definition) attachables() ([]session.Attachable, error) {
	var out []session.Attachable
	if len(d.Secrets) > 0 {
		values := map[string][]byte{}
		for _, s := range d.Secrets {
			if len(s.Value) > secretsprovider.MaxSecretSize {
				return nil, whittle.ErrUsage.Errorf("secret %s: larger than %d bytes", s.ID, secretsprovider.MaxSecretSize)
			}
			values[s.ID] = s.Value
		}
		out = append(out, secretsprovider.FromMap(values))
	}
	if len(d.SSH) > 0 {
		var agents []sshprovider.AgentConfig
		for _, s := range d.SSH {
			if err := s.Check(os.LookupEnv); err != nil {
				return nil, err
			}
			agents = append(agents, sshprovider.AgentConfig{ID: s.ID, Paths: s.Paths})
		}
		provider, err := sshprovider.NewSSHAgentProvider(agents)
		if err != nil {
			return nil, whittle.ErrUsage.Errorf("ssh: %w", errors.New(whittle.Shorten(whittle.OneLine(err.Error()), 300)))
		}
		out = append(out, provider)
	}
	return out, nil
}

// hidden are the values to redact.
func (d Definition) hidden() []string {
	out := append([]string{}, d.Hidden...)
	for _, s := range d.Secrets {
		out = append(out, string(s.Value))
	}
	return out
}
