package base

import (
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// TestSlim: how FROM names the slim variant of a base, and what may need the
// full one.
func TestSlim(t *testing.T) {
	for _, test := range []struct {
		dockerfile, from string
		uses             []string // what each says, in part
		none             bool
	}{
		{"FROM python\n", "python:slim", nil, false},
		{"FROM python:latest\n", "python:slim", nil, false},
		{"FROM python:3.13\n", "python:3.13-slim", nil, false},
		{"FROM docker.io/library/python:3.13.5 AS web\n", "docker.io/library/python:3.13.5-slim", nil, false},
		{"FROM python:3.13-bookworm\n", "python:3.13-slim-bookworm", nil, false},
		{"FROM python:3.9-bullseye\n", "python:3.9-slim-bullseye", nil, false},
		{"ARG V=3.13\nFROM python:${V}\n", "python:${V}-slim", nil, false},
		{"ARG V=3.13-bookworm\nFROM python:${V}\n", "", nil, false},
		{"FROM python:3.13@sha256:" + strings.Repeat("a", 64) + "\n", "", nil, false},
		{"FROM python:3.13 AS base\nFROM base\n", "python:3.13-slim", nil, false},
		{"FROM python:3.13\nRUN git clone x && gcc y.c\nRUN /usr/bin/make\nCMD [\"curl\", \"x\"]\n", "python:3.13-slim", []string{"Dockerfile:2 uses git", "Dockerfile:3 uses make", "Dockerfile:4 uses curl"}, false},
		{"FROM python:3.13-slim\n", "", nil, true},
		{"FROM python:3.13-alpine\n", "", nil, true},
		{"FROM debian:trixie\n", "", nil, true},
	} {
		f, err := dockerfile.Parse("Dockerfile", []byte(test.dockerfile))
		if err != nil {
			t.Fatal(err)
		}
		s, ok := Slim(&analysis.Facts{Dockerfile: f, Ledger: &whittle.Ledger{}})
		if ok == test.none || s.From != test.from || len(s.Uses) != len(test.uses) {
			t.Errorf("%q: %+v, %t", test.dockerfile, s, ok)
			continue
		}
		for i, want := range test.uses {
			if !strings.Contains(s.Uses[i], want) {
				t.Errorf("%q: %+v has no %q", test.dockerfile, s.Uses[i], want)
			}
		}
	}
}
