package main

import (
	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
)

// Each result in JSON is an object whose first key names its schema. Those of verbs are
// types of the root package; these are of commands that only list something.

// ruleList is what advise --rules prints.
type ruleList struct {
	Schema string       `json:"schema"`
	Rules  []listedRule `json:"rules"`
}

type listedRule struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// checkList is what check --list prints.
type checkList struct {
	Schema string        `json:"schema"`
	Checks []listedCheck `json:"checks"`
}

type listedCheck struct {
	ID       string           `json:"id"`
	Severity whittle.Severity `json:"severity"`
	Title    string           `json:"title"`
}

// projectAdvice is the advice on the variants of a project.
type projectAdvice struct {
	Schema   string            `json:"schema"`
	Variants []*whittle.Advice `json:"variants"`
}

// cacheUse is what cache prints.
type cacheUse struct {
	Schema string `json:"schema"`
	*host.CacheFacts
}

// engineFound is what engine prints.
type engineFound struct {
	Schema string `json:"schema"`
	*host.EngineFacts
}

// limitList is what limits prints.
type limitList struct {
	Schema string        `json:"schema"`
	Limits []listedLimit `json:"limits"`
}

type listedLimit struct {
	About  string `json:"about"`
	What   string `json:"what"`
	Value  string `json:"value"`
	Option string `json:"option"`
}
