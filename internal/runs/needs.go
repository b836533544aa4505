package runs

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
)

// A run that ends or waits for want of something that no image contains (a
// service, a variable of its environment, a secret's file) proves nothing about
// the image. What it needs is read from what it printed. A failure is only
// excused if the output says so, and never if a module or a program was missing
// as well.

// The number of last lines of an output that are read besides tracebacks.
const (
	lastLines = 12 // of a command that ended
	waitLines = 6  // of one that still ran
)

// awaited is what a watched start waits for, if it still ran but did not pass its
// health check and gave no answer or an error; empty if it waits for nothing.
func awaited(r build.RunResult, process whittle.Process) string {
	w := r.Watched
	if w.Healthy || w.Answer > 0 && w.Answer < 500 || w.Answer == 0 && !r.TimedOut {
		return ""
	}
	r.TimedOut = true
	if what := unmetNeed(r, process); what != "" || !onlyWaits(w) {
		return what
	}
	// A loop that prints nothing may be part of the command line.
	return newPeerFinder(r, process).fromArguments(r.Args)
}

// waitPrograms are the programs in loops that wait for a service.
var waitPrograms = []string{"sh", "bash", "dash", "ash", "busybox", "sleep", "nc", "ncat", "netcat", "nc.openbsd", "curl", "wget", "pg_isready", "psql", "redis-cli", "mysqladmin", "mysql", "mariadb", "mariadb-admin",
	"timeout", "getent", "ping", "nslookup", "dig", "host", "wait-for", "dockerize", "tini", "dumb-init", "catatonit", "docker-init"}

// onlyWaits says that only programs were running that wait, and none listened.
func onlyWaits(w *build.Watched) bool {
	return len(w.Programs) > 0 && len(w.Ports) == 0 && !slices.ContainsFunc(w.Programs, func(name string) bool {
		return !slices.Contains(waitPrograms, name) && !strings.HasSuffix(name, ".sh")
	})
}

// unmetNeed is what a failed run needed from outside its image: "postgres at
// db:5432", "the environment variable SECRET_KEY". It is empty if the output does
// not say so.
func unmetNeed(r build.RunResult, process whittle.Process) string {
	if r.OK() || r.Err != nil {
		return ""
	}
	output := slices.Concat(r.Stdout, []byte("\n"), r.Stderr)
	if r.Watched != nil {
		output = append(append(output, '\n'), r.Watched.CheckOutput...)
	}
	if notFoundByShell.Match(output) {
		return ""
	}
	lines := outputLines(output)
	all := tracebacks(lines)
	if slices.ContainsFunc(all, func(t trace) bool { return t.isImportError() }) || endsWithMissingModule(lines) {
		return ""
	}
	if len(all) == 0 && usage.Match(output) {
		// The indented lines of a program's help describe its options.
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "  ") || strings.HasPrefix(l, "\t") })
	}
	p := newPeerFinder(r, process)
	after := 0
	if n := len(all); n > 0 {
		after = all[n-1].end
		recent := !r.TimedOut || nonBlank(lines[after:]) <= waitLines
		if what := p.fromChain(lastChain(all)); what != "" && recent {
			return what
		}
	}
	if what := p.fromLines(lines[after:], r.TimedOut); what != "" || r.TimedOut {
		return what
	}
	if names := unsetArguments(r.Args, process.Env); len(names) > 0 && emptyArgument.MatchString(strings.Join(lines[max(0, len(lines)-lastLines):], "\n")) {
		return variablesText(names)
	}
	return ""
}

// moduleMissing is what servers print about a failed import without a traceback.
var moduleMissing = regexp.MustCompile(`\b(?:No module named '|ModuleNotFoundError\b|cannot import name ')`)

// endsWithMissingModule says that the last lines name a missing module.
func endsWithMissingModule(lines []string) bool {
	for i, seen := len(lines)-1, 0; i >= 0 && seen < 3; i-- {
		if strings.TrimSpace(lines[i]) == "" {
			continue
		}
		if seen++; moduleMissing.MatchString(lines[i]) {
			return true
		}
	}
	return false
}

// emptyArgument is what programs print about an option with an empty argument.
var emptyArgument = regexp.MustCompile(`requires an argument|expected (?:one|at least one) argument|(?:invalid|not a valid)[^'"\n]*(?:['"]{2}|['"]:?['"]?$)|['"]{2} is not a valid|base 10: ''`)

