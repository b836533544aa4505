package buildkitd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// slirpGateway is the way out that slirp4netns gives a namespace.
// slirp4netns(1)
var slirpGateway = net.IPv4(10, 0, 2, 2)

// Isolate takes the way out from the daemon's network, so that what shares it
// reaches nothing else. restore gives it back. A daemon with the host's network is
// left as it is, and so is one without a way out, and a nil one.
func (d *Daemon) Isolate() (restore func() error, err error) {
	if d == nil || d.network == nil || d.network.program == "" {
		return func() error { return nil }, nil
	}
	if err := d.route(unix.RTM_DELROUTE, 0); err != nil {
		return nil, fmt.Errorf("closing the engine's way out: %w", err)
	}
	return func() error {
		if err := d.route(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE); err != nil {
			return fmt.Errorf("opening the engine's way out again: %w", err)
		}
		return nil
	}, nil
}

// route changes the default route of the engine's network namespace.
func (d *Daemon) route(kind uint16, flags uint16) error {
	return inside(d.process.Pid, func() error { return ask(routeMessage(kind, flags, slirpGateway)) })
}

// inside does something in the network namespace of a process.
func inside(pid int, do func() error) error {
	space, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return err
	}
	defer space.Close()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- do()
	}()
	return <-done
}

// loopbackUp is a request to switch the loopback on, which is always the first
// interface of a namespace. rtnetlink(7)
func loopbackUp() []byte {
	order := binary.NativeEndian
	m := make([]byte, unix.SizeofNlMsghdr+unix.SizeofIfInfomsg)
	order.PutUint32(m, uint32(len(m)))
	order.PutUint16(m[4:], unix.RTM_NEWLINK)
	order.PutUint16(m[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	order.PutUint32(m[8:], 1)
	link := m[unix.SizeofNlMsghdr:]
	order.PutUint32(link[4:], 1)
	order.PutUint32(link[8:], unix.IFF_UP)
	order.PutUint32(link[12:], unix.IFF_UP)
	return m
}

// routeMessage is a request about the default route by a gateway. rtnetlink(7)
func routeMessage(kind, flags uint16, gateway net.IP) []byte {
	order := binary.NativeEndian
	m := make([]byte, unix.SizeofNlMsghdr+unix.SizeofRtMsg+unix.SizeofRtAttr+net.IPv4len)
	order.PutUint32(m, uint32(len(m)))
	order.PutUint16(m[4:], kind)
	order.PutUint16(m[6:], flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	order.PutUint32(m[8:], 1)
	route := m[unix.SizeofNlMsghdr:]
	route[0], route[4] = unix.AF_INET, unix.RT_TABLE_MAIN
	if kind == unix.RTM_NEWROUTE {
		route[5], route[6], route[7] = unix.RTPROT_BOOT, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST
	} else {
		route[6] = unix.RT_SCOPE_NOWHERE
	}
	attr := route[unix.SizeofRtMsg:]
	order.PutUint16(attr, unix.SizeofRtAttr+net.IPv4len)
	order.PutUint16(attr[2:], unix.RTA_GATEWAY)
	copy(attr[unix.SizeofRtAttr:], gateway.To4())
	return m
}

// ask sends a request to the kernel and reads its answer.
func ask(message []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, os.Getpagesize())
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	if n < unix.SizeofNlMsghdr+4 || order.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return errors.New("the kernel gave no answer")
	}
	if code := int32(order.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
