// Package flagvalue has the values of options that are more than a text: sizes, numbers
// and times with a limit, platforms and addresses. Each is a [pflag.Value]; its errors
// say what is allowed.
package flagvalue

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"whittle.dev/whittle"
)

// Bound is a limit, a number from 0 up. 0 is the default.
func Bound[T int | int64](n *T) pflag.Value { return bound[T]{n} }

// Bytes is a limit in bytes, with a unit or without one. 0 is the default.
func Bytes[T int | int64](n *T) pflag.Value { return bytesBound[T]{bound[T]{n}} }

// Size is a number of bytes with a unit, as 8GB, 512MiB or 1000000.
func Size(n *int64) pflag.Value { return size{n, false, 0} }

// SizeOrNone is [Size], or "none", which is the value unlimited.
func SizeOrNone(n *int64, unlimited int64) pflag.Value { return size{n, true, unlimited} }

// Processes is a number of processes, or "none", which is the value unlimited.
func Processes(n *int64, unlimited int64) pflag.Value { return processes{n, unlimited} }

// Time is a time of a second or more, or "none", which is the value unlimited.
func Time(d *time.Duration, unlimited time.Duration) pflag.Value { return timeLimit{d, unlimited} }

// Share is a share of 1, given in percent: "1%" is 0.01.
func Share(f *float64) pflag.Value { return share{f} }

// Platform is a platform in any spelling.
func Platform(p **whittle.Platform) pflag.Value { return platformValue{p} }

// Address is that of a BuildKit daemon.
func Address(of *string) pflag.Value { return address{of} }

// Bandwidths are rates, each with a unit, as 1Gbit/s or 50MB/s. The option may be
// repeated.
func Bandwidths(all *[]whittle.Bandwidth) pflag.Value { return bandwidths{all} }

// bound is a limit, a number from 0 up. 0 is the default.
type bound[T int | int64] struct{ n *T }

func (b bound[T]) String() string {
	if b.n == nil {
		return "0"
	}
	return fmt.Sprint(*b.n)
}

func (b bound[T]) Type() string { return "int" }

func (b bound[T]) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || int64(T(n)) != n {
		return errors.New("a number from 0 up is wanted")
	}
	*b.n = T(n)
	return nil
}

// bytesBound is a limit in bytes, with a unit or without one. 0 is the default.
type bytesBound[T int | int64] struct{ bound[T] }

func (b bytesBound[T]) Type() string { return "bytes" }

func (b bytesBound[T]) Set(s string) error {
	n, err := whittle.ParseBytes(s)
	if err == nil && int64(T(n)) != n {
		err = errors.New("a smaller size is wanted")
	}
	if err != nil {
		return err
	}
	*b.n = T(n)
	return nil
}

// share is a share of 1, given in percent.
type share struct{ f *float64 }

func (s share) String() string {
	if s.f == nil {
		return "0%"
	}
	return strconv.FormatFloat(*s.f*100, 'g', 6, 64) + "%"
}

func (s share) Type() string { return "percent" }

func (s share) Set(text string) error {
	number, ok := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(n >= 0 && n <= 100) {
		return errors.New("0% to 100% is wanted, such as 1%")
	}
	*s.f = n / 100
	return nil
}

// size is a number of bytes with a unit, as 8GB, 512MiB or 1000000.
type size struct {
	n    *int64
	none bool // "none" may be given
	// unlimited is what "none" is.
	unlimited int64
}

func (s size) String() string {
	if s.n == nil || *s.n == 0 {
		return ""
	}
	return whittle.Bytes(*s.n)
}

func (s size) Type() string { return "size" }

func (s size) Set(text string) error {
	if s.none && text == "none" {
		*s.n = s.unlimited
		return nil
	}
	n, err := whittle.ParseBytes(text)
	if err != nil {
		return err
	}
	if n < minSize {
		return fmt.Errorf("it is less than %s", whittle.Bytes(minSize))
	}
	*s.n = n
	return nil
}

// minSize is the least that a container or a cache can do with, in bytes.
const minSize = 10_000_000

// processes is a number of processes, or none.
type processes struct {
	n         *int64
	unlimited int64
}

func (p processes) String() string {
	if p.n == nil || *p.n == 0 {
		return ""
	}
	return fmt.Sprint(*p.n)
}

func (p processes) Type() string { return "int" }

func (p processes) Set(s string) error {
	if s == "none" {
		*p.n = p.unlimited
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 10 {
		return errors.New("a number from 10 up is wanted, or none")
	}
	*p.n = n
	return nil
}

// timeLimit is a time of a second or more, or none.
type timeLimit struct {
	d         *time.Duration
	unlimited time.Duration
}

func (t timeLimit) String() string {
	if t.d == nil || *t.d == 0 {
		return ""
	}
	return t.d.String()
}

func (t timeLimit) Type() string { return "duration" }

func (t timeLimit) Set(s string) error {
	if s == "none" {
		*t.d = t.unlimited
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second {
		return errors.New("a time of at least 1s is wanted, such as 30m or 2h, or none")
	}
	*t.d = d
	return nil
}

// maxBandwidths bounds how many are named.
const maxBandwidths = 8

// bandwidths are rates with units.
type bandwidths struct{ all *[]whittle.Bandwidth }

func (b bandwidths) String() string {
	if b.all == nil {
		return ""
	}
	var out []string
	for _, one := range *b.all {
		out = append(out, strings.ReplaceAll(one.String(), " ", ""))
	}
	return strings.Join(out, ",")
}

func (b bandwidths) Type() string { return "rate" }

func (b bandwidths) Set(s string) error {
	one, err := parseBandwidth(s)
	if err != nil {
		return err
	}
	if slices.Contains(*b.all, one) {
		return nil
	}
	if len(*b.all) == maxBandwidths {
		return fmt.Errorf("it is the %dth; %d at most", maxBandwidths+1, maxBandwidths)
	}
	*b.all = append(*b.all, one)
	return nil
}

// platformValue is a platform, which is read before anything else.
type platformValue struct{ platform **whittle.Platform }

func (p platformValue) String() string {
	if p.platform == nil || *p.platform == nil {
		return ""
	}
	return (*p.platform).String()
}

func (p platformValue) Type() string { return "string" }

func (p platformValue) Set(s string) error {
	v, err := whittle.ParsePlatform(s)
	if err != nil {
		return fmt.Errorf("it is not os/architecture[/variant], such as linux/amd64")
	}
	*p.platform = &v
	return nil
}

// address is that of a BuildKit daemon.
type address struct{ of *string }

func (a address) String() string {
	if a.of == nil {
		return ""
	}
	return *a.of
}

func (a address) Type() string { return "string" }

func (a address) Set(s string) error {
	u, err := url.Parse(s)
	if err == nil {
		switch u.Scheme {
		case "tcp":
			_, _, err = net.SplitHostPort(u.Host)
		case "unix":
			if u.Path == "" {
				err = errors.New("no path")
			}
		case "docker-container", "kube-pod", "podman-container", "ssh", "npipe":
			if u.Host == "" && u.Path == "" {
				err = errors.New("no name")
			}
		default:
			err = errors.New("no scheme")
		}
	}
	if err != nil {
		return errors.New("an address is wanted: tcp://HOST:PORT, unix:///SOCKET, docker-container://NAME, podman-container://NAME, kube-pod://NAME or ssh://HOST")
	}
	*a.of = s
	return nil
}
