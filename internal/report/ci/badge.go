package ci

import (
	"encoding/json"
	"io"
)

// Badge is what shields.io shows of an address that serves it.
// https://shields.io/badges/endpoint-badge
type Badge struct {
	Version int    `json:"schemaVersion"`
	Label   string `json:"label"`
	Message string `json:"message"`
	Color   string `json:"color"`
}

// The colours of badges.
const (
	Good    = "brightgreen"
	Middle  = "yellow"
	Bad     = "red"
	Neutral = "blue"
)

// Write writes the badge.
func (b Badge) Write(w io.Writer) error {
	b.Version, b.Label, b.Message = 1, shown(b.Label), shown(b.Message)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(b)
}
