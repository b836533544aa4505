package project

import (
	"cmp"
	"path/filepath"
	"regexp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project/settings"
)

// Check is what a project's whittle.yaml says about checks.
type Check struct {
	// Names say which distribution has a module, by the module's dotted name;
	// what is below the module is meant, too.
	Names map[string]string `yaml:"names"`
	// Ignore are distributions and modules that nothing is reported of.
	Ignore []string `yaml:"ignore"`
	// Development are extras that are for development only.
	Development []string `yaml:"development"`
}

// ReadCheck reads what the whittle.yaml in a folder says about checks; without
// the file it says nothing. Unlike [Load] it does not ask for a Dockerfile.
// Errors wrap [whittle.ErrUsage] and name the file.
func ReadCheck(dir string) (Check, error) {
	file := filepath.Join(dir, ConfigName)
	c, err := read(file, file, false)
	return c.Check, err
}

// ReadIgnores reads which findings a folder's configuration accepts, as [ReadCheck] does.
func ReadIgnores(dir string) ([]settings.Ignore, error) {
	file := filepath.Join(dir, ConfigName)
	c, err := read(file, file, false)
	return c.Ignore, err
}

// LoadGate reads the budgets and what is ignored from a project's configuration, or
// from the file that the user names in its place.
func LoadGate(dir, configPath string) (settings.Gate, []settings.Ignore, error) {
	file := configPath
	if file == "" {
		file = filepath.Join(dir, ConfigName)
	}
	c, err := read(file, file, configPath != "")
	return c.Gate, c.Ignore, err
}

// Recorded says by which name a project's images are in a history, and whether what is
// measured of them is recorded unasked.
func Recorded(dir, configPath string) (name string, always bool, err error) {
	file := configPath
	if file == "" {
		file = filepath.Join(dir, ConfigName)
	}
	c, err := read(file, file, configPath != "")
	if err != nil {
		return "", false, err
	}
	if c.Project != "" {
		return c.Project, c.History, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", false, err
	}
	py, err := readPyproject(abs)
	return cmp.Or(py.name, filepath.Base(abs)), c.History, err
}

var (
	moduleName = regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)*$`)
	distName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
)

func (c *Check) validate(file string) error {
	for module, dist := range c.Names {
		if !moduleName.MatchString(module) {
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: check: names: %q is no module", file, module), "write module: distribution, as in cv2: opencv-python-headless")
		}
		if !distName.MatchString(dist) {
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: check: names: %s: %q is no distribution", file, module, dist), "write the name without a version, as in cv2: opencv-python-headless")
		}
	}
	return nil
}
