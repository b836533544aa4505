// Command whittle makes container images smaller without breaking them, and
// proves both halves.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	// Registries are reached from images and root file systems without
	// certificates too. The system's are used where there are any.
	_ "golang.org/x/crypto/x509roots/fallback"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/memory"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/trace"
)

func main() {
	if code, ours := trace.Main(os.Args); ours { // in a container, as the parent of a command
		os.Exit(code)
	}
	log.SetOutput(io.Discard)                              // net/http tells it what an odd registry sends; errors say what matters
	_ = os.Setenv("PATH", absolutePath(os.Getenv("PATH"))) // fails for a NUL only, which no environment has
	os.Exit(run(os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// absolutePath leaves out of PATH what is relative to the current folder, as
// that may be a project that somebody has sent: neither whittle nor what it
// starts looks for programs there.
func absolutePath(path string) string {
	dirs := slices.DeleteFunc(filepath.SplitList(path), func(dir string) bool { return !filepath.IsAbs(dir) })
	return strings.Join(dirs, string(filepath.ListSeparator))
}

// stdio is what the program reads and writes. Results go to out, everything
// else to err.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// Exit codes.
const (
	exitOK          = 0
	exitNo          = 1
	exitUsage       = 2   // what the user typed, or the file that it names, is wrong
	exitOutside     = 3   // the engine, the network or this machine failed
	exitInterrupted = 130 // Ctrl-C, as shells have it
)

// errNo is a result that says no: a check or a gate, or a variant that does
// not build. What is wrong was already shown.
var errNo = errors.New("the answer is no")

func run(args []string, std stdio) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	app := &app{in: std.in, printer: output.Printer{Out: std.out, Err: std.err, Version: releaseVersion}, temp: os.TempDir()}
	app.printer.EndProgress = app.endProgress
	defer app.tidy()
	defer app.endProgress() // also when it panics
	ctx, free := memory.Guard(ctx, exitLast(app))
	defer free()
	root := app.command()
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	if failed := app.profile.end(); err == nil {
		err = failed
	}
	app.endProgress()
	code := exitCode(ctx, err)
	if cause := memory.Cause(ctx); cause != nil && err != nil {
		err = cause
	}
	if err != nil && !errors.Is(err, errNo) {
		app.complain(err, code)
	}
	return code
}

// exitCode is the only place where errors become exit codes.
func exitCode(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitOK
	case memory.Cause(ctx) != nil:
		return exitOutside
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.Is(err, errNo):
		return exitNo
	case ofKind(err, whittle.ErrEngine, whittle.ErrAuth, whittle.ErrSystem, whittle.ErrUnmeasured), ofMachine(err):
		return exitOutside
	case ofKind(err, whittle.ErrUsage, whittle.ErrNotFound, whittle.ErrUnsupported, whittle.ErrCorrupt, whittle.ErrLimit):
		return exitUsage
	}
	return exitOutside
}

// ofKind says whether an error is of one of some kinds.
func ofKind(err error, kinds ...whittle.ErrorKind) bool {
	return slices.ContainsFunc(kinds, func(k whittle.ErrorKind) bool { return errors.Is(err, k) })
}

// ofMachine says that this machine lacks something, whatever was being done: no
// other command line helps against a full disk.
func ofMachine(err error) bool {
	return slices.ContainsFunc([]error{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM},
		func(lack error) bool { return errors.Is(err, lack) })
}

// complain prints an error as one line, and what to try as another; with
// --json as one JSON object.
func (a *app) complain(err error, code int) {
	a.endProgress()
	text, hint := page.Plain(whittle.OneLine(err.Error())), page.Plain(whittle.Hint(err))
	if code == exitInterrupted {
		text = "interrupted"
	}
	if a.printer.JSON {
		b, _ := json.Marshal(output.Failure{Schema: output.ErrorSchema, Error: text, Hint: hint, Code: code}) // strings and a number always marshal
		fmt.Fprintf(a.printer.Err, "%s\n", b)
		return
	}
	fmt.Fprintf(a.printer.Err, "whittle: %s\n", text)
	if hint != "" {
		fmt.Fprintf(a.printer.Err, "whittle: hint: %s\n", hint)
	}
}

// exitLast ends a process that does not end by itself.
func exitLast(a *app) func(error) {
	return func(err error) {
		a.complain(err, exitOutside)
		os.Exit(exitOutside)
	}
}
