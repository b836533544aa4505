package analysis

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
)

// maxTask is the size of the largest script that is read as one of people's, in bytes.
const maxTask = 256 << 10

// containerClients are programs that start others in containers.
var containerClients = []string{"docker", "docker-compose", "podman", "podman-compose", "nerdctl", "kubectl"}

// isScript says that a text is a shell script of the project.
func (p *Pass) isScript(t *Text) bool {
	if t.image || t.kind != lineText || len(t.text) > maxTask || !slices.Contains([]string{"", ".sh", ".bash"}, path.Ext(t.file)) {
		return false
	}
	first, _, _ := bytes.Cut(p.Project.File(t.file), []byte("\n"))
	return bytes.HasPrefix(first, []byte("#!")) && bytes.Contains(first, []byte("sh"))
}

// OutsideScripts parts texts: outside are those of shell scripts that start containers.
// They run beside the image, not in it, unless it has such a program or starts them.
func (p *Pass) OutsideScripts(all Texts) (others, outside Texts) {
	inImage := p.Root == nil || slices.ContainsFunc(p.Root.Paths(), func(at string) bool {
		return path.Base(path.Dir(at)) == "bin" && slices.Contains(containerClients, path.Base(at))
	})
	for _, t := range all {
		if !inImage && p.isScript(&t) && slices.ContainsFunc(t.programs(), func(words []string) bool { return slices.Contains(containerClients, words[0]) }) && !p.starts(path.Base(t.file)) {
			outside = append(outside, t)
		} else {
			others = append(others, t)
		}
	}
	return others, outside
}

// starts says that the configuration of the image, or an instruction of its own stages,
// names a script.
func (p *Pass) starts(base string) bool {
	if p.Dockerfile == nil || LineWith([]byte(strings.Join(p.StartWords(), "\n")), base) > 0 {
		return true
	}
	chain, ok := p.ownStages()
	text := textOfDockerfile(p, func(stage int) bool { return slices.Contains(chain, stage) })
	return !ok || text.Contains("/"+base)
}

// ownStages are the stages that the image is based on, itself among them.
func (p *Pass) ownStages() ([]int, bool) {
	target, err := p.Dockerfile.Target(p.Target)
	if err != nil {
		return nil, false
	}
	return p.Dockerfile.Ancestry(target), true
}

// programs are the commands of a script, each from its program on; nil if it cannot be
// read.
func (s *Text) programs() (out [][]string) {
	script, err := dockerfile.ParseShell(s.file, string(s.text))
	if err != nil {
		return nil
	}
	for _, c := range script.Commands() {
		var words []string
		for _, w := range c.Words {
			if len(words) > 0 || !slices.Contains([]string{"sudo", "env", "exec", "time", "command", "nohup"}, w.Value) {
				words = append(words, w.Value)
			}
		}
		if len(words) > 0 {
			words[0] = path.Base(words[0])
			out = append(out, words)
		}
	}
	return out
}

// Run says that a script itself runs a program of one of the names, or may: a shell or an
// environment's launcher gets it as an argument. What it gives to other commands runs in
// a container.
func (s Texts) Run(names []string) bool {
	for i := range s {
		for _, words := range s[i].programs() {
			launches := strings.HasPrefix(words[0], "python") || slices.Contains([]string{"sh", "bash", "uv", "poetry", "pdm", "pipenv", "hatch", "xargs", "eval", "find"}, words[0])
			for k, w := range words {
				if k == 0 && slices.Contains(names, w) || k > 0 && launches && slices.ContainsFunc(names, func(name string) bool { return LineWith([]byte(w), name) > 0 }) {
					return true
				}
			}
		}
	}
	return false
}

// Unstarted are the shell scripts of the project that only people start: neither the
// image nor the stages that it is made of, nor a text other than these scripts, names
// them.
func (p *Pass) Unstarted() Texts {
	all, ok := p.AllTexts()
	if !ok || p.Dockerfile == nil {
		return nil
	}
	chain, ok := p.ownStages()
	if !ok {
		return nil
	}
	_, outside := p.OutsideScripts(all)
	var started, rest Texts
	for _, t := range all {
		switch {
		case t.file == p.Dockerfile.Name:
			started = append(started, textOfDockerfile(p, func(stage int) bool { return slices.Contains(chain, stage) }))
		case p.isScript(&t):
			rest = append(rest, t)
		default:
			started = append(started, t)
		}
	}
	for k := 0; k < len(started); k++ { // each text once
		rest = slices.DeleteFunc(rest, func(t Text) bool {
			base := path.Base(t.file)
			named := started[k].Line(base) > 0
			if slices.ContainsFunc(outside, func(o Text) bool { return o.file == t.file }) {
				named = started[k].Contains("/" + base) // "run" alone is a word
			}
			if named {
				started = append(started, t)
			}
			return named
		})
	}
	return rest
}

// File is the name of the file that the text is of.
func (s *Text) File() string { return s.file }

// Files are the names of the files that the texts are of.
func (s Texts) Files() (out []string) {
	for i := range s {
		out = append(out, s[i].file)
	}
	return out
}
