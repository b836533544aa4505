package absent

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/toml"
)

// packageScripts are the scripts of package.json.
// https://docs.npmjs.com/cli/v11/using-npm/scripts
func (x *explainer) packageScripts(file, text string) (out []maker) {
	var p struct {
		Scripts        map[string]string `json:"scripts"`
		PackageManager string            `json:"packageManager"`
	}
	if json.Unmarshal([]byte(text), &p) != nil {
		return nil
	}
	dir := path.Dir(file)
	tool, _, _ := strings.Cut(p.PackageManager, "@")
	for _, lock := range [][2]string{{"pnpm-lock.yaml", "pnpm"}, {"yarn.lock", "yarn"}, {"bun.lock", "bun"}, {"bun.lockb", "bun"}} {
		if tool == "" && x.exists(path.Join(dir, lock[0])) {
			tool = lock[1]
		}
	}
	if tool == "" {
		tool = "npm"
	}
	names := []string{}
	for name := range p.Scripts {
		names = append(names, name)
	}
	slices.Sort(names)
	slices.SortStableFunc(names, func(a, b string) int { return plainness(a) - plainness(b) })
	for _, name := range names {
		out = append(out, maker{call: "`" + tool + " run " + name + "`", file: file, dir: dir, script: p.Scripts[name]})
	}
	return out
}

// plainness orders scripts that make the same: that which people run to build is
// first.
func plainness(script string) int {
	switch {
	case script == "build":
		return 0
	case strings.Contains(script, "build"):
		return 1
	}
	return 2
}

var (
	makeRule     = regexp.MustCompile(`^([^\s:#=][^:#=]*?)\s*:{1,2}(?:\s[^=]*|)$`)
	makeVariable = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_]\w*)\s*(?:::?=|\?=|=)\s*(.*?)\s*$`)
	makeUse      = regexp.MustCompile(`\$[({]([A-Za-z_]\w*)[)}]`)
)

// maxExpanded bounds the text in which a Makefile's variables are replaced, in
// bytes.
const maxExpanded = 8000

// makefile is what is read of a Makefile.
type makefile struct {
	// values are those of its variables, phony the targets that are no files.
	values map[string]string
	phony  map[string]bool
	// targets are made in dir; open are those to which the next line of a recipe
	// belongs.
	dir     string
	targets []maker
	open    []int
}

// makeTargets are the targets of a Makefile with their recipes.
// https://www.gnu.org/software/make/manual/make.html#Rules
func makeTargets(file, text string) []maker {
	f := makefile{values: map[string]string{}, phony: map[string]bool{}, dir: path.Dir(file)}
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if recipe, ok := strings.CutPrefix(line, "\t"); ok {
			for _, i := range f.open {
				f.targets[i].script += strings.ReplaceAll(strings.TrimLeft(f.expand(recipe), "@-+ \t"), "$$", "$") + "\n"
			}
		} else if m := makeVariable.FindStringSubmatch(line); m != nil {
			f.values[m[1]] = f.expand(m[2])
		} else if m := makeRule.FindStringSubmatch(line); m != nil {
			f.rule(line, strings.Fields(f.expand(m[1])))
		}
	}
	for i := range f.targets {
		m := &f.targets[i]
		_, rest, _ := strings.Cut(m.call, "`")
		target := strings.Trim(rest, "`")
		if f.dir != "." {
			m.call = strings.Replace(m.call, "the Makefile's target", "the target", 1)
			m.file = file
		}
		// A name alone may be that of an action, as most are.
		if f.phony[target] || strings.TrimSpace(m.script) == "" || !strings.ContainsAny(target, "./") && !strings.Contains(m.script, "$@") {
			m.makes = nil
		}
		m.script = strings.ReplaceAll(m.script, "$@", target)
	}
	return f.targets
}

