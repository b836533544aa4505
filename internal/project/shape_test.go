package project

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"whittle.dev/whittle"
)

// TestShapes gives every key of whittle.yaml a value of every shape. What is
// wrong is said with the place, in words that are not those of a library.
func TestShapes(t *testing.T) {
	around := map[string]string{
		"": "KEY", "variants.*": "variants: [{name: a, KEY}]", "run.*": "run: [{command: [a], KEY}]", "requests.*": "requests: [{path: /, KEY}]", "test": "test: {command: [a], KEY}",
		"check": "check: {KEY}", "compose": "compose: {KEY}", "bake": "bake: {KEY}", "services.*": "services: {a: {image: x, KEY}}",
		"services.*.healthcheck": "services: {a: {image: x, healthcheck: {KEY}}}", "secrets.*": "secrets: {a: {KEY}}",
	}
	jargon := regexp.MustCompile(`!!|cannot construct|unmarshal|\[\]|strconv|[^.]yaml:|map\[|struct|project\.|Go value|<nil>`)
	tried, refused := 0, 0
	for at, frame := range around {
		for _, key := range keys(at) {
			for _, value := range []string{"text", "1", "-1", "1.5", "true", "[a]", "[[a]]", "[{b: c}]", "{b: c}", "{b: [c]}", "{b: {c: d}}", "[1, 2]", `""`, "{}", "[]", "2001-01-01", "!x y", "~"} {
				pair := key + ": " + value
				doc := strings.Replace(frame, "KEY", pair, 1)
				if strings.Count(doc, key+":") > 1 { // the frame's own is replaced
					doc = strings.Replace(frame, key+": ", "other: ", 1)
					doc = regexp.MustCompile(`other: (\[[^\]]*\]|[^,}]*),? ?`).ReplaceAllString(doc, "")
					doc = strings.Replace(doc, "KEY", pair, 1)
				}
				tried++
				_, err := parse("whittle.yaml", []byte(doc+"\n"))
				if err == nil {
					continue
				}
				refused++
				text := err.Error() + " " + whittle.Hint(err)
				if !errors.Is(err, whittle.ErrUsage) || !strings.HasPrefix(text, "whittle.yaml:") || strings.Contains(text, "\n") || jargon.MatchString(strings.ReplaceAll(text, "[ONE, TWO]", "")) && !regexp.MustCompile(`\[\d\]`).MatchString(text) {
					t.Errorf("%s: %s", doc, text)
				}
			}
		}
	}
	if tried < 500 || refused < 300 {
		t.Errorf("%d tried, %d refused", tried, refused)
	}
}

// TestShapeHints says what to write.
func TestShapeHints(t *testing.T) {
	for doc, want := range map[string]string{
		"run: [{command: foo bar}]":        "whittle.yaml:1: run[0].command is the text \"foo bar\", and a list is wanted; write command: [\"foo\", \"bar\"]",
		"variants:\n- name: [a]":           "whittle.yaml:2: variants[0].name is a list, and a text is wanted; write name: TEXT",
		"requests: [{path: /, port: web}]": "whittle.yaml:1: requests[0].port is the text \"web\", and a whole number is wanted; write port: 10",
		"bases: [a]":                       "whittle.yaml:1: bases is a list, and a mapping is wanted; write bases: {NAME: VALUE}",
		"test: pytest":                     "whittle.yaml:1: test is the text \"pytest\", and a mapping is wanted; write test: {KEY: VALUE}, with the keys copy, setup, command",
		"x: &a [*a]\nrun: *a":              "whittle.yaml:1: unknown key \"x\"; the keys here are project, bases, variants, run, requests, test, touch, check, env, env-file, secrets, ssh, services, compose, bake, gate, ignore, history",
	} {
		_, err := parse("whittle.yaml", []byte(doc+"\n"))
		if err == nil || err.Error()+"; "+whittle.Hint(err) != want {
			t.Errorf("%s:\n%v; %s\nwant %s", doc, err, whittle.Hint(err), want)
		}
	}
}

// TestYAMLSyntax: what is no YAML is said in words of those who write it, and what
// to try.
func TestYAMLSyntax(t *testing.T) {
	jargon := regexp.MustCompile(`!!|scanner|token|stream|node|anchor '|document start|context|expected|<[a-z]|base64|construct`)
	for _, doc := range []string{
		"a: b: c", "\tproject: x", "project:\n\tx", "project: \"abc", "project: 'abc", "run: [", "run: {", "{", "[", "run: [a, b", "run: {a: b", "  project: a\n touch: b", "project: a\n  touch: b",
		"project: *x", "project: @x", "project: %x", "project: `x`", "project: !!binary abc", "project: !!int abc", "project: \"\\q\"", "project: \"\\x4\"", "project: \x00", "project: \x07", "project: a\x80\xff",
		"%YAML 9\n---\nproject: a", "%NOPE", "project: &", "project: *", "- a\n project: b", "project a\ntouch: b", "? a\n: - b\n c", "project: >x\n a", "project: |9\n a", "run: ]", "run: }", "project: a\n}", "run: [a,, b]", "run: {a, b: }}",
		"project: \"a\" b", "'a' 'b': c", "project: a\n- b", "run:\n- a\nb: [", "<<: x", "<<: [x]", "project: a\nproject: b", "--- a\n--- b", "...\n---",
	} {
		_, err := parse("whittle.yaml", []byte(doc+"\n"))
		if err == nil {
			continue
		}
		if text := err.Error(); !strings.HasPrefix(text, "whittle.yaml:") || jargon.MatchString(strings.ReplaceAll(text, doc, "")) {
			t.Errorf("%q: %s", doc, text)
		}
		if whittle.Hint(err) == "" && !strings.Contains(err.Error(), "already defined") {
			t.Errorf("%q: no hint: %v", doc, err)
		}
	}
}
