package build

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config"
	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/patternmatcher"
	"github.com/tonistiigi/fsutil"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build/redact"
	"whittle.dev/whittle/internal/build/sent"
)

// maxDockerfile is the largest Dockerfile and ignore file that is read, in
// bytes. BuildKit's own limit is smaller.
const maxDockerfile = 16 << 20

// Definition says what to build. An existing image is a Definition with the
// Content "FROM name" and a base of that name.
type Definition struct {
	// Context is the folder that is sent to the engine; empty sends nothing.
	Context string
	// Exclude holds patterns of files in the context that are never sent, in
	// the syntax of .dockerignore.
	Exclude []string
	// Dockerfile is a path, relative to Folder or absolute, as messages show it;
	// empty is "Dockerfile". Folder is empty for the context.
	Dockerfile string
	Folder     string
	// Content is the Dockerfile's text, if it is not in a file.
	Content []byte
	// Target is a build stage; empty is the last.
	Target string
	Args   map[string]string
	// Platform is os/architecture[/variant]; empty is the engine's.
	Platform string
	// Bases are images that replace those of a registry, by the name that FROM
	// or COPY --from uses.
	Bases map[string]Base
	// Folders are further contexts, by the name that COPY --from uses: files
	// that are in no image and that the context's ignore file may exclude.
	Folders map[string]string
	// Images are other names, by which FROM and COPY --from use images.
	Images map[string]string
	// Builds are builds whose results FROM and COPY --from use by these names. Their
	// steps may come from the cache, whatever NoCache says here.
	Builds map[string]Definition
	// NoCache runs every step.
	NoCache bool
	// Touch names a regular file of the context. Every build sends it with
	// other content, which has blanks at its end. The file itself is not
	// changed.
	Touch string
	// Offline builds with BuildKit's own frontend, whatever a `# syntax=` line
	// says. Otherwise that happens only if the frontend is not available.
	Offline bool
	// Services run beside the commands of a run.
	Services []Service
	// Tracer is a program of this machine that traces commands in the image: see
	// [Tracer]. It is needed where a command is traced.
	Tracer string
	// Secrets and SSH are what RUN steps may mount.
	Secrets []Secret
	SSH     []SSH
	// CacheFrom and CacheTo are caches outside the engine.
	CacheFrom, CacheTo []Cache
	// Hidden are further values that must not be in any output.
	Hidden []string
	// SourceDateEpoch clamps all timestamps, so that equal inputs give equal
	// images.
	SourceDateEpoch *time.Time
}

// Cache is a place outside the engine from which a build takes its cache, or to which
// it puts it. The attributes are BuildKit's.
// https://github.com/moby/buildkit#export-cache
type Cache struct {
	Type  string
	Attrs map[string]string
}

// caches gives a build its caches. A local cache that is not there yet is left out:
// BuildKit would make its folder.
func (d Definition) caches(opt *bkclient.SolveOpt) {
	for _, c := range d.CacheFrom {
		if _, err := os.Stat(filepath.Join(c.Attrs["src"], "index.json")); c.Type == "local" && err != nil {
			continue
		}
		opt.CacheImports = append(opt.CacheImports, bkclient.CacheOptionsEntry{Type: c.Type, Attrs: maps.Clone(c.Attrs)})
	}
	for _, c := range d.CacheTo {
		opt.CacheExports = append(opt.CacheExports, bkclient.CacheOptionsEntry{Type: c.Type, Attrs: maps.Clone(c.Attrs)})
	}
}

// Base is an image in an OCI image layout.
type Base struct {
	// Layout is the layout's folder.
	Layout string
	// Digest is that of a manifest or index in it.
	Digest whittle.Digest
}

// job is a definition that was read and checked, in BuildKit's terms.
type job struct {
	opt      bkclient.SolveOpt
	file     string // the Dockerfile as messages name it
	syntax   string // the image of the `# syntax=` line, empty where there is none
	notes    []string
	redactor *redact.Redactor
	services []Service
	// secrets are the IDs of d's secrets.
	secrets []string
	tracer  string // d's
	kills   int64  // what the engine's guard counted before the build
	// inputs are the results of other builds: those of opt, as a gateway takes them.
	inputs map[string]*pb.Definition
}

