package layer

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// MissingSource is the rule missing-source: the application's own source is not
// in the image.
func MissingSource() analysis.Rule {
	return analysis.Rule{
		ID:    "missing-source",
		Title: "The application's own source is not in the image",
		Text: `What the image starts imports or runs files of the project that no instruction copies into the image. Copy them into the final stage. A
console script does not look for modules in the working directory: if the package is not installed, PYTHONPATH must name the folder.`,
		Before: "COPY data ./data\nCMD [\"python\", \"-m\", \"app\"]\n",
		After:  "COPY data ./data\nCOPY app ./app\nCMD [\"python\", \"-m\", \"app\"]\n",
		Run:    missingSources,
	}
}

// missingFile is a file or a folder of the project that the image does not have.
type missingFile struct {
	// source is the topmost path that must be copied, relative to the project;
	// root is the folder from which it is imported.
	source, root string
	problems     []whittle.Problem
	// search says that a program needs it that does not search the working
	// directory.
	search bool
}

func missingSources(p *analysis.Pass) []whittle.Finding {
	if p.Check == nil || p.Files == nil {
		return nil
	}
	var missing []missingFile
	for _, problem := range p.Check.Problems {
		if problem.Severity != "error" || problem.Rule != whittle.CheckMissingSource && problem.Rule != whittle.CheckMissingModule && problem.Rule != whittle.CheckHealthcheckCannotRun {
			continue
		}
		source, root, ok := ownSource(p, problem)
		if !ok {
			continue
		}
		i := slices.IndexFunc(missing, func(l missingFile) bool { return l.source == source })
		if i < 0 {
			i = len(missing)
			missing = append(missing, missingFile{source: source, root: root})
		}
		missing[i].problems = append(missing[i].problems, problem)
		missing[i].search = missing[i].search || problem.Module != "" && fromProgram(problem)
	}
	if len(missing) == 0 {
		return nil
	}
	slices.SortFunc(missing, func(a, b missingFile) int { return cmp.Compare(a.source, b.source) })
	// Files that only optional scripts need are a separate finding, so that
	// they do not prevent the other fix.
	var out []whittle.Finding
	for _, production := range []bool{true, false} {
		some := slices.DeleteFunc(slices.Clone(missing), func(l missingFile) bool { return l.production() != production })
		if len(some) > 0 {
			out = append(out, missingFinding(p, some))
		}
	}
	return out
}

// production says that something that production starts needs it.
func (l *missingFile) production() bool {
	return slices.ContainsFunc(l.problems, func(q whittle.Problem) bool {
		starts := q.Starts()
		return len(starts) == 0 || slices.ContainsFunc(starts, whittle.IsProduction)
	})
}

// fromProgram says that a console script imports the missing module in at least
// one place.
func fromProgram(problem whittle.Problem) bool {
	places := append([]whittle.Location{{Path: problem.Path, ReachedFrom: problem.ReachedFrom}}, problem.Places...)
	return slices.ContainsFunc(places, func(at whittle.Location) bool {
		return path.Base(path.Dir(at.Path)) == "bin" || strings.HasPrefix(strings.Join(at.ReachedFrom, "\n"), "console script")
	})
}

// ownSource finds the project's file for a problem: the topmost folder or the
// file that must be copied.
func ownSource(p *analysis.Pass, problem whittle.Problem) (source, root string, ok bool) {
	if problem.Module != "" {
		below := strings.ReplaceAll(problem.Module, ".", "/")
		for _, root := range []string{"", "src", "lib"} {
			for _, file := range []string{below + ".py", below + "/__init__.py", below} {
				if at := path.Join(root, file); p.Recipe.InContext(at) {
					top, _, _ := strings.Cut(at, "/")
					return top, root, true
				}
			}
		}
		return "", "", false
	}
	at := strings.TrimPrefix(problem.Path, "/")
	if path.IsAbs(problem.Path) && p.Config != nil {
		dir := strings.Trim(p.Config.Config.WorkingDir, "/")
		if at = strings.TrimPrefix(at, dir+"/"); dir == "" || !whittle.Under(strings.TrimPrefix(problem.Path, "/"), dir) {
			return "", "", false
		}
	}
	at = path.Clean(at)
	if !strings.HasSuffix(at, ".py") && !strings.HasSuffix(at, ".sh") || !p.Recipe.InContext(at) {
		return "", "", false
	}
	top, _, _ := strings.Cut(at, "/")
	return top, "", true
}

func missingFinding(p *analysis.Pass, missing []missingFile) whittle.Finding {
	var names, messages []string
	var evidence []whittle.Evidence
	var added int64
	for _, l := range missing {
		names = append(names, l.source)
		size, n := sizeInContext(p, l.source)
		added += size
		evidence = append(evidence, whittle.Evidence{Layer: -1, File: l.source, Files: n, What: "is in the project, and not in the image"})
		for _, problem := range l.problems {
			messages = append(messages, problem.Message)
			evidence = append(evidence, whittle.Evidence{Path: inImage(p, problem.Path), Layer: -1, What: problem.Message})
			for _, at := range problem.Places {
				evidence = append(evidence, whittle.Evidence{Path: inImage(p, at.Path), Layer: -1, What: fmt.Sprintf("%s is imported at line %d", cmp.Or(at.Module, problem.Module), at.Line)})
			}
		}
	}
	f := whittle.Finding{
		Breaks:   true,
		Message:  fmt.Sprintf("the image lacks the project's own %s: %s", analysis.List(names), messages[0]),
		Evidence: evidence, Risk: whittle.RiskLow, Advice: fmt.Sprintf("copy %s into the final stage", analysis.List(names)),
		Change:      whittle.LayerChange{Minus: added, Plus: added},
		Fingerprint: whittle.Fingerprint("missing-source", names...),
	}
	for _, l := range missing {
		f.About(append(f.Problems, l.problems...)...)
	}
	if edits, title, ok := copyIn(p, missing); ok {
		f.Fix = &whittle.Fix{Title: title, Patches: []whittle.Patch{p.Recipe.Patch(edits)}}
	}
	return f
}