// unsetArguments are the variables that a shell's command line uses without a
// default and that the image does not set.
func unsetArguments(args, env []string) []string {
	var names []string
	for i, word := range args {
		if i == 0 || args[i-1] != "-c" {
			continue
		}
		for _, m := range usedName.FindAllStringSubmatch(word, -1) {
			name := m[1] + m[2]
			set := slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") }) || strings.Contains(word, name+"=")
			if !set && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

var usedName = regexp.MustCompile(`\$(?:([A-Z][A-Z0-9_]*)|\{([A-Z][A-Z0-9_]*)\})`)

// nonBlank counts the lines that are not blank.
func nonBlank(lines []string) (n int) {
	for _, l := range lines {
		if strings.TrimSpace(l) != "" {
			n++
		}
	}
	return n
}

// isImportError says that an exception shows a fault of the image's own files.
func (t *trace) isImportError() bool {
	return slices.Contains([]string{"ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError"}, t.class())
}

// lastChain is the last exception and those that led to it, the last one first.
func lastChain(all []trace) []trace {
	var out []trace
	for i := len(all) - 1; i >= 0; i-- {
		out = append(out, all[i])
		if !all[i].chained {
			break
		}
	}
	return out
}

// fromChain finds what was missing in a chain of exceptions.
func (p peerFinder) fromChain(chain []trace) string {
	for i := range chain {
		if names := chain[i].variables(); len(names) > 0 {
			return variablesText(names)
		}
		if file := secretFile(chain[i].message); file != "" {
			return filePrefix + file
		}
	}
	if last := chain[len(chain)-1]; last.exception == "EOFError" && last.message == noAnswer {
		return "an answer on its standard input"
	}
	return p.fromExceptions(chain)
}

// noAnswer is the message of Python's input() where nobody can answer.
const noAnswer = "EOF when reading a line"

// fromLines finds what was missing in lines without a traceback, from the last one
// on; waiting says that the command had not ended.
func (p peerFinder) fromLines(lines []string, waiting bool) string {
	most := lastLines
	if waiting {
		most = waitLines
	}
	for i, seen := len(lines)-1, 0; i >= 0 && seen < most; i-- {
		line := strings.TrimSpace(lines[i])
		if line == "" {
			continue
		}
		seen++
		if moduleMissing.MatchString(line) { // pytest says so before its summary
			return ""
		}
		if what := p.fromLine(line, lines[max(0, len(lines)-2*most):], waiting); what != "" {
			return what
		}
		if waiting && progress.MatchString(line) {
			break
		}
	}
	return ""
}

// progress is what is printed once the wait is over.
var progress = regexp.MustCompile(`(?i)\b(?:connected|connection established|is up|available|listening|started|running on|ready|booting|succe\w+|accepting)\b`)

func (p peerFinder) fromLine(line string, around []string, waiting bool) string {
	if !waiting {
		if name := shellVariable(line); name != "" {
			return variablesText([]string{name})
		}
		if names := unsetNames(line); len(names) > 0 && !harmlessLevel.MatchString(line) {
			return variablesText(names)
		}
	}
	if file := secretFile(line); file != "" {
		return filePrefix + file
	}
	return p.fromMessage(line, around)
}

// harmlessLevel are log levels of lines that do not say why a program ended.
var harmlessLevel = regexp.MustCompile(`(?i)\b(warn|warning|info|debug|notice|deprecated)\b`)

// Variables of the environment.

var (
	// shellUnset is what shells print about ${NAME:?} and, with set -u, about a
	// variable that is not set; shellMessage is the same with the script's own text.
	shellUnset   = regexp.MustCompile(`(?:^|: )(?:line )?\d+: ([A-Za-z_]\w*): (?:parameter (?:null or )?not set(?: or null)?|unbound variable)`)
	shellMessage = regexp.MustCompile(`^\S+: (?:line )?\d+: ([A-Z][A-Z0-9_]*): (.*)$`)
	// programErrors are the beginnings of shells' messages about programs and files.
	programErrors = regexp.MustCompile(`(?i)^(?:not found|command not found|no such file|permission denied|is a directory|cannot|bad |syntax|invalid|arithmetic|readonly|ambiguous|event not found)`)

	// environName is a variable's name in a sentence. With an underscore it is
	// recognized by its form; plainName and afterWords are names without one, which
	// are recognized by the words around them.
	environName = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b`)
	plainName   = regexp.MustCompile("(?:^|[\\s`'\"$:{(])([A-Z][A-Z0-9]{2,})[`'\")}]*,? (?:environment variable |env var |variable )?(?:is |are |was |must |needs? |has |have )+(?:not |to )?(?:be )?(?:set|provided|specified|defined|configured|given|present|unset|missing|required|empty)\\b")
	afterWords  = regexp.MustCompile("(?i:environment|env|environ)[ _]?(?i:variables?|vars?)?(?i: named| called)?[:\\s`'\"$({]+([A-Z][A-Z0-9_]{2,})")

	isUnset            = regexp.MustCompile(`(?i)\b(?:not|n't|never|un)[ -]?set\b|\b(?:must|should|need(?:s|ed)?(?: to)?|ha(?:s|ve)(?: to)?) be (?:set|provided|specified|defined|configured|given|present|non-?empty)|\bneeds? to be (?:set|provided)|\bplease (?:set|provide|specify|define|configure|export|give|supply|pass)|\bnot (?:provided|specified|configured|given|defined in the env\w*)\b|^set the |\bor set the\b|by setting|\bmust specify\b|must not be empty|can ?not be empty`)
	isAbsent           = regexp.MustCompile(`(?i)\bmissing\b|\brequired\b|\bnot (?:found|defined|present|available)\b|\bundefined\b|\bis empty\b|\bexpected\b|\bno value\b|\babsent\b|does(?: not|n't) exist|\bunset\b`)
	isAboutEnvironment = regexp.MustCompile(`(?i)\b(?:env|envs|environ|environment|envvars?|variables?|dotenv|config|configuration|settings?|secret|credentials?)\b|\.env\b`)
	// typicalName are words for values that usually come from the environment.
	typicalName = regexp.MustCompile(`(?:^|_)(?:URL|URI|DSN|KEY|KEYS|TOKEN|SECRET|PASSWORD|PASSWD|PASS|HOST|HOSTS|PORT|CREDENTIALS|ENDPOINT|BUCKET|REGION|BROKER|BROKERS|SERVERS|DATABASE|DB|ENV|USER|USERNAME)$`)

	getenvName = regexp.MustCompile(`(?:environ\.get|getenv)\(\s*['"](\w+)['"]\s*\)`)
	isNone     = regexp.MustCompile(`\bNone(?:Type)?\b`)
	quotedName = regexp.MustCompile(`^['"]?([A-Za-z_]\w*)['"]?$`)
)

// cloudVariables are the variables that are missing if a cloud provider's client
// raises one of these exceptions, which name none.
var cloudVariables = map[string]string{"NoRegionError": "AWS_DEFAULT_REGION", "NoCredentialsError": "AWS_ACCESS_KEY_ID", "DefaultCredentialsError": "GOOGLE_APPLICATION_CREDENTIALS"}

// notVariables are words in capitals that are not variables.
var notVariables = []string{"ERROR", "FATAL", "CRITICAL", "WARNING", "INFO", "DEBUG", "HTTP", "HTTPS", "URL", "URI", "SQL", "JSON", "YAML", "CSV", "API", "DNS", "SSL", "TLS", "NOT", "NULL", "TABLE", "INDEX", "UUID"}

// settingsMessage is how a library of settings says which are missing.
type settingsMessage struct {
	library string
	// message has the name as its last group, and what comes before it in the
	// variable's name as an earlier one. all is what it says of each setting, if it
	// may also say that a value is wrong; else nil.
	message, all *regexp.Regexp
}

// missingSettings are these messages, by the class of the exception, if no other words
// of theirs say so. everett 1.0 to 3.5, environs 9 to 15, dynaconf 2 and 3.
var missingSettings = map[string]settingsMessage{
	"ConfigurationMissingError": {"everett", regexp.MustCompile(`^(?:namespace=(?:None|(\w+)) key=)?(\w+) requires a value parseable by`), nil},
	"EnvValidationError":        {"environs", regexp.MustCompile(`()'(\w+)': \['Environment variable not set\.'\]`), regexp.MustCompile(`'\w+': \[`)},
	"ValidationError":           {"dynaconf", regexp.MustCompile(`()(\w+) is required in env \w+`), nil},
}

// names are the variables that a message names; none if it also says that a value is
// wrong, which is there.
func (m *settingsMessage) names(text string) (names []string) {
	for _, found := range m.message.FindAllStringSubmatch(text, -1) {
		name := found[2]
		if found[1] != "" {
			name = found[1] + "_" + name
		}
		names = append(names, strings.ToUpper(name))
	}
	if m.all != nil && len(names) != len(m.all.FindAllString(text, -1)) {
		return nil
	}
	return names
}

// shellVariable is the unset variable that ended a shell, by its message.
func shellVariable(line string) string {
	if m := shellUnset.FindStringSubmatch(line); m != nil && (strings.ToUpper(m[1]) == m[1] || !strings.Contains(line, "unbound")) {
		return m[1]
	}
	if m := shellMessage.FindStringSubmatch(line); m != nil && !programErrors.MatchString(m[2]) {
		return m[1]
	}
	return ""
}

// unsetNames are the variables that a sentence reports as not set.
func unsetNames(text string) []string {
	var names []string
	add := func(name string) {
		if !slices.Contains(notVariables, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	unset, absent := isUnset.MatchString(text), isAbsent.MatchString(text)
	if !unset && !absent {
		return nil
	}
	about := isAboutEnvironment.MatchString(text)
	if at := afterWords.FindStringSubmatchIndex(text); at != nil {
		text = text[at[0]:] // "Requested setting X …: define the environment variable Y"
	}
	for _, name := range environName.FindAllString(text, -1) {
		if unset || about || typicalName.MatchString(name) {
			add(name)
		}
	}
	for _, re := range []*regexp.Regexp{plainName, afterWords} {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			add(m[1])
		}
	}
	return names
}

// variables are the variables of the environment whose absence raised an
// exception.
func (t *trace) variables() []string {
	if name := cloudVariables[t.class()]; name != "" {
		return []string{name}
	}
	if m := missingSettings[t.class()]; m.message != nil && t.inPackage(m.library) {
		return m.names(t.message)
	}
	switch t.class() {
	case "ConfigurationError": // everett: a default that the program looks for where it runs, and does not find
		if t.inPackage("everett") && strings.HasPrefix(t.message, "default value None is not") {
			return t.askedSetting()
		}
	case "NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError", "UndefinedError", "FileNotFoundError":
		return nil
	case "KeyError":
		if m := quotedName.FindStringSubmatch(t.message); m != nil {
			if t.fromEnvironment() {
				return []string{m[1]}
			}
			return nil
		}
	case "TypeError", "AttributeError", "ArgumentError", "ValueError":
		if names := t.noneVariables(); len(names) > 0 {
			return names
		}
		if t.class() == "AttributeError" && t.inPackage("dynaconf") {
			if m := quotedName.FindStringSubmatch(t.message); m != nil && strings.ToUpper(m[1]) == m[1] {
				return []string{m[1]}
			}
		}
		if t.class() == "TypeError" || t.class() == "AttributeError" {
			return nil
		}
	case "ValidationError":
		if t.inPackage("pydantic_settings") || slices.ContainsFunc(t.frames, func(f frame) bool { return f.path == "pydantic/env_settings.py" }) {
			return t.requiredFields()
		}
		if !t.inPackage("dynaconf") {
			return nil
		}
	}
	return unsetNames(strings.TrimSpace(t.message + " " + strings.Join(t.more[:min(len(t.more), 2)], " ")))
}

// askedSetting is the setting that the innermost call outside of libraries asks for by a
// name in capitals; none if its line does not show it.
func (t *trace) askedSetting() []string {
	for _, f := range slices.Backward(t.frames) {
		if packageOf(f.path) != "" {
			continue
		}
		if m := settingName.FindStringSubmatch(f.source); m != nil {
			return m[1:2]
		}
		return nil
	}
	return nil
}

var settingName = regexp.MustCompile(`\w\(\s*['"]([A-Z][A-Z0-9_]*)['"]\s*,`)

// fromEnvironment says that os.environ raised a KeyError.
func (t *trace) fromEnvironment() bool {
	if len(t.frames) == 0 {
		return false
	}
	last := t.frames[len(t.frames)-1]
	return last.function == "__getitem__" && (last.path == "<frozen os>" || path.Base(last.path) == "os.py") || strings.Contains(last.source, "environ[")
}

// noneVariables are the variables that a traceback's lines read without a default,
// if the exception says that a value is None.
func (t *trace) noneVariables() []string {
	if !isNone.MatchString(t.message) {
		return nil
	}
	for _, f := range slices.Backward(t.frames) {
		var names []string
		for _, m := range getenvName.FindAllStringSubmatch(f.source, -1) {
			names = append(names, m[1])
		}
		if len(names) > 0 {
			return names
		}
	}
	return nil
}

// inPackage says that a frame of a traceback, or its exception, belongs to a package.
func (t *trace) inPackage(name string) bool {
	return strings.HasPrefix(t.exception, name+".") || slices.ContainsFunc(t.frames, func(f frame) bool { return packageOf(f.path) == name })
}

// packageOf is the name of the installed package, or of the module of the standard
// library, that a file belongs to; empty for others.
func packageOf(file string) string {
	for _, dir := range []string{"/site-packages/", "/dist-packages/"} {
		if i := strings.LastIndex(file, dir); i >= 0 {
			first, _, _ := strings.Cut(file[i+len(dir):], "/")
			return strings.TrimSuffix(first, ".py")
		}
	}
	if !strings.HasPrefix(file, "/") && !strings.HasPrefix(file, "<") { // compiled by Cython: "pydantic/env_settings.py"
		first, _, ok := strings.Cut(file, "/")
		if ok {
			return first
		}
		return ""
	}
	if m := standardModule.FindStringSubmatch(file); m != nil {
		return m[1]
	}
	return ""
}

var standardModule = regexp.MustCompile(`/lib(?:64)?/python3\.\d+/(\w+)`)

// requiredFields are the variables of settings that pydantic reports as required.
// It is empty if pydantic reports anything else as well.
func (t *trace) requiredFields() []string {
	var names []string
	name := ""
	for _, l := range t.more {
		text := strings.TrimSpace(l)
		switch {
		case !strings.HasPrefix(l, " "):
			if quotedName.MatchString(strings.ReplaceAll(text, ".", "_")) {
				name = text
			} else {
				name = "" // it was printed after the error
			}
		case strings.HasPrefix(text, "For further information"):
		case name == "":
		case strings.Contains(strings.ToLower(text), "field required"):
			names = append(names, strings.ToUpper(name))
		default:
			return nil
		}
	}
	return names
}

// Remedy says what a run needs, and which key of whittle.yaml provides it.
func Remedy(run whittle.CommandRun) string {
	key := "services:"
	switch {
	case strings.HasPrefix(run.Needs, filePrefix) && strings.HasPrefix(path.Base(run.Needs), ".env"):
		return fmt.Sprintf("%s needs %s, which is mounted where it runs: start it with a command that makes one (command: of a compose file)", run.Name, run.Needs)
	case strings.HasPrefix(run.Needs, variablePrefix):
		key = "env: or env-file:"
	case strings.HasPrefix(run.Needs, filePrefix):
		key = "secrets:"
	}
	return fmt.Sprintf("%s needs %s: name it in whittle.yaml (%s)", run.Name, run.Needs, key)
}

const (
	variablePrefix = "the environment variable"
	filePrefix     = "the file "
)

// variablesText lists variables of the environment in words.
func variablesText(names []string) string {
	if len(names) == 1 {
		return variablePrefix + " " + names[0]
	}
	return variablePrefix + "s " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// secretFile is a missing file that an orchestrator would mount in the container: a
// secret, or the file of an environment, which belongs in no image.
func secretFile(text string) string {
	if m := secretPath.FindStringSubmatch(text); m != nil && noFile.MatchString(text) {
		return m[1]
	}
	if m := envPath.FindStringSubmatch(text); m != nil && noFile.MatchString(text) {
		return path.Clean(m[1])
	}
	return ""
}

var (
	secretPath = regexp.MustCompile("(?:^|[\\s'\"`:=<(])((?:/run/secrets|/var/run/secrets|/vault/secrets|/mnt/secrets|/etc/secrets|/secrets)/[\\w./-]*\\w)")
	envPath    = regexp.MustCompile("(?:^|[\\s'\"`:=<(])((?:[\\w./-]*/)?\\.env(?:\\.\\w+)?)(?:$|[\\s'\"`:,;)])")
	noFile     = regexp.MustCompile(`(?i)no such file|not found|does not exist|cannot open|can't open|ENOENT`)
)
