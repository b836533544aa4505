package project

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
)

const (
	// maxServices bounds the services of a project.
	maxServices = 16
	// leastPatience and mostPatience bound how long a service may take to come up.
	leastPatience, mostPatience = time.Minute, 5 * time.Minute
)

// Service is a program that runs beside what is run, and is reached by its
// name. The keys are those of compose:
// https://docs.docker.com/reference/compose-file/services/
type Service struct {
	Name        string       `yaml:"-"`
	Image       string       `yaml:"image"`
	Command     Line         `yaml:"command"`
	Entrypoint  Line         `yaml:"entrypoint"`
	Environment Variables    `yaml:"environment"`
	Healthcheck *HealthCheck `yaml:"healthcheck"`
	// EnvFiles are files of variables, from compose.
	EnvFiles []string `yaml:"-"`
	// Composed says that compose files have it: it runs beside the variants that name
	// it in Peers.
	Composed bool `yaml:"-"`
}

// Line is a command line, as a list of words or as one text that has to be
// split.
type Line struct {
	Text  string
	Words []string
}

// UnmarshalYAML reads either form.
func (l *Line) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if n.Tag != "!!null" {
			l.Text = dollars(n.Value)
		}
		return nil
	}
	if err := n.Decode(&l.Words); err != nil {
		return err
	}
	for i := range l.Words {
		l.Words[i] = dollars(l.Words[i])
	}
	return nil
}

// dollars is a text in which compose has doubled the dollar signs.
func dollars(s string) string { return strings.ReplaceAll(s, "$$", "$") }

// HealthCheck says when a service has come up.
type HealthCheck struct {
	Test        Line     `yaml:"test"`
	Interval    Duration `yaml:"interval"`
	Timeout     Duration `yaml:"timeout"`
	StartPeriod Duration `yaml:"start_period"`
	Retries     int      `yaml:"retries"`
}

// Duration is a time as compose has it: "1m30s".
type Duration time.Duration

// UnmarshalYAML reads a time.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	t, err := time.ParseDuration(n.Value)
	if err != nil || t < 0 {
		return fmt.Errorf("%q is not a time: write 10s or 1m30s", n.Value)
	}
	*d = Duration(t)
	return nil
}

// Command is the command line of a health check, nil where there is none.
func (h *HealthCheck) Command() []string {
	switch {
	case h == nil:
		return nil
	case h.Test.Text != "":
		return []string{"/bin/sh", "-c", h.Test.Text}
	case len(h.Test.Words) < 2 || h.Test.Words[0] == "NONE":
		return nil
	case h.Test.Words[0] == "CMD-SHELL":
		return []string{"/bin/sh", "-c", h.Test.Words[1]}
	}
	return h.Test.Words[1:]
}

// Patience is how long a service may take to come up.
func (s *Service) Patience() time.Duration {
	wants := time.Duration(0)
	if h := s.Healthcheck; h != nil {
		wants = time.Duration(h.StartPeriod) + time.Duration(cmp.Or(min(h.Retries, 100), 3))*time.Duration(h.Interval)
	}
	return min(max(leastPatience, wants), mostPatience)
}

// Values are the service's environment.
func (s *Service) Values(from Outside) (Environment, error) {
	e, err := Environment{}.With(s.EnvFiles, s.Environment, false, from)
	if err != nil {
		return e, fmt.Errorf("service %s: %w", s.Name, err)
	}
	return e, nil
}

// hostName is what a host may be called. https://www.rfc-editor.org/rfc/rfc1123
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)

// Services are services by their names, in the order in which they start.
type Services []Service

// UnmarshalYAML reads the mapping in its order.
func (s *Services) UnmarshalYAML(n *yaml.Node) error {
	*s = nil
	if n.Kind != yaml.MappingNode {
		if n.Tag == "!!null" {
			return nil
		}
		return errors.New("write NAME: {image: …}")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		one := Service{}
		if err := n.Content[i+1].Decode(&one); err != nil {
			return err
		}
		one.Name = n.Content[i].Value
		*s = append(*s, one)
	}
	return nil
}

func (s Services) validate(file string) error {
	if len(s) > maxServices {
		return whittle.ErrUsage.Errorf("%s: %d services: at most %d", file, len(s), maxServices)
	}
	for _, one := range s {
		switch {
		case !hostName.MatchString(one.Name) || slices.Contains([]string{"localhost", "whittle"}, one.Name):
			return whittle.ErrUsage.Errorf("%s: service %q: this is no name for a host", file, one.Name)
		case one.Image == "":
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: service %s has no image", file, one.Name), "write image: NAME, one of bases: or of a registry; what compose builds has to be built first")
		case strings.ContainsAny(one.Image, " \t\n\r\\") || strings.Contains(one.Image, "--"):
			return whittle.ErrUsage.Errorf("%s: service %s: %q is not an image's name", file, one.Name, one.Image)
		}
	}
	return nil
}
