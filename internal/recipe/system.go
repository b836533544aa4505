package recipe

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
)

// RunCommand is a simple command of a RUN, or one in the text of a "sh -c".
type RunCommand struct {
	dockerfile.Command
	// Program is the position of the word that names the program: behind sudo,
	// env and the like.
	Program int
	// Inner says that it is in the text of a "sh -c": its spans are not those
	// of the Dockerfile, and nothing can be edited.
	Inner bool
}

// maxInner bounds how deep scripts are nested that are read.
const maxInner = 3

// RunCommands are the commands of a RUN, and those in texts that it gives to
// "sh -c". ok is false if the script, or such a text, cannot be read.
func RunCommands(in *dockerfile.Instruction) (out []RunCommand, ok bool) {
	if in.Keyword != "RUN" {
		return nil, false
	}
	s, err := in.Shell()
	if err != nil {
		return nil, false
	}
	return innerCommands(nil, s, 0)
}

func innerCommands(out []RunCommand, s *dockerfile.Script, depth int) ([]RunCommand, bool) {
	ok := true
	for _, c := range s.Commands() {
		r := RunCommand{Command: c, Program: program(c.Words), Inner: depth > 0}
		out = append(out, r)
		text, is := r.shellText()
		switch {
		case !is:
		case text == "" || depth == maxInner:
			ok = false
		default:
			inner, err := dockerfile.ParseShell("sh -c", text)
			if err != nil {
				ok = false
				continue
			}
			var all bool
			out, all = innerCommands(out, inner, depth+1)
			ok = ok && all
		}
	}
	return out, ok
}

// HasScript says that the command is a shell with a text to run, whose commands
// are among those of [RunCommands].
func (r *RunCommand) HasScript() bool {
	text, ok := r.shellText()
	return ok && text != ""
}

// shellText is the text that a shell gets with -c; it is empty if only the
// shell that runs the command knows it.
func (r *RunCommand) shellText() (text string, is bool) {
	if !slices.Contains([]string{"sh", "bash", "dash", "ash", "zsh", "ksh"}, r.Name()) {
		return "", false
	}
	words := r.Words[r.Program:]
	for i := 1; i < len(words) && strings.HasPrefix(words[i].Value, "-"); i++ {
		if v := words[i].Value; !strings.HasPrefix(v, "--") && strings.HasSuffix(v, "c") {
			if i+1 < len(words) {
				return words[i+1].Value, true
			}
			return "", true
		}
	}
	return "", false
}

// Name is the base name of the program that the command runs at last: "apt-get"
// of "sudo -E apt-get". It is empty where only the shell knows it.
func (r *RunCommand) Name() string {
	if r.Program >= len(r.Words) {
		return ""
	}
	return path.Base(r.Words[r.Program].Value)
}

// Prefixed says that a program such as sudo runs the command.
func (r *RunCommand) Prefixed() bool { return r.Program > 0 }

// wrappers are programs that run the command in their arguments, with those of
// their options that take a value.
var wrappers = map[string][]string{
	"sudo": {"-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt", "-C", "-D", "--chdir"},
	"env":  {"-u", "--unset", "-C", "--chdir"}, "exec": {"-a"}, "time": nil, "nice": {"-n"}, "ionice": {"-c", "-n"},
	"nohup": nil, "command": nil, "chronic": nil, "eatmydata": nil, "xvfb-run": {"-n", "-s", "-e", "-f"}, "gosu": nil, "su-exec": nil,
}

// program is the position of the program behind those that only run it.
func program(words []dockerfile.Word) int {
	i := 0
	for i < len(words) {
		name := path.Base(words[i].Value)
		values, ok := wrappers[name]
		if !ok {
			return i
		}
		i++
		for i < len(words) && (strings.HasPrefix(words[i].Text, "-") || name == "env" && strings.Contains(words[i].Text, "=")) {
			if slices.Contains(values, words[i].Value) {
				i++
			}
			i++
		}
		if name == "gosu" || name == "su-exec" {
			i++ // the user
		}
	}
	return i
}

// SystemCommand is a command of a package manager of the operating system.
type SystemCommand struct {
	RunCommand
	// Manager is "apt", "apk", "dnf" (of the family of yum) or "zypper".
	Manager string
	// Verb is what it does: "install", "add"; empty where no word says it. At
	// is the position of that word.
	Verb string
	At   int
	// Names are the positions of the words behind the verb that are neither
	// options nor their values.
	Names []int
}

