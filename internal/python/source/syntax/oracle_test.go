package syntax

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// interpreter is the oracle: python3, or the one that WHITTLE_PYTHON names.
func interpreter() string {
	if p := os.Getenv("WHITTLE_PYTHON"); p != "" {
		return p
	}
	return "python3"
}

// compiled is what CPython says of texts.
func compiled(t testing.TB, texts [][]byte) (minor int, said []string) {
	t.Helper()
	var in bytes.Buffer
	for _, text := range texts {
		fmt.Fprintf(&in, "%d\n", len(text))
		in.Write(text)
	}
	cmd := exec.Command(interpreter(), "-I", "testdata/compile.py")
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("%s: %v", interpreter(), err)
	}
	s := bufio.NewScanner(bytes.NewReader(out))
	s.Buffer(nil, 1<<20)
	s.Scan()
	_, m, _ := strings.Cut(s.Text(), ".")
	minor, _ = strconv.Atoi(m)
	for s.Scan() {
		said = append(said, s.Text())
	}
	if len(said) != len(texts) {
		t.Fatalf("%d answers to %d texts", len(said), len(texts))
	}
	return minor, said
}

// library are the sources of the interpreter's standard library.
func library(t testing.TB, longest int64) [][]byte {
	t.Helper()
	out, err := exec.Command(interpreter(), "-I", "-c", "import os; print(os.path.dirname(os.__file__))").Output()
	if err != nil {
		t.Skip(err)
	}
	var texts [][]byte
	_ = filepath.WalkDir(strings.TrimSpace(string(out)), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".py") {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() > longest {
			return nil
		}
		if b, err := os.ReadFile(p); err == nil {
			texts = append(texts, b)
		}
		return nil
	})
	return texts
}

// verdict is what Check says for a version: "ok", "broken" or "unsure".
func verdict(r Result, minor int) string {
	switch {
	case r.Needs.Minor > minor:
		return "broken"
	case r.Text == "":
		return "ok"
	case r.Unsure:
		return "unsure"
	}
	return "broken"
}

// TestLibrary: what CPython compiles is right, what it refuses is wrong.
func TestLibrary(t *testing.T) {
	texts := library(t, 1<<20)
	if dir := os.Getenv("WHITTLE_SITE"); dir != "" {
		texts = nil
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && strings.HasSuffix(p, ".py") {
				if b, err := os.ReadFile(p); err == nil {
					texts = append(texts, b)
				}
			}
			return nil
		})
	} else if len(texts) > 800 {
		texts = texts[:800]
	}
	compare(t, texts, 0.9)
}

// compare holds Check to CPython: nothing that compiles is called broken, and
// of what does not at least a share is found.
func compare(t *testing.T, texts [][]byte, share float64) {
	t.Helper()
	minor, said := compiled(t, texts)
	right, broken, found, unsure, line := 0, 0, 0, 0, 0
	shown := 0
	for i, text := range texts {
		r := Check(text)
		got := verdict(r, minor)
		switch {
		case said[i] == "deep":
		case said[i] == "ok":
			right++
			if got != "ok" && shown < 20 {
				shown++
				t.Logf("compiles, and is %s: line %d: %s %v\n%s", got, r.Line, r.Text, r.Needs, around(text, max(r.Line, r.Needs.Line)))
			}
			if got == "broken" {
				t.Errorf("a text that compiles is called broken")
			}
		default:
			broken++
			at, _, _ := strings.Cut(said[i], " ")
			switch got {
			case "broken":
				found++
				if n, _ := strconv.Atoi(at); n == r.Line || n == r.Needs.Line {
					line++
				}
			case "unsure":
				unsure++
			default:
				if n, _ := strconv.Atoi(at); shown < 60 && os.Getenv("WHITTLE_SHOW") != "" {
					shown++
					t.Logf("missed: %s\n%s", said[i], around(text, n))
				}
			}
		}
	}
	t.Logf("Python 3.%d: %d texts that compile, %d that do not: %d found, %d at the same line, %d unsure, %d missed", minor, right, broken, found, line, unsure, broken-found-unsure)
	if broken > 100 && float64(found+unsure) < share*float64(broken) {
		t.Errorf("%d of %d broken texts were found, want a share of %v", found, broken, share)
	}
}

func around(text []byte, line int) string {
	lines := strings.Split(string(text), "\n")
	from, to := max(0, line-3), min(len(lines), line+2)
	if from >= to {
		return ""
	}
	return strings.Join(lines[from:to], "\n")
}

