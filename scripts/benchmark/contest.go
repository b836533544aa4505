package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// contest is something that whittle does and other tools do, with the same input.
type contest struct {
	what, dir string // dir is where all are started
	runs      int
	ours      contender
	others    []contender
}

// contender is a command. What it prints has to be right, or its row has no time.
type contender struct {
	name    string   // as the table has it
	version []string // prints its version; the path of a program of Go alone
	command []string
	env     []string
	answers []int // exit codes besides 0 that are answers
	// result takes what the command prints, and says afterwards what is wrong with it.
	result func() (io.Writer, func() error)
	// why says why there is no time, once that is known.
	why string
}

// has is the result of a command that must print some texts.
func has(texts ...string) func() (io.Writer, func() error) {
	return func() (io.Writer, func() error) {
		var b bytes.Buffer
		return &b, func() error {
			for _, text := range texts {
				if !bytes.Contains(b.Bytes(), []byte(text)) {
					return fmt.Errorf("wrong: its result lacks %s", text)
				}
			}
			return nil
		}
	}
}

// isJSON is the result of a command that must print JSON with some texts.
func isJSON(texts ...string) func() (io.Writer, func() error) {
	return func() (io.Writer, func() error) {
		w, err := has(texts...)()
		return w, func() error {
			if b, ok := w.(*bytes.Buffer); ok && !json.Valid(b.Bytes()) {
				return errors.New("wrong: its result is no JSON")
			}
			return err()
		}
	}
}

// sums is the result of a command that must print the bytes with this digest.
func sums(want [sha256.Size]byte) func() (io.Writer, func() error) {
	return func() (io.Writer, func() error) {
		h := sha256.New()
		return h, func() error {
			if [sha256.Size]byte(h.Sum(nil)) != want {
				return errors.New("wrong: it prints other bytes")
			}
			return nil
		}
	}
}

// once starts the command. It is an error if it fails, or takes longer than patience.
func (c *contender) once(dir string, out io.Writer, env ...string) (wall time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.command[0], c.command[1:]...) //nolint:gosec // commands of contests
	cmd.Dir, cmd.Stdout = dir, out
	cmd.Env = append(append(os.Environ(), c.env...), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	begin := time.Now()
	err = cmd.Run()
	wall = time.Since(begin)
	switch {
	case ctx.Err() != nil:
		return wall, fmt.Errorf("was ended after %v", patience)
	case cmd.ProcessState == nil:
		return wall, fmt.Errorf("does not start: %w", err)
	case err != nil && !slices.Contains(c.answers, cmd.ProcessState.ExitCode()):
		log.Printf("%s: %v\n%s", c.name, err, said.Bytes())
		return wall, fmt.Errorf("fails: %w", err)
	}
	return wall, nil
}

// slow is what takes so long that one run has to do, the one whose result is looked at.
const slow = 20 * time.Second

// ready says whether the tool is there and what it prints is right: why if not. It gives the
// time of that run if the tool is slow.
func (c *contender) ready(dir string) (wall time.Duration) {
	if _, err := exec.LookPath(c.command[0]); err != nil {
		c.why = "is not installed"
		return 0
	}
	out, wrong := c.result()
	wall, err := c.once(dir, out)
	if err == nil {
		err = wrong()
	}
	if err != nil {
		c.why = err.Error()
	}
	if wall < slow {
		return 0
	}
	return wall
}

// numbers is a version in what a program says of itself.
var numbers = regexp.MustCompile(`\d+(\.\d+)+`)

// named is the tool with its version, which it is asked for.
func (c *contender) named() string {
	if len(c.version) == 1 {
		info, err := buildinfo.ReadFile(c.version[0])
		if err != nil {
			return c.name
		}
		version, _, _ := strings.Cut(info.Main.Version, "-")
		return c.name + " " + version
	}
	out, _ := exec.Command(c.version[0], c.version[1:]...).CombinedOutput() //nolint:gosec // as above
	return strings.TrimSpace(c.name + " " + numbers.FindString(string(out)))
}

// hold times all in turn, so often as runs says, prints a row for each tool, and keeps
// profiles of whittle.
func (b *bench) hold(w io.Writer, c contest) error {
	log.Printf("comparing: %s", c.what)
	all := []*contender{&c.ours}
	for i := range c.others {
		all = append(all, &c.others[i])
	}
	best := make([]time.Duration, len(all))
	for i, x := range all {
		best[i] = x.ready(c.dir)
	}
	if c.ours.why != "" {
		return fmt.Errorf("%s: whittle %s", c.what, c.ours.why)
	}
	for range c.runs {
		for i, x := range all {
			if x.why != "" || best[i] >= slow {
				continue
			}
			wall, err := x.once(c.dir, nil)
			if err != nil {
				x.why = err.Error()
			}
			if best[i] == 0 || wall < best[i] {
				best[i] = wall
			}
		}
	}
	if c.ours.why != "" {
		return fmt.Errorf("%s: whittle %s", c.what, c.ours.why)
	}
	for i, x := range all[1:] {
		its, ratio := x.why, ""
		if x.why == "" {
			its, ratio = precise(best[i+1]), fmt.Sprintf("%.2f ×", best[i+1].Seconds()/best[0].Seconds())
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", c.what, precise(best[0]), x.named(), its, ratio)
	}
	return b.keepProfile(c.what, func(env string) error {
		_, err := c.ours.once(c.dir, nil, env)
		return err
	})
}

// precise is a time with its first digits, however short.
func precise(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.3f s", d.Seconds())
	}
	return seconds(d)
}

// keepProfile has whittle run once more, with a variable that makes it keep profiles in a folder
// for this row.
func (b *bench) keepProfile(row string, run func(env string) error) error {
	if b.profiles == "" {
		return nil
	}
	dir := filepath.Join(b.profiles, strings.Trim(regexp.MustCompile(`[^A-Za-z0-9.]+`).ReplaceAllString(row, "-"), "-"))
	if err := run("WHITTLE_PROFILE=" + dir); err != nil {
		return err
	}
	for _, name := range []string{"cpu.pprof", "heap.pprof"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