// prepare reads and checks what d names. Errors wrap ErrUsage.
func (d Definition) prepare(log io.Writer) (*job, error) {
	j := &job{file: d.Dockerfile, redactor: redact.New(d.hidden()), services: d.Services, tracer: d.Tracer}
	for _, s := range d.Secrets {
		j.secrets = append(j.secrets, s.ID)
	}
	if j.file == "" {
		j.file = "Dockerfile"
	}
	files, err := d.dockerfiles(j.file)
	if err != nil {
		return nil, err
	}
	d.serviceFiles(files)
	name := filepath.Base(j.file)
	j.syntax = syntaxLine(files[name])
	context, err := d.contextFS()
	if err != nil {
		return nil, err
	}
	mounts, err := d.attachables()
	if err != nil {
		return nil, err
	}
	j.opt = bkclient.SolveOpt{
		LocalMounts:    map[string]fsutil.FS{"context": context, "dockerfile": files},
		LocalFilterOpt: d.exclude,
		OCIStores:      map[string]content.Store{},
		Session:        append(mounts, registryAuth(log)),
		SharedKey:      sharedKey(d.Context),
		Frontend:       "dockerfile.v0",
		FrontendAttrs:  map[string]string{"filename": name},
		FrontendInputs: map[string]llb.State{},
	}
	if d.Tracer != "" {
		j.opt.LocalMounts[tracerFolder] = sent.Program(d.Tracer)
	}
	j.inputs = map[string]*pb.Definition{}
	d.caches(&j.opt)
	if err := d.attrs(j.opt.FrontendAttrs); err != nil {
		return nil, err
	}
	if err := d.bases(j.opt); err != nil {
		return nil, err
	}
	if err := d.folders(j.opt); err != nil {
		return nil, err
	}
	d.images(j.opt.FrontendAttrs)
	if d.Offline {
		j.useBuiltin("as was asked for")
	}
	return j, nil
}

// useBuiltin makes BuildKit build with its own frontend.
func (j *job) useBuiltin(why string) {
	// If a command line is set, the frontend assumes that a syntax line
	// already chose it, and does not read that line.
	j.opt.FrontendAttrs["cmdline"] = "builtin"
	if j.syntax != "" {
		j.notes = append(j.notes, fmt.Sprintf("%s: `# syntax=%s` is overridden: built with BuildKit's own frontend (%s)", j.file, j.syntax, why))
	}
}

// fallBack repeats a build with BuildKit's own frontend if that of the `# syntax=` line
// is not available.
func (j *job) fallBack(build func() error) error {
	err := build()
	if frontendMissing(err) {
		j.useBuiltin("its frontend is not available")
		err = build()
	}
	return err
}

// dockerfiles reads the Dockerfile and its own ignore file.
func (d Definition) dockerfiles(file string) (sent.Files, error) {
	path, folder := file, cmp.Or(d.Folder, d.Context)
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, file)
	}
	read := func(suffix string) ([]byte, error) {
		if folder != "" && filepath.IsLocal(file) { // a frontend sees it: no link leads out of the folder
			return whittle.Folder(folder).Read(filepath.ToSlash(filepath.Clean(file))+suffix, maxDockerfile)
		}
		return whittle.ReadFile(path+suffix, maxDockerfile)
	}
	name := filepath.Base(path)
	files := sent.Files{}
	switch {
	case d.Content != nil:
		files[name] = d.Content
	case folder == "" && !filepath.IsAbs(file):
		return nil, whittle.ErrUsage.Errorf("no Dockerfile and no folder to find it in")
	default:
		text, err := read("")
		if errors.Is(err, os.ErrNotExist) {
			err := whittle.ErrUsage.Errorf("%s: no such Dockerfile", path)
			return nil, whittle.WithHint(err, "name another file, or run whittle in the folder that has it")
		}
		if err != nil {
			return nil, whittle.ErrUsage.Errorf("reading the Dockerfile: %w", err)
		}
		files[name] = text
	}
	if ignore, err := read(".dockerignore"); err == nil {
		files[name+".dockerignore"] = ignore
	}
	return files, nil
}

func (d Definition) contextFS() (fsutil.FS, error) {
	if d.Context == "" {
		return sent.Files{}, nil
	}
	fs, err := fsutil.NewFS(d.Context)
	if err != nil {
		return nil, whittle.ErrUsage.Errorf("opening the build context: %w", err)
	}
	if d.Touch == "" {
		return fs, nil
	}
	return sent.Touched(fs, d.Context, d.Touch, time.Now())
}

func (d Definition) exclude(dir string, opt *fsutil.FilterOpt) error {
	if dir == "context" {
		opt.ExcludePatterns = append(slices.Clone(opt.ExcludePatterns), d.Exclude...)
	}
	return nil
}

