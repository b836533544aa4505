package resolve

import (
	"context"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
)

// InstallOptions say how a solution is installed. The zero value is pip in an image
// whose interpreter is in /usr/local.
type InstallOptions struct {
	// NoCompile writes no bytecode (pip's --no-compile).
	NoCompile bool
	// Interpreter is the program that scripts begin with; empty is
	// "/usr/local/bin/python3.13" with the solution's version of Python.
	Interpreter string
}

// Installation is the installed size of a solution, in bytes of regular files.
type Installation struct {
	// Parts are in the order of the solution's choices.
	Parts []InstalledPart
	// Bytes is the prediction, between Low and High; Bytecode is the part of
	// it that are .pyc files.
	Bytes, Low, High int64
	Bytecode         int64
	Files            int
}

// InstalledPart is one distribution of an [Installation].
type InstalledPart struct {
	Name, Version string
	// Bytes, Low, High and Bytecode are as in [Installation].
	Bytes, Low, High int64
	Bytecode         int64
	Files            int
	// Source says where the sizes are from: "wheel's directory".
	Source string
}

// What [InstalledPart.Source] says.
const (
	fromWheel  = "wheel's directory"
	fromOther  = "directory of a wheel for another target"
	fromSource = "size of the source"
)

// How far the size of a distribution that has to be built may be from that of
// its wheel for another target, and from that of its packed source.
const (
	likeLow, likeHigh                  = 0.5, 1.6
	sourceLow, sourceGuess, sourceHigh = 0.5, 3, 10
)