// expand replaces variables by their values, as far as they are known.
func (f *makefile) expand(s string) string {
	for range 5 {
		if len(s) > maxExpanded {
			break
		}
		s = makeUse.ReplaceAllStringFunc(s, func(use string) string {
			if v, ok := f.values[makeUse.FindStringSubmatch(use)[1]]; ok && len(v) < maxExpanded/10 {
				return v
			}
			return use
		})
	}
	return whittle.Shorten(s, 10*maxExpanded)
}

// rule begins the rule of some targets.
func (f *makefile) rule(line string, targets []string) {
	f.open = nil
	if slices.Contains(targets, ".PHONY") {
		_, names, _ := strings.Cut(line, ":")
		for _, name := range strings.Fields(names) {
			f.phony[name] = true
		}
		return
	}
	for _, target := range targets {
		if strings.HasPrefix(target, ".") && !strings.Contains(target, "/") && strings.ToUpper(target) == target || strings.ContainsAny(target, "%$()") {
			continue // .DEFAULT and others, or a pattern
		}
		f.open = append(f.open, len(f.targets))
		f.targets = append(f.targets, maker{call: "the Makefile's target `" + target + "`", dir: f.dir, makes: []string{path.Join(f.dir, target)}})
	}
}

var justRecipe = regexp.MustCompile(`^@?([A-Za-z_][\w-]*)(?:\s+[^:=]*)?:(?:[^=].*)?$`)

// justRecipes are the recipes of a justfile.
// https://just.systems/man/en/
func justRecipes(file, text string) (out []maker) {
	in := false
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			if in {
				out[len(out)-1].script += strings.TrimLeft(line, "@- \t") + "\n"
			}
			continue
		}
		if m := justRecipe.FindStringSubmatch(line); m != nil {
			in = true
			out = append(out, maker{call: "`just " + m[1] + "`", file: file, dir: path.Dir(file)})
		} else if line != "" {
			in = false
		}
	}
	return out
}

// taskfile are the tasks of a Taskfile.
// https://taskfile.dev/docs/reference/schema
func taskfile(file, text string) []maker {
	all, err := project.YAMLTexts(file, []byte(text))
	if err != nil {
		return nil
	}
	var names []string
	tasks := map[string]*maker{}
	for _, t := range all {
		if len(t.Path) < 2 || t.Path[0] != "tasks" {
			continue
		}
		name := t.Path[1]
		m := tasks[name]
		if m == nil {
			m = &maker{call: "`task " + name + "`", file: file, dir: path.Dir(file)}
			tasks[name] = m
			names = append(names, name)
		}
		switch rest := t.Path[2:]; {
		case len(rest) == 0 || rest[0] == "cmd" || rest[0] == "cmds" && (len(rest) == 2 || rest[2] == "cmd") || len(rest) == 1 && isNumber(rest[0]):
			m.script += t.Text + "\n"
		case rest[0] == "dir":
			m.dir = path.Join(path.Dir(file), t.Text)
		case rest[0] == "generates":
			m.makes = append(m.makes, t.Text)
		}
	}
	var out []maker
	for _, name := range names {
		m := tasks[name]
		for i := range m.makes {
			m.makes[i] = path.Join(m.dir, m.makes[i])
		}
		out = append(out, *m)
	}
	return out
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" && s != "" }

var (
	iniSection = regexp.MustCompile(`^\[testenv(?::([^\]]+))?\]`)
	iniKey     = regexp.MustCompile(`^([a-z_]+)\s*=\s*(.*)$`)
)

// toxEnvironments are the environments of tox.ini.
// https://tox.wiki/en/latest/config.html
func toxEnvironments(file, text string) (out []maker) {
	commands, inside := false, false
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "[") {
			m := iniSection.FindStringSubmatch(line)
			if inside, commands = m != nil, false; inside {
				call := "`tox`"
				if m[1] != "" {
					call = "`tox -e " + m[1] + "`"
				}
				out = append(out, maker{call: call, file: file, dir: path.Dir(file)})
			}
			continue
		}
		if !inside {
			continue
		}
		if m := iniKey.FindStringSubmatch(line); m != nil {
			commands = m[1] == "commands" || m[1] == "commands_pre" || m[1] == "commands_post"
			line = m[2]
		}
		if commands {
			script := strings.NewReplacer("{toxinidir}/", "", "{posargs}", "").Replace(strings.TrimLeft(line, "- \t"))
			out[len(out)-1].script += script + "\n"
		}
	}
	return out
}

