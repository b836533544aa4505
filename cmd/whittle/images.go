package main

import (
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"

	"whittle.dev/whittle/internal/host"
)

// controlling is the terminal that the program was started from, whatever its
// standard input is.
var controlling = map[bool]string{true: "CONIN$", false: "/dev/tty"}[runtime.GOOS == "windows"]

// isInput says whether an image is named that is read from standard input: "-", with a
// scheme before it or a selector behind it.
func isInput(image string) bool {
	for _, scheme := range []string{"docker-archive:", "oci-archive:"} {
		image = strings.TrimPrefix(image, scheme)
	}
	return image == "-" || strings.HasPrefix(image, "-:") || strings.HasPrefix(image, "-@")
}

// isTerminal says whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && f != nil && term.IsTerminal(int(f.Fd()))
}

// isProject says whether a name is a folder that is no image.
func isProject(name string) bool {
	info, err := os.Stat(name)
	return !isInput(name) && err == nil && info.IsDir() && !host.ImageFolder(name)
}
