//go:build unix

package inputs

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"whittle.dev/whittle"
)

// TestSSHChecked: an agent or key that cannot be used is an error before a build
// engine is looked for, in words without numbers of errors.
func TestSSHChecked(t *testing.T) {
	dir, agent := t.TempDir(), listening(t)
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, locked := write("id", privateKey(t, "")), write("locked", privateKey(t, "open"))
	other := write("other.txt", []byte("geheim"))
	pub := write("id.pub", []byte("ssh-ed25519 AAAA geheim"))
	stale := filepath.Join(dir, "stale")
	l, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ ssh, socket, want, hint string }{
		{ssh: "default=" + key},
		{ssh: "default=" + key + "," + key},
		{ssh: "default=" + agent},
		{ssh: "default", socket: agent},
		{ssh: "default", want: "ssh default: there is no agent, as SSH_AUTH_SOCK is not set", hint: "start one, or name a key: --ssh default=PATH"},
		{ssh: "default", socket: dir + "/gone", want: "ssh default: " + dir + "/gone: no such file", hint: "start an agent and set SSH_AUTH_SOCK to its socket"},
		{ssh: "default", socket: stale, want: "ssh default: " + stale + ": no agent listens there", hint: "start an agent"},
		{ssh: "git=" + dir + "/none", want: "ssh git: " + dir + "/none: no such file", hint: "name the socket of an agent or a private key: --ssh git=PATH"},
		{ssh: "git=" + key + "/x", want: "ssh git: " + key + "/x: it cannot be read", hint: "--ssh git=PATH"},
		{ssh: "git=" + dir, want: "ssh git: " + dir + ": neither a private key nor the socket of an agent"},
		{ssh: "git=" + fifo, want: "ssh git: " + fifo + ": neither a private key nor the socket of an agent"},
		{ssh: "git=" + other, want: "ssh git: " + other + ": neither a private key nor the socket of an agent"},
		{ssh: "git=" + pub, want: "ssh git: " + pub + ": neither a private key nor the socket of an agent", hint: "the private key is perhaps " + key},
		{ssh: "git=" + locked, want: "ssh git: " + locked + ": the key is protected by a passphrase", hint: "ssh-add"},
		{ssh: "git=" + agent + "," + key, want: "ssh git: it has to be one agent, or keys, and not both"},
		{ssh: "git=" + agent + "," + agent, want: "ssh git: it has to be one agent, or keys, and not both"},
	} {
		lookup := func(name string) (string, bool) { return c.socket, name == "SSH_AUTH_SOCK" && c.socket != "" }
		_, err := Read(lookup, nil, Options{SSH: []string{c.ssh}})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.ssh, err)
		case c.want != "" && (err == nil || err.Error() != c.want || !errors.Is(err, whittle.ErrUsage) || !strings.Contains(whittle.Hint(err), c.hint)):
			t.Errorf("%s: %v (%s), want %s (%s)", c.ssh, err, whittle.Hint(err), c.want, c.hint)
		}
	}
}