// inImage is the path of a problem in the image; it may be relative to the
// working directory.
func inImage(p *analysis.Pass, at string) string {
	if at == "" || p.Config == nil {
		return strings.TrimPrefix(at, "/")
	}
	return whittle.Join(p.Config.Config.WorkingDir, at)
}

// sizeInContext is the size of a file or folder of the build context, in bytes,
// and its number of files.
func sizeInContext(p *analysis.Pass, at string) (size int64, files int) {
	_ = fs.WalkDir(p.Files, at, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || p.Ignore.Excludes(name) {
			return nil // what cannot be read is not sent to a build either
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
			files++
		}
		return nil
	})
	return size, files
}

// copyIn inserts a COPY of the missing files after the last COPY of the final
// stage, with the same flags, and sets PYTHONPATH if necessary.
func copyIn(p *analysis.Pass, missing []missingFile) ([]whittle.Edit, string, bool) {
	if p.Dockerfile == nil {
		return nil, "", false
	}
	st, err := p.Dockerfile.Target(p.Target)
	if err != nil {
		return nil, "", false
	}
	after, flags := neighbor(st)
	workdir := strings.Trim(p.Config.Config.WorkingDir, "/")
	if after == nil || workdir == "" || copiesAny(p, missing) {
		return nil, "", false
	}
	var lines, names []string
	for _, l := range missing {
		dest := "./" + l.source
		if whittle.Join("", p.Recipe.Last(after, "WORKDIR")) != workdir && after.Keyword != "WORKDIR" {
			dest = "/" + path.Join(workdir, l.source)
		}
		if strings.ContainsAny(l.source, " \"'$\\*?[") {
			return nil, "", false
		}
		lines = append(lines, "COPY "+flags+l.source+" "+dest)
		names = append(names, l.source)
	}
	edits := []whittle.Edit{p.Dockerfile.InsertAfter(after, strings.Join(lines, "\n"))}
	title := "copy " + analysis.List(names)
	if dir, ok := searched(p, missing, workdir); ok {
		env, err := p.Dockerfile.SetEnv(st.Index, "PYTHONPATH", dir)
		if err != nil {
			return nil, "", false
		}
		edits = append(env, edits...)
		title += ", and let Python look in " + dir
	}
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	_, err = dockerfile.Apply(p.Dockerfile.Source, edits)
	return edits, title, err == nil
}

// neighbor is the instruction after which files are copied: the stage's last
// COPY, otherwise its WORKDIR; and the flags of the last COPY from the context.
func neighbor(st *dockerfile.Stage) (after *dockerfile.Instruction, flags string) {
	for i := range st.Instructions {
		in := &st.Instructions[i]
		copies := in.Keyword == "COPY" || in.Keyword == "ADD"
		if copies || in.Keyword == "WORKDIR" && (after == nil || after.Keyword == "WORKDIR") {
			after = in
		}
		if copies && len(in.Flag("from")) == 0 {
			flags = ""
			for _, owner := range in.Flag("chown") {
				flags = "--chown=" + owner + " "
			}
		}
	}
	return after, flags
}

// copiesAny says that an instruction of the final stage already copies a
// missing file, perhaps to another path.
func copiesAny(p *analysis.Pass, missing []missingFile) bool {
	for _, in := range p.Recipe.Chain() {
		if in.Keyword != "COPY" && in.Keyword != "ADD" || len(in.Flag("from")) > 0 || len(in.Args) < 2 {
			continue
		}
		for _, a := range in.Args[:len(in.Args)-1] {
			source := strings.Trim(path.Clean("/"+a.Value), "/")
			if slices.ContainsFunc(missing, func(l missingFile) bool { return source == "" || source == l.source }) {
				return true
			}
		}
	}
	return false
}

// searched is the value of PYTHONPATH with which programs find the missing
// files; ok is false if none is needed, or it is already set.
func searched(p *analysis.Pass, missing []missingFile, workdir string) (string, bool) {
	var dirs []string
	for _, l := range missing {
		if dir := "/" + path.Join(workdir, l.root); l.search && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, env := range p.Config.Config.Env {
		if old, ok := strings.CutPrefix(env, "PYTHONPATH="); ok && old != "" {
			for _, dir := range strings.Split(old, ":") {
				dirs = slices.DeleteFunc(dirs, func(d string) bool { return d == dir })
			}
			if len(dirs) > 0 {
				dirs = append(dirs, old)
			}
		}
	}
	return strings.Join(dirs, ":"), len(dirs) > 0
}