// Installed predicts the installed size of a solution. For wheels it is what pip
// writes, except for a few bytes of scripts; the size of bytecode is estimated.
// Errors are the index's.
func Installed(ctx context.Context, idx Index, res *Solution, o InstallOptions) (*Installation, error) {
	if o.Interpreter == "" {
		o.Interpreter = fmt.Sprintf("/usr/local/bin/python%d.%d", res.Target.Major, res.Target.Minor)
	}
	out := &Installation{Parts: make([]InstalledPart, len(res.Choices))}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readAhead)
	for i := range res.Choices {
		g.Go(func() (err error) {
			out.Parts[i], err = installedPart(ctx, idx, &res.Choices[i], res.Target, o)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("forecasting what is installed: %w", err)
	}
	// Errors are independent between distributions, except for a small common bias.
	const shared = 0.03
	var below, above float64
	for _, p := range out.Parts {
		out.Bytes += p.Bytes
		out.Bytecode += p.Bytecode
		out.Files += p.Files
		below += math.Pow(float64(p.Bytes-p.Low), 2)
		above += math.Pow(float64(p.High-p.Bytes), 2)
	}
	common := shared * float64(out.Bytecode)
	out.Low = out.Bytes - int64(math.Sqrt(below)+common)
	out.High = out.Bytes + int64(math.Sqrt(above)+common)
	return out, nil
}

func installedPart(ctx context.Context, idx Index, c *Choice, t pep.Target, o InstallOptions) (InstalledPart, error) {
	p := InstalledPart{Name: c.Name, Version: c.Version, Source: fromWheel}
	file := c.Wheel
	if file == nil {
		file, p.Source = c.Like, fromOther
	}
	if file == nil && c.Source == nil {
		p.Source = "not known: it comes from an address"
		return p, nil
	}
	if file == nil {
		p.Source = fromSource
		size := float64(c.Source.Size)
		p.Low, p.Bytes, p.High = int64(size*sourceLow), int64(size*sourceGuess), int64(size*sourceHigh)
		return p, nil
	}
	members, err := idx.Members(ctx, *file)
	if err != nil {
		return p, err
	}
	in := installer{choice: c, target: t, o: o}
	for _, m := range members {
		in.member(m)
	}
	in.finish()
	p.Bytes, p.Files = in.bytes, in.files
	p.Low, p.High = in.bytes, in.bytes
	if !o.NoCompile {
		p.Bytecode = int64(in.bytecode)
		p.Bytes += p.Bytecode
		p.Low += int64(in.bytecode * bytecodeLow)
		p.High += int64(in.bytecode * bytecodeHigh)
	}
	if p.Source == fromOther {
		p.Low, p.High = int64(float64(p.Low)*likeLow), int64(float64(p.High)*likeHigh)
	}
	return p, nil
}

// installer adds up what pip writes for one wheel.
// https://packaging.python.org/en/latest/specifications/recording-installed-packages/
type installer struct {
	choice *Choice
	target pep.Target
	o      InstallOptions
	// info is the .dist-info folder, record the length of the RECORD so far.
	info     string
	record   int64
	bytes    int64
	bytecode float64
	files    int
	scripts  []string // whose files the wheel's .data has
	points   []python.EntryPoint
}

// toPrefix leads from site-packages to the installation's prefix.
const toPrefix = "../../../"

// member installs one file.
func (in *installer) member(m whittle.WheelMember) {
	where := m.Path
	if dir, base, ok := strings.Cut(m.Path, "/"); ok && strings.HasSuffix(dir, ".dist-info") {
		in.info = dir
		switch base {
		case "RECORD":
			return // it is written anew
		case "RECORD.jws", "RECORD.p7s":
			// They are installed; not every installer records them. A few bytes.
		case "entry_points.txt":
			in.points = python.ParseEntryPoints(m.Content)
		}
	}
	size := m.Size
	if dir, rest, ok := strings.Cut(m.Path, "/"); ok && strings.HasSuffix(dir, ".data") {
		kind, name, _ := strings.Cut(rest, "/")
		switch kind {
		case "purelib", "platlib":
			where = name
		case "scripts":
			where = toPrefix + "bin/" + name
			in.scripts = append(in.scripts, name)
			// The first line is "#!python" in the wheel.
			size += int64(len(in.o.Interpreter) - len("python"))
		case "headers":
			where = fmt.Sprintf("%sinclude/site/python%d.%d/%s/%s", toPrefix, in.target.Major, in.target.Minor, in.choice.Name, name)
		case "data":
			where = toPrefix + name
		}
	}
	in.write(where, size)
	if strings.HasSuffix(where, ".py") && !in.o.NoCompile {
		in.bytecode += bytecodeSize(in.target, m)
		in.files++
		in.record += row(pycPath(where, in.target), -1)
	}
}

// write counts a file and its line of the RECORD.
func (in *installer) write(where string, size int64) {
	in.files++
	in.bytes += size
	in.record += row(where, size)
}

// finish adds what installers write beside the wheel's own files.
func (in *installer) finish() {
	in.write(in.info+"/INSTALLER", int64(len("pip\n")))
	if in.choice.Requested {
		in.write(in.info+"/REQUESTED", 0)
	}
	if in.choice.URL != "" {
		// {"archive_info": {"hash": "sha256=…", "hashes": {"sha256": "…"}}, "url": "…"}
		in.write(in.info+"/direct_url.json", int64(len(in.choice.URL))+209)
	}
	for _, p := range in.points {
		if p.Group == "console_scripts" || p.Group == "gui_scripts" {
			in.write(toPrefix+"bin/"+p.Name, int64(len(launcher(in.o.Interpreter, p))))
		}
	}
	in.files++
	in.bytes += in.record + row(in.info+"/RECORD", -1)
}

// launcher is the script that pip writes for an entry point.
func launcher(interpreter string, p python.EntryPoint) string {
	imported, _, _ := strings.Cut(p.Attr, ".")
	return "#!" + interpreter + "\n# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom " + p.Module + " import " + imported +
		"\nif __name__ == '__main__':\n    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    sys.exit(" + p.Attr + "())\n"
}

// row is the length of a line of a RECORD as Python's csv writes it: path,
// digest and size, the last two empty where the size is negative.
func row(where string, size int64) int64 {
	n := len(where)
	if strings.ContainsAny(where, ",\"\r\n") {
		n += 2 + strings.Count(where, `"`)
	}
	if size < 0 {
		return int64(n + len(",,\r\n"))
	}
	const digest = len("sha256=") + 43
	return int64(n + digest + len(strconv.FormatInt(size, 10)) + len(",,\r\n"))
}

// pycPath is where the bytecode of a source goes (PEP 3147).
func pycPath(where string, t pep.Target) string {
	dir, base := path.Split(where)
	return fmt.Sprintf("%s__pycache__/%s.cpython-%d%d.pyc", dir, strings.TrimSuffix(base, ".py"), t.Major, t.Minor)
}
