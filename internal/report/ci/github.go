package ci

import (
	"crypto/rand"
	"fmt"
	"io"
	"regexp"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// GitHub shows ten errors, ten warnings and ten notices of a step.
// https://docs.github.com/en/actions/reference/limits
const annotations = 10

// GitHub writes results as workflow commands, which become annotations: of each level
// the first ones, as no more are shown.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
func GitHub(w io.Writer, results []Result) error {
	shown, left := annotated(results)
	for _, r := range shown {
		line := ""
		if r.Line > 0 {
			line = fmt.Sprintf(",line=%d", r.Line)
		}
		if _, err := fmt.Fprintf(w, "::%s file=%s%s,title=%s::%s\n", command(r.Level), property(r.file()), line, property("whittle: "+r.Rule), data(r.Message)); err != nil {
			return err
		}
	}
	if left > 0 {
		_, err := fmt.Fprintf(w, "whittle: %d more are not shown here: GitHub shows %d of each kind\n", left, annotations)
		return err
	}
	return nil
}

// orders are what the runner takes for a command in what a step prints.
var orders = regexp.MustCompile(`(?m)^\s*::|##\[`)

// Inert is a text for the log of a step, in which names from an image command nothing:
// where one looks like a command, the runner is told to follow none until the end.
func Inert(text string) string {
	if !orders.MatchString(text) {
		return text
	}
	end := rand.Text()
	return "::stop-commands::" + end + "\n" + strings.TrimSuffix(text, "\n") + "\n::" + end + "::\n"
}

// annotated are the results that GitHub shows beside the lines, and how many others
// there are.
func annotated(results []Result) (shown []*Result, left int) {
	count := map[Level]int{}
	for i := range results {
		if count[results[i].Level]++; count[results[i].Level] > annotations {
			left++
			continue
		}
		shown = append(shown, &results[i])
	}
	return shown, left
}

// maxSummary is the size in bytes of the summary that GitHub takes of a step; maxComment
// that of a comment, in characters: whoever counts bytes is on the safe side.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits
const (
	maxSummary = 1 << 20
	maxComment = 65_536
)

// Summary writes the Markdown of a step's summary: how many results are not beside the
// lines, and the text, cut at the end of a line if GitHub would refuse it. there is
// how many bytes the summary already has.
func Summary(w io.Writer, text string, results []Result, there int64) error {
	note := ""
	if _, left := annotated(results); left > 0 {
		note = fmt.Sprintf("\n%d more findings are not annotated: GitHub shows %d of each kind.\n", left, annotations)
	}
	room := int(max(maxSummary-there, 0)) - len(note) - 1
	if room < 200 {
		return nil // what is there would be refused together with more
	}
	_, err := io.WriteString(w, cutMarkdown(text, room, "--format json has all of it")+note+"\n")
	return err
}

// Comment writes Markdown as the comment on a pull request. The first line is a mark by
// which the comment is found again and edited: of a verb about an image, whatever its
// tag is. Names from the image mention nobody and nothing.
func Comment(w io.Writer, verb, image, text string) error {
	mark := "<!-- whittle " + verb + " " + markEscapes.Replace(fmt.Sprintf("%q", untagged(image))) + " -->\n"
	_, err := io.WriteString(w, mark+cutMarkdown(unmentioned(text), maxComment-len(mark)-1, "the step's summary has all of it"))
	return err
}

// schemes are what may come before an image's name.
var schemes = regexp.MustCompile(`^[a-z][a-z-]*:(//)?`)

// untagged is an image's name without tag and digest, which are others for each commit.
func untagged(image string) string {
	scheme := schemes.FindString(image)
	switch strings.TrimRight(scheme, ":/") {
	case "docker", "registry", "docker-archive", "oci-layout", "oci-archive", "docker-daemon", "oci", "podman", "containers-storage", "dir":
	default:
		scheme = ""
	}
	return scheme + whittle.Untagged(image[len(scheme):])
}

// markEscapes keeps a name within an HTML comment.
var markEscapes = strings.NewReplacer("-", "\\x2d", ">", "\\x3e", "<", "\\x3c")

// mentions are what GitHub and GitLab make links of, that notify people or show in other
// issues: @name, #1, !1, GH-1.
var mentions = regexp.MustCompile(`@[\w\[]|#\d|![0-9]|GH-\d`)

// unmentioned has a space of no width in what would be a mention, but for fenced texts,
// in which nothing is one.
func unmentioned(text string) string {
	var b strings.Builder
	fence := ""
	for line := range strings.Lines(text) {
		switch mark := fenceOf(line); {
		case fence == "" && mark != "":
			fence = mark
		case fence != "":
			if strings.TrimSpace(line) == fence {
				fence = ""
			}
		default:
			line = mentions.ReplaceAllStringFunc(line, func(m string) string {
				if strings.HasPrefix(m, "GH") {
					return "GH\u200b" + m[2:]
				}
				return m[:1] + "\u200b" + m[1:]
			})
		}
		b.WriteString(line)
	}
	return b.String()
}

// fenceOf is the fence that a line of Markdown opens, empty where it opens none.
func fenceOf(line string) string {
	if n := len(line) - len(strings.TrimLeft(line, "`")); n >= 3 {
		return line[:n]
	}
	return ""
}

// cutMarkdown is a text of at most some bytes: what is more is cut at the end of a line,
// an open fence is closed, and where says where the rest is.
func cutMarkdown(text string, most int, where string) string {
	if len(text) <= most {
		return text
	}
	const room = 200 // for the closing fence and the sentence
	var b strings.Builder
	fence, left := "", 0
	for line := range strings.Lines(text) {
		if left > 0 || b.Len()+len(line)+len(fence)+room > most {
			left++
			continue
		}
		if mark := fenceOf(line); fence == "" {
			fence = mark
		} else if strings.TrimSpace(line) == fence {
			fence = ""
		}
		b.WriteString(line)
	}
	if fence != "" {
		b.WriteString(fence + "\n")
	}
	fmt.Fprintf(&b, "\nCut here: %d more lines; %s.\n", left, where)
	return b.String()
}

// Output writes an output of a step for GITHUB_OUTPUT; a value of several lines has a
// delimiter that it does not have.
func Output(w io.Writer, name, value string) error {
	if !strings.ContainsAny(value, "\r\n") {
		_, err := fmt.Fprintf(w, "%s=%s\n", name, value)
		return err
	}
	end := "whittle_" + whittle.Fingerprint(name, value)
	_, err := fmt.Fprintf(w, "%s<<%s\n%s\n%s\n", name, end, strings.TrimSuffix(value, "\n"), end)
	return err
}

func command(l Level) string {
	if l == Note {
		return "notice"
	}
	return string(l)
}

// data and property escape what a command has after its second :: and in its
// properties, as @actions/core does.
var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func data(s string) string     { return dataEscapes.Replace(shown(s)) }
func property(s string) string { return propertyEscapes.Replace(shown(s)) }

// shown is a text as a log shows it: a name from an image drives no terminal, and
// bytes that are not UTF-8 are \xHH.
func shown(s string) string { return page.Plain(s) }
