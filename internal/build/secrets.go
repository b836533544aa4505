package build

import (
	"errors"
	"os"
	"strings"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"

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
			if len(s.Paths) == 0 && os.Getenv("SSH_AUTH_SOCK") == "" {
				return nil, whittle.WithHint(whittle.ErrUsage.Errorf("ssh %s: there is no agent, as SSH_AUTH_SOCK is not set", s.ID), "start one, or name a key: "+s.ID+"=PATH")
			}
			agents = append(agents, sshprovider.AgentConfig{ID: s.ID, Paths: s.Paths})
		}
		provider, err := sshprovider.NewSSHAgentProvider(agents)
		if err != nil {
			text := strings.TrimPrefix(err.Error(), "failed to convert agent config ")
			return nil, whittle.ErrUsage.Errorf("ssh: %w", errors.New(whittle.Shorten(whittle.OneLine(text), 300)))
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
