//go:build !unix

package tui

import tea "charm.land/bubbletea/v2"

// suspend does nothing where processes are not stopped.
func suspend() tea.Cmd { return nil }
