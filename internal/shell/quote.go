package shell

import (
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Quote is a word as a POSIX shell needs it. A word with a line end works
// only in the heredoc of a RUN.
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html#tag_18_02
func Quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_@%+:,./-=", r)
	}
	if word != "" && word[0] != '=' && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Unquote is the value of a word with its quotes resolved; globs stay as they are.
// ok is false where the shell expands a part of it.
func Unquote(w *syntax.Word) (value string, ok bool) { return literal(w.Parts, false) }

// literal is the value of parts that the shell does not expand.
func literal(parts []syntax.WordPart, quoted bool) (string, bool) {
	var b strings.Builder
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			b.WriteString(unescape(p.Value, quoted))
		case *syntax.SglQuoted:
			if p.Dollar {
				return "", false
			}
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			v, ok := literal(p.Parts, true)
			if !ok {
				return "", false
			}
			b.WriteString(v)
		default:
			return "", false
		}
	}
	return b.String(), true
}

// unescape removes backslashes: all outside quotes, within them only those
// before a character that would be special.
func unescape(s string, quoted bool) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (!quoted || strings.IndexByte("$`\"\\\n", s[i+1]) >= 0) {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Dialect is the dialect of a shell, by the name of its program; ok is false for
// a program that is none. POSIX shells are read as Bash, which reads them all.
func Dialect(program string) (lang syntax.LangVariant, ok bool) {
	switch path.Base(program) {
	case "sh", "bash", "ash", "dash":
		return syntax.LangBash, true
	case "ksh", "mksh":
		return syntax.LangMirBSDKorn, true
	case "zsh":
		return syntax.LangZsh, true
	}
	return syntax.LangBash, false
}
