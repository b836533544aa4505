package project

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
)

// maxRequests bounds how many paths a project names, maxPath a path, in bytes.
const (
	maxRequests = 32
	maxPath     = 1024
)

// Request is a path that what an image starts has to answer a GET for.
type Request struct {
	Path string `yaml:"path"`
	// Port is where it is asked; 0 is every port that is listened on, until one
	// gives what is wanted.
	Port int `yaml:"port"`
	// Status is the status that is wanted; 0 is any of 200 to 399.
	Status int `yaml:"status"`
}

// UnmarshalYAML reads a request, or its path alone.
func (r *Request) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&r.Path)
	}
	type plain Request
	return n.Decode((*plain)(r))
}

func validRequests(file string, all []Request) error {
	if len(all) > maxRequests {
		return whittle.ErrUsage.Errorf("%s: requests: %d are more than %d", file, len(all), maxRequests)
	}
	for i, r := range all {
		switch {
		case !strings.HasPrefix(r.Path, "/"):
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: request %d: the path %q does not begin with a slash", file, i+1, r.Path),
				`write requests: ["/", {path: /health, port: 8000}]`)
		case len(r.Path) > maxPath || strings.ContainsFunc(r.Path, func(c rune) bool { return !inPath(c) }):
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: request %d: the path %q has characters that no URL has", file, i+1, r.Path),
				"write them as %XX")
		case r.Port < 0 || r.Port > 65535:
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: request %d: %d is no TCP port", file, i+1, r.Port), "a port is a number from 1 to 65535")
		case r.Status != 0 && (r.Status < 200 || r.Status > 599):
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: request %d: %d is no final HTTP status", file, i+1, r.Status), "they are 200 to 599")
		}
	}
	return nil
}

// inPath says which characters a URL's path and query have; the apostrophe,
// which would have to be quoted for a shell, is written %27.
// https://www.rfc-editor.org/rfc/rfc3986#section-3.3
func inPath(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~%!$&()*+,;=:@/?", c)
}