var (
	pythonFunction = regexp.MustCompile(`^def\s+(\w+)\s*\(`)
	sessionRun     = regexp.MustCompile(`\b\w+\.run(?:_install|_always)?\(\s*((?:["'][^"'\n]*["']\s*,?\s*)+)`)
	pythonString   = regexp.MustCompile(`["']([^"'\n]*)["']`)
)

// pythonRuns are the commands that functions of a Python file run by a method run.
// words says that each argument is one word.
func pythonRuns(file, text string, call func(function string) string, words bool) (out []maker) {
	current := ""
	for line := range strings.Lines(joinedCalls(text)) {
		if m := pythonFunction.FindStringSubmatch(line); m != nil {
			current = m[1]
		}
		m := sessionRun.FindStringSubmatch(line)
		if m == nil || current == "" {
			continue
		}
		var parts []string
		for _, s := range pythonString.FindAllStringSubmatch(m[1], -1) {
			if parts = append(parts, s[1]); !words {
				break
			}
		}
		script := strings.Join(parts, " ") + "\n"
		if n := len(out); n > 0 && out[n-1].call == call(current) {
			out[n-1].script += script
			continue
		}
		out = append(out, maker{call: call(current), file: file, dir: path.Dir(file), script: script})
	}
	return out
}

// joinedCalls joins the lines of calls over several lines.
func joinedCalls(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimRight(line, " \t\r\n")
		if strings.HasSuffix(trimmed, "(") || strings.HasSuffix(trimmed, ",") {
			b.WriteString(trimmed + " ")
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

// noxSessions are the sessions of noxfile.py. https://nox.thea.codes
func noxSessions(file, text string) []maker {
	return pythonRuns(file, text, func(f string) string { return "`nox -s " + f + "`" }, true)
}

// invokeTasks are the tasks of tasks.py. https://docs.pyinvoke.org
func invokeTasks(file, text string) []maker {
	return pythonRuns(file, text, func(f string) string { return "`invoke " + strings.ReplaceAll(f, "_", "-") + "`" }, false)
}

// pyprojectTasks are the tasks of tools that pyproject.toml configures.
func pyprojectTasks(file, text string) (out []maker) {
	var t struct {
		Tool struct {
			Poe struct {
				Tasks map[string]any `toml:"tasks"`
			} `toml:"poe"`
			PDM struct {
				Scripts map[string]any `toml:"scripts"`
			} `toml:"pdm"`
			Taskipy struct {
				Tasks map[string]any `toml:"tasks"`
			} `toml:"taskipy"`
			Rye struct {
				Scripts map[string]any `toml:"scripts"`
			} `toml:"rye"`
			Hatch struct {
				Envs map[string]struct {
					Scripts map[string]any `toml:"scripts"`
				} `toml:"envs"`
			} `toml:"hatch"`
		} `toml:"tool"`
	}
	if toml.Unmarshal([]byte(text), &t) != nil {
		return nil
	}
	add := func(run string, tasks map[string]any) {
		var names []string
		for name := range tasks {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			out = append(out, maker{call: "`" + run + name + "`", file: file, dir: path.Dir(file), script: taskText(tasks[name])})
		}
	}
	add("poe ", t.Tool.Poe.Tasks)
	add("pdm run ", t.Tool.PDM.Scripts)
	add("task ", t.Tool.Taskipy.Tasks)
	add("rye run ", t.Tool.Rye.Scripts)
	var envs []string
	for env := range t.Tool.Hatch.Envs {
		envs = append(envs, env)
	}
	slices.Sort(envs)
	for _, env := range envs {
		run := "hatch run " + env + ":"
		if env == "default" {
			run = "hatch run "
		}
		add(run, t.Tool.Hatch.Envs[env].Scripts)
	}
	return out
}

// taskText is the script of a task: a text, a list of texts, or a table with one.
func taskText(v any) string {
	switch v := v.(type) {
	case string:
		return v + "\n"
	case []any:
		text := ""
		for _, one := range v {
			text += taskText(one)
		}
		return text
	case map[string]any:
		return taskText(v["cmd"]) + taskText(v["shell"]) + taskText(v["composite"]) + taskText(v["sequence"])
	}
	return ""
}

// shellScript is a script of the project. It runs in the project's folder, unless
// it changes to another.
func shellScript(file, text string) []maker {
	return []maker{{call: file, dir: ".", script: text, rank: ownScript}}
}

// ciKeys are the keys whose texts are commands in configurations of CI.
var ciKeys = []string{"run", "script", "before_script", "after_script", "before_install", "install", "commands", "command", "bash", "before_deploy", "build_script", "after_build", "test_script"}

// ciSteps are the commands that CI runs.
func ciSteps(file, text string) (out []maker) {
	all, err := project.YAMLTexts(file, []byte(text))
	if err != nil {
		return nil
	}
	dirs := map[string]string{}
	for _, t := range all {
		if last := t.Path[max(0, len(t.Path)-1):]; len(last) == 1 && slices.Contains([]string{"working-directory", "working_directory", "workingDirectory", "dir"}, last[0]) {
			dirs[strings.Join(t.Path[:len(t.Path)-1], "\x00")] = t.Text
		}
	}
	for _, t := range all {
		out = append(out, ciStep(file, t, dirs)...)
	}
	return out
}

// ciStep is the maker of one text of a configuration. dirs are the folders in which
// steps run, by the path of their keys.
func ciStep(file string, t project.YAMLText, dirs map[string]string) []maker {
	keys := slices.DeleteFunc(slices.Clone(t.Path), isNumber)
	if len(keys) == 0 {
		return nil
	}
	last := keys[len(keys)-1]
	if last == "uses" {
		return ciAction(file, t)
	}
	if !slices.Contains(ciKeys, last) {
		return nil
	}
	dir := "."
	for n := len(t.Path); n >= 0; n-- { // the step's, else the job's default, else the file's
		parent := strings.Join(t.Path[:n], "\x00")
		if d, ok := dirs[parent]; ok {
			dir = d
			break
		}
		if d, ok := dirs[strings.TrimPrefix(parent+"\x00defaults\x00run", "\x00")]; ok {
			dir = d
			break
		}
	}
	if path.IsAbs(dir) || strings.Contains(dir, "$") {
		return nil
	}
	return commandLines(file, t.Text, t.Line, path.Clean(dir), ci)
}

// ciAction is what an action of GitHub makes that builds wheels.
func ciAction(file string, t project.YAMLText) []maker {
	name, _, _ := strings.Cut(t.Text, "@")
	made := map[string]string{"pypa/cibuildwheel": "wheelhouse"}[name]
	if made == "" {
		return nil
	}
	return []maker{{call: "the action `" + name + "`", file: file, line: t.Line, makes: []string{made}, rank: ci}}
}

// maxBefore bounds the changes of the folder before a command, in bytes.
const maxBefore = 2000

// commandLines is a maker for each line of a script, which is named by itself. The
// lines before it change the folder.
func commandLines(file, script string, line int, dir string, r rank) (out []maker) {
	lines := strings.Split(strings.ReplaceAll(script, "\\\n", " "), "\n")
	before := ""
	for i, text := range lines {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		at := line + i
		if len(lines) > 1 && r == ci {
			at++ // a block begins below its key
		}
		out = append(out, maker{call: "`" + whittle.Shorten(whittle.OneLine(text), 60) + "`", file: file, line: at, dir: dir, script: before + text + "\n", rank: r})
		if (strings.HasPrefix(text, "cd ") || strings.HasPrefix(text, "pushd ")) && len(before) < maxBefore {
			before += text + "\n"
		}
	}
	return out
}

// composeServices are the services of a compose file that write to a folder of the
// project.
// https://docs.docker.com/reference/compose-file/services/
func composeServices(file, text string) (out []maker) {
	all, err := project.YAMLTexts(file, []byte(text))
	if err != nil {
		return nil
	}
	type service struct {
		folders []string // of the project, mounted
		command []string
	}
	services := map[string]*service{}
	var names []string
	for _, t := range all {
		if len(t.Path) < 3 || t.Path[0] != "services" {
			continue
		}
		s := services[t.Path[1]]
		if s == nil {
			s = &service{}
			services[t.Path[1]] = s
			names = append(names, t.Path[1])
		}
		switch t.Path[2] {
		case "command":
			s.command = append(s.command, t.Text)
		case "volumes":
			from, _, ok := strings.Cut(t.Text, ":")
			if long := t.Path[len(t.Path)-1]; long == "source" {
				from, ok = t.Text, true
			}
			if ok && strings.HasPrefix(from, ".") {
				s.folders = append(s.folders, path.Join(path.Dir(file), from))
			}
		}
	}
	for _, name := range names {
		s := services[name]
		m := maker{call: "the service `" + name + "`", file: file, script: strings.Join(s.command, " ") + "\n", rank: composed}
		if len(s.folders) == 1 && len(s.command) > 0 && s.folders[0] != ".." {
			m.dir = s.folders[0]
			out = append(out, m)
		}
	}
	return out
}

var jenkinsShell = regexp.MustCompile(`\bsh\s*\(?\s*(?:"""([^"]+)"""|\'\'\'([^\']+)\'\'\'|"([^"\n]+)"|\'([^\'\n]+)\')`)

// jenkinsSteps are the shell steps of a Jenkinsfile.
func jenkinsSteps(file, text string) (out []maker) {
	for _, at := range jenkinsShell.FindAllStringSubmatchIndex(text, -1) {
		for g := 1; g <= 4; g++ {
			if at[2*g] >= 0 {
				line := 1 + strings.Count(text[:at[2*g]], "\n")
				out = append(out, commandLines(file, text[at[2*g]:at[2*g+1]], line, ".", ci)...)
			}
		}
	}
	for i := range out {
		out[i].line = 0
	}
	return out
}

var fence = regexp.MustCompile("^\\s*(```+|~~~+)\\s*([\\w-]*)")

// readmeCommands are the commands in the blocks of code of a README.
func (x *explainer) readmeCommands(file, text string) (out []maker) {
	open, shell, n, dir := "", false, 0, "."
	clones := cloned(text)
	for line := range strings.Lines(text) {
		n++
		trimmed := strings.TrimSpace(line)
		if m := fence.FindStringSubmatch(line); m != nil && (open == "" || strings.HasPrefix(trimmed, open)) {
			if open != "" {
				open = ""
				continue
			}
			open, dir = m[1], "."
			shell = slices.Contains([]string{"", "sh", "bash", "shell", "console", "zsh", "shell-session", "terminal", "text", "fish"}, strings.ToLower(m[2]))
			continue
		}
		command, prompt := strings.CutPrefix(trimmed, "$ ")
		if !prompt && (open == "" || !shell) {
			continue
		}
		for _, m := range commandLines(file, command, n, dir, described) {
			out = append(out, m)
			if folder, ok := strings.CutPrefix(command, "cd "); ok && !strings.ContainsAny(folder, " $;&|<>~") && !path.IsAbs(folder) {
				if top, rest, _ := strings.Cut(folder, "/"); clones[top] { // the project itself
					dir, folder = ".", rest
				}
				if next := path.Join(dir, folder); x.exists(next) {
					dir = next
				}
			}
		}
	}
	return out
}

// cloned are the names of the folders that the "git clone" of a README makes.
func cloned(text string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(text) {
		if _, after, ok := strings.Cut(line, "git clone"); ok {
			if words := strings.Fields(after); len(words) > 0 {
				out[strings.TrimSuffix(path.Base(strings.TrimRight(words[len(words)-1], "`")), ".git")] = true
			}
		}
	}
	return out
}