// attrs sets the frontend's options.
func (d Definition) attrs(attrs map[string]string) error {
	if _, err := patternmatcher.New(d.Exclude); err != nil {
		return whittle.ErrUsage.Errorf("exclude patterns %q: %w", d.Exclude, err)
	}
	if d.Target != "" {
		attrs["target"] = d.Target
	}
	for k, v := range d.Args {
		attrs["build-arg:"+k] = v
	}
	if d.Platform != "" {
		if _, err := whittle.ParsePlatform(d.Platform); err != nil {
			return err
		}
		attrs["platform"] = d.Platform
	}
	if d.NoCache {
		attrs["no-cache"] = ""
	}
	if d.SourceDateEpoch != nil {
		attrs["build-arg:SOURCE_DATE_EPOCH"] = strconv.FormatInt(d.SourceDateEpoch.Unix(), 10)
	}
	return nil
}

// bases passes each base as a named context. A store needs a name and the
// context a digest: the frontend finds nothing by tag in a client's layout.
func (d Definition) bases(opt bkclient.SolveOpt) error {
	for i, name := range slices.Sorted(maps.Keys(d.Bases)) {
		base := d.Bases[name]
		names, err := contextNames(name)
		if err != nil {
			return err
		}
		if _, err := whittle.ParseDigest(string(base.Digest)); err != nil {
			return whittle.ErrUsage.Errorf("base %s: %w", name, err)
		}
		blob := filepath.Join(base.Layout, "blobs", "sha256", base.Digest.Hex())
		if _, err := os.Stat(blob); err != nil {
			return whittle.ErrUsage.Errorf("base %s: the OCI layout %s has no %s", name, base.Layout, base.Digest)
		}
		id := fmt.Sprintf("whittle-base-%d", i)
		opt.OCIStores[id] = sent.Layout{Dir: base.Layout}
		for _, n := range names {
			opt.FrontendAttrs["context:"+n] = fmt.Sprintf("oci-layout://%s@%s", id, base.Digest)
		}
	}
	return nil
}

// folders passes each folder as a named context.
func (d Definition) folders(opt bkclient.SolveOpt) error {
	for i, name := range slices.Sorted(maps.Keys(d.Folders)) {
		fs, err := fsutil.NewFS(d.Folders[name])
		if err != nil {
			return whittle.ErrUsage.Errorf("opening the folder %s: %w", name, err)
		}
		id := fmt.Sprintf("whittle-folder-%d", i)
		opt.LocalMounts[id] = fs
		opt.FrontendAttrs["context:"+name] = "local:" + id
	}
	return nil
}

// AddFolder adds a further context.
func (d *Definition) AddFolder(name, dir string) {
	if d.Folders = maps.Clone(d.Folders); d.Folders == nil {
		d.Folders = map[string]string{}
	}
	d.Folders[name] = dir
}

// images passes each image under its other name: one of the bases, or of a
// registry.
func (d Definition) images(attrs map[string]string) {
	for name, image := range d.Images {
		attrs["context:"+name] = "docker-image://" + image
		for base := range d.Bases {
			names, err := contextNames(base)
			if err != nil {
				continue // it was reported
			}
			if here, ok := attrs["context:"+base]; ok && slices.Contains(names, image) {
				attrs["context:"+name] = here
			}
		}
	}
}

// contextNames are the names under which frontends look an image up: as
// written, the short form without ":latest", and the full form.
func contextNames(name string) ([]string, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, whittle.ErrUsage.Errorf("base %q is not an image name", name)
	}
	names := []string{
		name,
		strings.TrimSuffix(reference.FamiliarString(named), ":latest"),
		reference.TagNameOnly(named).String(),
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// syntaxLine is the value of the Dockerfile's syntax directive. Directives
// are comments at the very top.
// https://docs.docker.com/reference/dockerfile/#parser-directives
func syntaxLine(dockerfile []byte) string {
	for line := range strings.Lines(strings.TrimPrefix(string(dockerfile), "\ufeff")) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			return ""
		}
		if strings.HasPrefix(comment, "!") {
			continue
		}
		key, value, ok := strings.Cut(comment, "=")
		if !ok {
			return ""
		}
		if strings.EqualFold(strings.TrimSpace(key), "syntax") {
			if f := strings.Fields(value); len(f) > 0 {
				return f[0]
			}
			return ""
		}
	}
	return ""
}

// sharedKey names the engine's copy of a context, so that a later build of
// the same folder sends only what changed.
func sharedKey(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	sum := sha256.Sum256([]byte(abs))
	return "whittle-" + hex.EncodeToString(sum[:16])
}

// registryAuth answers the engine's questions for credentials from the user's
// Docker configuration.
func registryAuth(log io.Writer) session.Attachable {
	file := config.LoadDefaultConfigFile(log)
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: authprovider.LoadAuthConfig(file),
	})
}
