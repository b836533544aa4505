package check

import (
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/python/imports"
)

// state is what the checks share: the image, the starts as far as they were
// followed, and two views of the image.
type state struct {
	*Image
	files     *files
	owners    *owners
	starts    []*start
	env       map[string]string
	workdir   string
	importers map[string]*imports.Importer
	// touchedBy is the start that an importer was made for: one that changed
	// its path is of no use to others.
	touchedBy map[*imports.Importer]*start
	loader    *elf.Loader
	user      *account
	// inImage and inProject are read when they are asked for.
	inImage, inProject *places
}

func newState(img *Image) *state {
	config := img.Config.Config
	s := &state{Image: img, env: map[string]string{}, workdir: whittle.Join("", config.WorkingDir),
		importers: map[string]*imports.Importer{}, touchedBy: map[*imports.Importer]*start{}}
	for _, kv := range config.Env {
		k, v, _ := strings.Cut(kv, "=")
		s.env[k] = v
	}
	s.files = &files{root: img.Root, sources: img.Sources}
	s.user = s.files.account(config.User)
	s.files.user = s.user
	s.owners = newOwners(img, s.workdir)
	s.loader = elf.NewLoader(img.Root, img.Binaries, s.env)
	s.loader.Machine = elf.MachineOf(img.Config.Architecture)
	return s
}

// topModule is the top-level module of a file in a site-packages folder.
func topModule(file string) string {
	for _, dir := range []string{"/site-packages/", "/dist-packages/"} {
		if i := strings.LastIndex("/"+file, dir); i >= 0 {
			top, _, _ := strings.Cut(("/" + file)[i+len(dir):], "/")
			return strings.TrimSuffix(top, ".py")
		}
	}
	return ""
}