// systemManagers are the programs of each package manager, with the options
// that take the next word as their value, and those that make it work on
// another root.
var systemManagers = []struct {
	name     string
	programs []string
	values   []string
	roots    []string
	pretends []string
}{
	{"apt", []string{"apt-get", "apt", "aptitude"}, []string{"-o", "--option", "-t", "--target-release", "--default-release", "-c", "--config-file", "-a", "--host-architecture"}, nil,
		[]string{"-s", "--simulate", "--just-print", "--dry-run", "--recon", "--no-act", "-d", "--download-only", "--print-uris"}},
	{"apk", []string{"apk"}, []string{"-p", "--root", "-X", "--repository", "--arch", "--keys-dir", "--repositories-file", "--wait", "--cache-dir", "--cache-max-age", "--progress-fd", "-t", "--virtual"},
		[]string{"-p", "--root"}, []string{"-s", "--simulate"}},
	{"dnf", []string{"dnf", "dnf5", "yum", "microdnf", "tdnf"}, []string{"-c", "--config", "-x", "--exclude", "--enablerepo", "--disablerepo", "--repo", "--repoid", "--releasever", "--setopt",
		"--installroot", "-d", "--debuglevel", "-e", "--errorlevel", "-R", "--randomwait", "--comment", "--forcearch", "--advisory", "--advisories", "--bz", "--cve", "--sec-severity", "--downloaddir"},
		[]string{"--installroot"}, []string{"--downloadonly", "--assumeno", "--test"}},
	{"zypper", []string{"zypper"}, []string{"-R", "--root", "-c", "--config", "-D", "--reposd-dir", "-r", "--repo", "--from", "-t", "--type", "--installroot"},
		[]string{"-R", "--root", "--installroot"}, []string{"--dry-run", "--download-only", "-d"}},
}

// ReadSystem reads a command of a package manager. ok is false for those of
// other programs, for commands that only say what they would do, and for those
// that work on another root than the image's.
func ReadSystem(r RunCommand) (s SystemCommand, ok bool) {
	for _, m := range systemManagers {
		if !slices.Contains(m.programs, r.Name()) {
			continue
		}
		s = SystemCommand{RunCommand: r, Manager: m.name}
		for i := r.Program + 1; i < len(r.Words); i++ {
			w := r.Words[i]
			text := w.Text
			if w.Literal {
				text = w.Value
			}
			name, _, _ := strings.Cut(text, "=")
			switch {
			case slices.Contains(m.roots, name), slices.Contains(m.pretends, text):
				return s, false
			case slices.Contains(m.values, text):
				i++
			case strings.HasPrefix(text, "-"):
			case s.At == 0:
				s.Verb, s.At = w.Value, i
			default:
				s.Names = append(s.Names, i)
			}
		}
		return s, true
	}
	return s, false
}

// SystemCommands are the commands of package managers in a RUN; ok is false
// where not all of its commands can be read.
func SystemCommands(in *dockerfile.Instruction) (out []SystemCommand, ok bool) {
	all, ok := RunCommands(in)
	for _, r := range all {
		if s, is := ReadSystem(r); is {
			out = append(out, s)
		}
	}
	return out, ok
}

// UpgradesAll says that it upgrades all packages that are installed.
func (s *SystemCommand) UpgradesAll() bool {
	if len(s.Names) > 0 {
		return false
	}
	return slices.Contains(map[string][]string{
		"apt":    {"upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade"},
		"apk":    {"upgrade"},
		"dnf":    {"update", "upgrade", "distro-sync", "distribution-synchronization", "upgrade-minimal", "update-minimal"},
		"zypper": {"update", "up", "patch", "dist-upgrade", "dup"},
	}[s.Manager], s.Verb)
}

// Installs says that it installs the packages that it names.
func (s *SystemCommand) Installs() bool {
	return slices.Contains(map[string][]string{"apt": {"install"}, "apk": {"add"}, "dnf": {"install"}, "zypper": {"install", "in"}}[s.Manager], s.Verb)
}

// Prepares says that it only fetches what a package manager knows of packages,
// or clears that away.
func (s *SystemCommand) Prepares() bool {
	return slices.Contains(map[string][]string{
		"apt":    {"update", "clean", "autoclean", "distclean", "autoremove", "auto-remove"},
		"apk":    {"update", "cache"},
		"dnf":    {"makecache", "clean", "check-update", "autoremove"},
		"zypper": {"refresh", "ref", "clean", "cc"},
	}[s.Manager], s.Verb)
}

// Package is the name of a package that a word names. It is empty for a file,
// a group, a pattern, and where only the shell knows it.
func (s *SystemCommand) Package(word int) string {
	v := s.Words[word].Value
	if v == "" || strings.ContainsAny(v, "*?[@%") || strings.HasPrefix(v, ".") || strings.HasPrefix(v, "/") || strings.Contains(v, "://") {
		return ""
	}
	if s.Manager == "apk" {
		if i := strings.IndexAny(v, "=<>~!"); i >= 0 {
			v = v[:i]
		}
		return v
	}
	return strings.TrimSuffix(packageName(v), "+")
}
