package build

import (
	"context"
	"fmt"
	"net"

	bkclient "github.com/moby/buildkit/client"
	dockerclient "github.com/moby/moby/client"

	"whittle.dev/whittle"
)

// openDocker reaches the BuildKit inside a Docker engine: its API gives gRPC
// on /grpc, and the builder's session on /session, as hijacked connections.
func openDocker(ctx context.Context, host string) (*Engine, error) {
	opt := dockerclient.FromEnv
	if host != "" {
		opt = dockerclient.WithHost(host)
	}
	docker, err := dockerclient.New(opt)
	if err != nil {
		return nil, whittle.ErrEngine.Errorf("connecting to the Docker engine: %w", err)
	}
	e, err := dialDocker(ctx, docker)
	if err != nil {
		_ = docker.Close()
		return nil, fmt.Errorf("docker engine at %s: %w", docker.DaemonHost(), err)
	}
	return e, nil
}

func dialDocker(ctx context.Context, docker *dockerclient.Client) (*Engine, error) {
	pctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if _, err := docker.Ping(pctx, dockerclient.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, whittle.ErrEngine.Of(err)
	}
	version, err := docker.ServerVersion(pctx, dockerclient.ServerVersionOptions{})
	if err != nil {
		return nil, whittle.ErrEngine.Errorf("asking its version: %w", err)
	}
	l := &connection{}
	c, err := bkclient.New(ctx, "", l.option(),
		bkclient.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return docker.DialHijack(ctx, "/grpc", "h2c", nil)
		}),
		bkclient.WithSessionDialer(func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			return docker.DialHijack(ctx, "/session", proto, meta)
		}))
	if err != nil {
		return nil, whittle.ErrEngine.Errorf("connecting to its BuildKit: %w", err)
	}
	e := &Engine{client: c, conn: l, docker: docker, info: Info{Kind: Docker, Address: docker.DaemonHost()}}
	if err := e.probe(ctx); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("its BuildKit %w", err)
	}
	e.info.Version = version.Version
	// Engines got the oci and docker exporters together with that call.
	e.info.Exporter = e.info.NamedContexts
	return e, nil
}
