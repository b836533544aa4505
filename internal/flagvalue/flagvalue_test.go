package flagvalue

import (
	"testing"
	"time"

	"github.com/spf13/pflag"

	"whittle.dev/whittle"
)

// TestValues: what each value takes, shows again, and refuses.
func TestValues(t *testing.T) {
	var (
		n, bytes, size, none, pids int64
		limit                      time.Duration
		platform                   *whittle.Platform
		engine                     string
		part                       float64
		rates, more                []whittle.Bandwidth
	)
	for _, c := range []struct {
		value pflag.Value
		takes map[string]string // a text, and how it is shown
		not   []string
	}{
		{Bound(&n), map[string]string{"0": "0", "4000000": "4000000"}, []string{"", "-1", "1.5", "x", "99999999999999999999"}},
		{Bytes(&bytes), map[string]string{"350MB": "350000000", "1.5 GiB": "1610612736", "7": "7"}, []string{"", "-1", "7 XB"}},
		{Size(&size), map[string]string{"50GB": "50.00 GB", "200m": "200.0 MB"}, []string{"none", "1kB", "-5GB"}},
		{SizeOrNone(&none, -1), map[string]string{"8GB": "8.00 GB", "none": "-1 B"}, []string{"nothing", "5"}},
		{Processes(&pids, -1), map[string]string{"100": "100", "none": "-1"}, []string{"9", "1k"}},
		{Time(&limit, -1), map[string]string{"90s": "1m30s", "none": "-1ns"}, []string{"90", "1ms", "-1h"}},
		{Share(&part), map[string]string{"1%": "1%", "0.5%": "0.5%", "0%": "0%", "100%": "100%"}, []string{"", "1", "0.01", "-1%", "100.1%", "NaN%", "%", "x%"}},
		{Platform(&platform), map[string]string{"arm64": "linux/arm64", "x86_64": "linux/amd64", "arm/v7": "linux/arm/v7"}, []string{"lunix", "a/b/c/d", ""}},
		{Address(&engine), map[string]string{"tcp://host:1": "tcp://host:1", "unix:///run/x": "unix:///run/x"}, []string{"host:1", "tcp://host", "unix://", "http://host:1"}},
		{Bandwidths(&rates), map[string]string{"1Gbit/s": "1Gbit/s"}, []string{"", "1G", "1Gbit", "fast"}},
		{Bandwidths(&more), map[string]string{"50MB/s": "400Mbit/s"}, []string{"0bit/s", "-1Mbit/s"}},
	} {
		for text, shown := range c.takes {
			if err := c.value.Set(text); err != nil || c.value.String() != shown {
				t.Errorf("%s %q: %s, %v", c.value.Type(), text, c.value, err)
			}
		}
		for _, text := range c.not {
			if err := c.value.Set(text); err == nil {
				t.Errorf("%s takes %q", c.value.Type(), text)
			}
		}
	}
}
