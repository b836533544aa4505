package buildkitd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"whittle.dev/whittle"
)

const (
	networkTimeout = 20 * time.Second
	// slirpDNS is where slirp4netns answers for the host's name server, which
	// may be one on its loopback. slirp4netns(1)
	slirpDNS = "10.0.2.3"
	askHost  = "install slirp4netns, or let RUN steps reach all that listens on this machine: --engine-network host"
)

// network is the private engine's way out of its network namespace: in there
// are neither the host's loopback nor its abstract sockets. slirp4netns, which
// makes the connections, ends when this process does.
type network struct {
	program string // slirp4netns; empty if nothing leads out
	process *exec.Cmd
	hold    *os.File // slirp4netns ends when this is closed
}

// findNetwork finds what a separate network for the engine needs.
func findNetwork() (*network, error) {
	program, err := exec.LookPath("slirp4netns")
	if err == nil {
		_, err = os.Stat("/dev/net/tun")
	}
	if err != nil {
		return nil, whittle.WithHint(whittle.ErrEngine.Errorf("the build engine cannot have a separate network: %w", err), askHost)
	}
	return &network{program: program}, nil
}

// resolver is the resolv.conf of the engine's namespace: slirp's name server,
// and what the host's says besides.
func resolver(host []byte) []byte {
	var b bytes.Buffer
	b.WriteString("nameserver " + slirpDNS + "\n")
	for line := range strings.Lines(string(host)) {
		if f := strings.Fields(line); len(f) > 1 && (f[0] == "search" || f[0] == "domain" || f[0] == "options") {
			b.WriteString(strings.Join(f, " ") + "\n")
		}
	}
	return b.Bytes()
}

// connect gives the namespace of a process its way out, and waits until it is
// there. What reads the packets of hostile programs has no rights and sees no
// files where it can be so confined; else a note says why not.
func (n *network) connect(ctx context.Context, pid int) (note string, err error) {
	if n.program == "" {
		return "", inside(pid, func() error { return ask(loopbackUp()) })
	}
	confined := n.start(ctx, pid, "--enable-sandbox", "--enable-seccomp")
	if confined == nil || ctx.Err() != nil {
		return "", confined
	}
	if err := n.start(ctx, pid); err != nil {
		return "", err
	}
	return fmt.Sprintf("the engine's network runs without a sandbox: %v", confined), nil
}

// start starts slirp4netns with some more options.
func (n *network) start(ctx context.Context, pid int, options ...string) error {
	ready, readyEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	exit, hold, err := os.Pipe()
	if err != nil {
		return errors.Join(err, readyEnd.Close())
	}
	n.hold = hold
	options = append(options, "--configure", "--mtu=65520", "--disable-host-loopback", "--ready-fd=3", "--exit-fd=4", fmt.Sprint(pid), "tap0")
	n.process = exec.Command(n.program, options...)
	n.process.ExtraFiles = []*os.File{readyEnd, exit}
	n.process.Dir = "/"
	var said bytes.Buffer
	n.process.Stderr = &said
	err = n.process.Start()
	_, _ = readyEnd.Close(), exit.Close()
	if err != nil {
		n.process = nil
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = ready.SetReadDeadline(time.Now()) })
	defer stop()
	_ = ready.SetReadDeadline(time.Now().Add(networkTimeout))
	if _, err := io.ReadFull(ready, make([]byte, 1)); err != nil {
		n.close()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		text := strings.Fields(said.String())
		return fmt.Errorf("slirp4netns: %w: %s", err, whittle.Shorten(strings.Join(text, " "), 300))
	}
	return nil
}

func (n *network) close() {
	if n.hold != nil {
		_ = n.hold.Close()
		n.hold = nil
	}
	if n.process != nil {
		timer := time.AfterFunc(stopTimeout, func() { _ = n.process.Process.Kill() })
		_ = n.process.Wait()
		timer.Stop()
		n.process = nil
	}
}

// loopbackProxies are the variables that name a proxy on this machine's
// loopback, which the engine's own network does not reach.
func loopbackProxies(getenv func(string) string) (names []string) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		value := getenv(name)
		if !strings.Contains(value, "://") {
			value = "http://" + value
		}
		u, err := url.Parse(value)
		if err != nil {
			continue
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			names = append(names, name)
		}
	}
	return names
}
