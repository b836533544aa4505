package jobs

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"

	"whittle.dev/whittle"
)

// Log is what a job prints, in lines. It may be written and read at the same time.
type Log struct {
	path string

	mu    sync.Mutex
	file  *os.File // while the job runs
	lines []string
	read  bool   // the lines are those of the file
	rest  []byte // of a line that has not ended
	size  int
	full  bool
	wait  chan struct{} // closed when something changes
}

// MaxLog bounds a job's log, in bytes; what is printed then is left out.
const MaxLog = 8 << 20

// open begins the log anew.
func (l *Log) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return whittle.ErrSystem.Errorf("writing the log of a job: %w", err)
	}
	l.file, l.lines, l.read, l.rest, l.size, l.full = file, nil, true, nil, 0, false
	return nil
}

func (l *Log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		l.add(string(l.rest))
		l.rest = nil
	}
	l.file.Close()
	l.file = nil
	l.tell()
}

// Write adds lines.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			break
		}
		l.add(string(line))
		l.rest = rest
	}
	if len(l.rest) > maxLine {
		l.add(string(l.rest))
		l.rest = nil
	}
	l.tell()
	return len(p), nil
}

// maxLine is where a line without an end is cut, in bytes.
const maxLine = 4096

// add adds a line. A disk that does not take it loses the line, not the job.
func (l *Log) add(line string) {
	if l.full || l.file == nil {
		return
	}
	line = whittle.Shorten(strings.TrimRight(line, "\r"), maxLine)
	if l.size += len(line) + 1; l.size > MaxLog {
		l.full, line = true, "… further lines are left out"
	}
	l.lines = append(l.lines, line)
	_, _ = l.file.WriteString(line + "\n")
}

// changed tells those who wait that the job has changed.
func (l *Log) changed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell()
}

func (l *Log) tell() {
	if l.wait != nil {
		close(l.wait)
		l.wait = nil
	}
}

// Since has the lines from a number on, and what is closed when there are more, or the
// job has changed.
func (l *Log) Since(from int) (lines []string, more <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.read {
		text, err := whittle.ReadFile(l.path, 2*MaxLog)
		switch {
		case err == nil:
			l.lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			if len(text) == 0 {
				l.lines = nil
			}
		case !errors.Is(err, fs.ErrNotExist): // a job that waits has none
			return nil, nil, err
		}
		l.read = true
	}
	if l.wait == nil {
		l.wait = make(chan struct{})
	}
	return l.lines[min(max(from, 0), len(l.lines)):], l.wait, nil
}

// Wait waits until more is closed; it is an error if the context ends first.
func Wait(ctx context.Context, more <-chan struct{}) error {
	select {
	case <-more:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
