//go:build unix

package tui

import (
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
)

// suspend stops the process as Ctrl-Z does in a shell, with the terminal as it
// was before; fg continues it. A process that no shell waits for cannot be
// stopped: the kernel takes no notice, and the screen comes back.
func suspend() tea.Cmd {
	return tea.Exec(stopper{}, func(error) tea.Msg { return nil })
}

// stopper is what runs in place of another program, while the terminal is its.
type stopper struct{}

// settle is how long the kernel has to stop the process. Its clock goes on while
// the process is stopped, so that nothing waits afterwards.
const settle = 200 * time.Millisecond

// Run implements [tea.ExecCommand].
func (stopper) Run() error {
	goes := make(chan os.Signal, 1)
	signal.Notify(goes, syscall.SIGCONT)
	defer signal.Stop(goes)
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return err
	}
	select {
	case <-goes:
	case <-time.After(settle):
	}
	return nil
}

func (stopper) SetStdin(io.Reader)  {}
func (stopper) SetStdout(io.Writer) {}
func (stopper) SetStderr(io.Writer) {}
