package build

import (
	"context"
	_ "embed"
	"path"
	"strconv"
	"strings"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
)

// Import is a Python module that a command imported: its code was executed, or
// its extension loaded.
type Import struct {
	// Module is its dotted name, Path its file in the image, absolute; empty
	// where it has none.
	Module, Path string
}

const (
	// importsLog is the file of the container in which interpreters note what
	// they import. imports.py has the same name.
	importsLog = "/run/.whittle-imports"
	// pathFile is the name of the file that makes them do so. Interpreters read
	// those of a folder in the order of their names, and this one comes first.
	pathFile = "00-whittle-imports.pth"
	// maxSites, maxImportsLog (bytes) and maxImports limit what is mounted and
	// what is read from the log, into which a container can write anything.
	maxSites      = 64
	maxImportsLog = 8 << 20
	maxImports    = 20_000
	maxModule     = 200 // bytes of a name
)

//go:embed imports.py
var importsSource string

// importsLine is the text of a .pth file: a line that begins with import is
// executed by each interpreter that sets up the folder's packages, in a venv
// as elsewhere, with -I and -E too, but not with -S. It installs an audit hook
// (Python 3.8 and later), which nothing in the program can see: sys.meta_path,
// sys.modules, the environment and the standard streams are as they were, and
// forked processes have it, too.
// https://docs.python.org/3/library/site.html
func importsLine() string {
	return "import sys; exec(" + strconv.QuoteToASCII(importsSource) + ", {})\n"
}

// importMounts are the mounts that record imports in a container: the log,
// which everybody may write, and, in each package folder of an interpreter, a
// file that it reads when it starts. They hide no file of the image.
func (img image) importMounts(ctx context.Context, sites []string) ([]gateway.Mount, error) {
	name := llb.WithCustomName("[internal] files that note imports")
	ref, err := img.solve(ctx, llb.Scratch().File(llb.Mkfile("/log", 0o666, nil), name).File(llb.Mkfile("/pth", 0o444, []byte(importsLine())), name))
	if err != nil {
		return nil, err
	}
	mounts := []gateway.Mount{{Dest: importsLog, MountType: pb.MountType_BIND, Ref: ref, Selector: "log"}}
	for _, site := range sites[:min(len(sites), maxSites)] {
		mounts = append(mounts, gateway.Mount{Dest: path.Join("/", site, pathFile), MountType: pb.MountType_BIND, Ref: ref, Selector: "pth", Readonly: true})
	}
	return mounts, nil
}

// notesImports says whether the engine can give back what a container wrote.
func (img image) notesImports(c Command) bool {
	caps := img.client.BuildOpts().Caps
	return len(c.Sites) > 0 && caps.Supports(gatewaypb.CapGatewayExecFilesystem) == nil
}

// readImports are the modules that a container's processes have imported. It
// is nil if they are not known, because no interpreter noted anything or the
// log cannot be read.
func readImports(ctx context.Context, ctr gateway.Container, mount int) []Import {
	text, err := ctr.ReadFile(ctx, gateway.ReadContainerRequest{MountIndex: mount,
		ReadRequest: gateway.ReadRequest{Filename: "/log", Range: &gateway.FileRange{Length: maxImportsLog}}})
	if err != nil {
		return nil
	}
	return parseImports(string(text))
}

// parseImports reads a log of imports: each module and file once, in their
// order. It is nil if no interpreter began a log.
func parseImports(text string) []Import {
	var out []Import
	seen := map[Import]bool{}
	for line := range strings.Lines(text) {
		line, whole := strings.CutSuffix(line, "\n")
		words := strings.Split(line, "\t")
		switch {
		case !whole: // cut off
		case len(words) == 2 && words[0] == "python":
			if out == nil {
				out = []Import{}
			}
		case len(words) == 3 && words[0] == "module" && out != nil && len(out) < maxImports && moduleName(words[1]):
			if i := (Import{words[1], cleanFile(words[2])}); !seen[i] {
				seen[i] = true
				out = append(out, i)
			}
		}
	}
	return out
}

// moduleName says whether a text can be the name of a module: programs make up
// names with any character but blanks.
func moduleName(s string) bool {
	return s != "" && len(s) <= maxModule && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd })
}

func cleanFile(file string) string {
	if !path.IsAbs(file) {
		return ""
	}
	return path.Clean(file)
}
