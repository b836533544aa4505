package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// aims of issue 4: what must be so many times faster than the explorer.
const (
	aimGzip, aimPlain, aimWarm = 2.5, 8, 30
	aimFloor                   = 1.1
)

// aims of issue 5 for a check of the example, which hold for an idle machine.
const aimCheck, aimCheckWarm = 3 * time.Second, time.Second / 2

func (b *bench) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s.\n\n", machine())
	fmt.Fprintln(w, "| image | layers | whittle | memory | explorer | its memory | faster | again (cache) | faster | largest layer: klauspost | whittle / klauspost | igzip |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, r := range b.rows {
		aim := float64(aimPlain)
		floor, ratio, ig := "–", "–", "–"
		if r.form == "gzip" {
			aim = aimGzip
			floor = seconds(r.largest.wall)
			over := r.cold.wall.Seconds() / r.largest.wall.Seconds()
			ratio = fmt.Sprintf("%.2f%s", over, mark(over <= aimFloor))
			ig = seconds(r.igzip.wall)
		}
		faster := r.explorer.wall.Seconds() / r.cold.wall.Seconds()
		again := r.explorer.wall.Seconds() / r.warm.wall.Seconds()
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %.1f ×%s | %s | %.0f ×%s | %s | %s | %s |\n", r.image, r.form,
			seconds(r.cold.wall), mb(r.cold.rss), map[bool]string{true: "over "}[r.explorer.over]+seconds(r.explorer.wall), mb(r.explorer.rss), faster, mark(faster >= aim),
			seconds(r.warm.wall), again, mark(again >= aimWarm), floor, ratio, ig)
	}
	fmt.Fprintf(w, "\nAims: %.1f × the explorer on gzip layers and %.0f × on plain ones, %.0f × with a warm cache, at most %.1f of klauspost's gunzip of the largest layer alone; ✗ marks what is missed.\n",
		aimGzip, float64(aimPlain), float64(aimWarm), aimFloor)
}

func (b *bench) printChecks(w io.Writer) {
	fmt.Fprintln(w, "\n| image | layers | whittle check | CPU | memory | again (cache) | CPU |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|--:|")
	for _, c := range b.checks {
		fmt.Fprintf(w, "| %s | %s | %s%s | %s | %s | %s%s | %s |\n", c.image, c.form, seconds(c.cold.wall), mark(c.cold.wall <= aimCheck), seconds(c.cold.cpu),
			mb(c.cold.rss), seconds(c.warm.wall), mark(c.warm.wall <= aimCheckWarm), seconds(c.warm.cpu))
	}
	fmt.Fprintf(w, "\nAims: %s, and %s from the cache.\n", seconds(aimCheck), seconds(aimCheckWarm))
}

func mark(met bool) string {
	if met {
		return ""
	}
	return " ✗"
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
func mb(n int64) string              { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }

// machine is what was measured on.
func machine() string {
	return fmt.Sprintf("%s, %d cores, %s", cpu(), runtime.NumCPU(), runtime.Version())
}

func cpu() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if name, ok := strings.CutPrefix(sc.Text(), "model name"); ok {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), ":"))
		}
	}
	return runtime.GOARCH
}
