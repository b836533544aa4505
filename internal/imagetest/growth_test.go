package imagetest

import (
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var sink int

// spin takes steps, each as long as the other.
func spin(steps int) {
	for i := range steps {
		sink += i
	}
}

// growing is work of as many steps as f says.
func growing(most int, f func(n float64) float64) Growth {
	return Growth{Most: most, Make: func(n int) func() { return func() { spin(int(f(float64(n)))) } }}
}

// scattered reads n lines in an order that no cache foresees.
func scattered(most int) Growth {
	return Growth{Most: most, Make: func(n int) func() {
		lines := strings.SplitAfter(Lines(n, "a line of a file: %09d\n"), "\n")
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		return func() {
			for _, line := range lines {
				sink += len(strings.Fields(line))
			}
		}
	}}
}

// mapped keeps n numbers in a map and looks for each of them.
func mapped(most int) Growth {
	return Growth{Most: most, Make: func(n int) func() {
		keys := strings.Fields(Lines(n, "key%d "))
		return func() {
			m := map[string]int{}
			for i, k := range keys {
				m[k] = i
			}
			for i := range keys {
				sink += m[keys[i*7919%n]]
			}
		}
	}}
}

// sorted sorts n numbers.
func sorted(most int) Growth {
	return Growth{Most: most, Make: func(n int) func() {
		r := rand.New(rand.NewPCG(1, 2))
		numbers := make([]int, n)
		for i := range numbers {
			numbers[i] = r.Int()
		}
		return func() {
			c := slices.Clone(numbers)
			slices.Sort(c)
		}
	}}
}

// TestLinear: what grows faster than its input is found, and what does not is
// not, while other processes take all cores and the caches.
func TestLinear(t *testing.T) {
	if RaceDetector {
		t.Skip("nothing is measured with the race detector")
	}
	load(t)
	var kept []byte
	defer func() { _ = kept }()
	for _, c := range []struct {
		name, want string
		growth     Growth
	}{
		{"square beside a line", "the time grows", growing(1<<18, func(n float64) float64 { return n*n/8 + 100*n })},
		{"power of 1.7", "the time grows", growing(1<<20, func(n float64) float64 { return math.Pow(n, 1.7) })},
		{"memory that is a square", "the memory grows", Growth{Most: 1 << 16, Make: func(n int) func() { return func() { kept = make([]byte, n*n/64) } }}},
		{"line", "", growing(1<<28, func(n float64) float64 { return n })},
		{"root", "", growing(1<<28, math.Sqrt)},
		{"sort", "", sorted(1 << 20)},
		{"lines here and there", "", scattered(1 << 20)},
		{"map", "", mapped(1 << 20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if m := c.growth.compare(); !strings.Contains(m, c.want) || (m == "") != (c.want == "") {
				t.Errorf("%q, want %q", m, c.want)
			}
		})
	}
}

// load keeps every core and the caches busy until the test ends.
func load(t *testing.T) {
	t.Helper()
	for range runtime.NumCPU() {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLoadHelper$")
		cmd.Env = append(os.Environ(), "WHITTLE_LOAD_HELPER=1")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = stdin.Close()
			_ = cmd.Wait()
		})
	}
}

// TestLoadHelper is the other process of load: it ends when its standard input
// does.
func TestLoadHelper(*testing.T) {
	if os.Getenv("WHITTLE_LOAD_HELPER") == "" {
		return
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for work := scattered(0).Make(1 << 20); ; {
		work()
	}
}