// mutants are texts with one thing changed, as an editor, a merge or a
// truncated copy would. WHITTLE_SEED makes others.
func mutants(texts [][]byte, n int) [][]byte {
	seed := uint64(1)
	if s, err := strconv.ParseUint(os.Getenv("WHITTLE_SEED"), 10, 64); err == nil {
		seed = s
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	tokens := []string{"(", ")", "[", "]", "{", "}", ":", ",", "=", "==", "+", "*", "**", ".", "\"", "'", "\"\"\"", "\\", "\n", "    ", "\t", "#", "@",
		" if ", " else ", " for ", " in ", " def ", " class ", " return ", " yield ", " await ", " async ", " lambda ", " import ", " from ", " as ",
		" with ", " try:", " except:", " pass ", " None ", " not ", " print ", " x ", "0", "07", "1_", "f'{", "}'", "->", ":=", "...", ";", "!", "$", "?",
		"\x00", "\xff", "é", "“", "\r"}
	var out [][]byte
	for len(out) < n {
		src := texts[rng.IntN(len(texts))]
		if len(src) < 20 {
			continue
		}
		at := rng.IntN(len(src))
		lines := bytes.SplitAfter(src, []byte("\n"))
		line := rng.IntN(len(lines))
		var m []byte
		switch rng.IntN(11) {
		case 10:
			m = encoded(rng, src, lines, line, at)
		case 0: // cut short
			m = bytes.Clone(src[:at])
		case 1, 2: // a character less
			m = append(bytes.Clone(src[:at]), src[at+1:]...)
		case 3, 4, 5: // something more
			m = append(append(bytes.Clone(src[:at]), tokens[rng.IntN(len(tokens))]...), src[at:]...)
		case 6: // a line less
			m = bytes.Join(append(append([][]byte{}, lines[:line]...), lines[line+1:]...), nil)
		case 7: // two lines swapped
			other := rng.IntN(len(lines))
			swapped := append([][]byte{}, lines...)
			swapped[line], swapped[other] = swapped[other], swapped[line]
			m = bytes.Join(swapped, nil)
		case 8: // a line further in or out
			moved := append([][]byte{}, lines...)
			if rng.IntN(2) == 0 {
				moved[line] = append([]byte("  "), lines[line]...)
			} else {
				moved[line] = bytes.TrimPrefix(lines[line], []byte("    "))
			}
			m = bytes.Join(moved, nil)
		case 9: // a word replaced
			words := bytes.Fields(src)
			w := words[rng.IntN(len(words))]
			m = bytes.Replace(src, w, []byte(strings.TrimSpace(tokens[rng.IntN(len(tokens))])), 1)
		}
		out = append(out, m)
	}
	return out
}

// encoded is a text that another program wrote: another encoding, other marks
// or blanks, too deep.
func encoded(rng *rand.Rand, src []byte, lines [][]byte, line, at int) []byte {
	cookies := []string{"utf-8", "ascii", "latin-1", "iso-8859-15", "cp1252", "utf-16", "utf-8-sig", "nosuch", "koi8-r", "UTF_8", "latin-1-unix"}
	cookie := []byte("# -*- coding: " + cookies[rng.IntN(len(cookies))] + " -*-\n")
	switch rng.IntN(9) {
	case 0: // a byte order mark in front
		return append([]byte("\ufeff"), src...)
	case 1: // one that joined files have inside
		return slices.Concat(src[:at], []byte("\ufeff"), src[at:])
	case 2:
		return slices.Concat(cookie, src)
	case 3:
		return slices.Concat([]byte("\ufeff"), cookie, src)
	case 4: // UTF-16
		var out []byte
		for _, c := range src {
			out = append(out, c, 0)
		}
		return append([]byte{0xff, 0xfe}, out...)
	case 5: // a tab for the blanks of a line
		return bytes.Replace(src, lines[line], bytes.Replace(lines[line], []byte("    "), []byte("\t"), 1), 1)
	case 6:
		depth := 1 + rng.IntN(300)
		return slices.Concat(src, []byte("\nx = "+strings.Repeat("(", depth)+"1"+strings.Repeat(")", depth)+"\n"))
	case 7:
		var b strings.Builder
		for i := range 1 + rng.IntN(120) {
			b.WriteString(strings.Repeat(" ", i) + "if 1:\n")
		}
		return slices.Concat(src, []byte("\n"+b.String()+strings.Repeat(" ", 130)+"pass\n"))
	}
	return bytes.ReplaceAll(src, []byte("\n"), []byte("\r"))
}

// TestMutants holds Check to CPython on texts that were damaged.
func TestMutants(t *testing.T) {
	n := 1500
	if s := os.Getenv("WHITTLE_MUTANTS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	compare(t, mutants(library(t, 12<<10), n), 0.95)
}
