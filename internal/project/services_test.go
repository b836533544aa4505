package project

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestServices: services in the forms of compose.
func TestServices(t *testing.T) {
	cfg, err := parse("w.yaml", []byte(`services:
  db:
    image: postgres:17
    command: postgres -c "fsync=off"
    environment: [POSTGRES_PASSWORD=x]
    healthcheck: {test: ["CMD-SHELL", "pg_isready -U $${USER}"], interval: 30s, retries: 5, start_period: 1m}
  cache:
    image: redis
    entrypoint: [redis-server, --save, ""]
    healthcheck: {test: redis-cli ping}
  plain: {image: x, healthcheck: {test: [NONE]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	type got struct {
		Name, Image, Text string
		Entry, Check      []string
		Patience          time.Duration
	}
	var all []got
	for _, s := range cfg.Services {
		all = append(all, got{s.Name, s.Image, s.Command.Text, s.Entrypoint.Words, s.Healthcheck.Command(), s.Patience()})
	}
	want := []got{
		{"db", "postgres:17", `postgres -c "fsync=off"`, nil, []string{"/bin/sh", "-c", "pg_isready -U ${USER}"}, 210 * time.Second},
		{"cache", "redis", "", []string{"redis-server", "--save", ""}, []string{"/bin/sh", "-c", "redis-cli ping"}, time.Minute},
		{"plain", "x", "", nil, nil, time.Minute},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for text, want := range map[string]string{
		"services: {db: {}}":                                    "service db has no image",
		"services: {db: {image: x, build: .}}":                  `unknown key "build"`,
		"services: {a b: {image: x}}":                           "no name for a host",
		"services: {localhost: {image: x}}":                     "no name for a host",
		`services: {a: {image: "x\nRUN y"}}`:                    "is not an image's name",
		`services: {a: {image: "--platform=x y"}}`:              "is not an image's name",
		"services: [db]":                                        "write NAME: {image",
		"services: {a: {image: x, healthcheck: {interval: 5}}}": "is not a time",
	} {
		if _, err := parse("w.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
