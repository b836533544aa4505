package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/progress"
	"whittle.dev/whittle/internal/tempfolder"
)

// app holds the options that every command has.
type app struct {
	in        io.Reader
	printer   output.Printer
	quiet     bool
	engine    string
	folder    *tempfolder.Folder
	tempWas   [][2]string // the variables that named the system's
	temp      string      // the system's folder of temporary files
	network   string
	cacheDir  string
	noCache   bool
	noIndexes bool
	verify    bool
	offline   bool
	limits    host.Limits
	keep      int64
	build     host.BuildLimits
	profile   profiling
	shown     *progress.Display // nil until something is shown
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "whittle",
		Short: "Make container images smaller without breaking them, and prove both",
		Long: `whittle makes container images smaller without breaking them. It builds every
variant of a project's image, says where every byte is and which bytes are
wasted, whether the image runs, and what could be removed; it can edit the
project's files and prove that the smaller image still runs.

  whittle lab .                      study the project in this folder
  whittle inspect python:3.13-slim   where the bytes of an image are
  whittle fix --verify --write .     make it smaller; keep what does no harm

IMAGE is docker:NAME, podman:NAME, registry:NAME, docker-archive:PATH,
oci-archive:PATH, oci:PATH or dir:PATH, rootfs:PATH for a root file system in a
folder, or - for an archive on standard input. For a bare path or name, whittle
tries a file, a folder, Docker, Podman and a registry, in that order. If a path
has several images, :TAG, :NAME or @DIGEST after it selects one.

Each option can be set by a variable, --cache-dir by WHITTLE_CACHE_DIR: see
whittle help environment. The limits have options, too: see whittle help limits.

Exit codes: 0 fine; 1 the answer is no (a variant does not build, or an image
does not run); 2 the command line or the input is wrong; 3 the engine, the
network or this machine failed; 130 interrupted.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		PersistentPreRunE: a.checkOptions,
	}
	root.SetVersionTemplate("whittle {{.Version}}\n")
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", cmp.Or(commandline.Columns(a.printer.Out, os.Getenv("COLUMNS")), 80))))
	root.SetFlagErrorFunc(flagError)
	f := root.PersistentFlags()
	f.BoolVar(&a.printer.JSON, "json", false, "print the result as JSON on standard output, messages on standard error")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print no progress")
	f.Var(flagvalue.Choice(&a.printer.Color, []string{commandline.ColorAuto, commandline.ColorAlways, commandline.ColorNever}), "color", "colours: auto (default: on a terminal; NO_COLOR and CLICOLOR_FORCE are respected), always or never")
	f.Var(flagvalue.Platform(&a.printer.Platform), "platform", "platform of a multi-platform image, such as linux/arm64, arm64 or linux/arm/v7")
	f.Var(flagvalue.Address(&a.engine), "engine", "BuildKit's address (tcp://, unix://, docker-container://, kube-pod://); also $BUILDKIT_HOST")
	f.Var(flagvalue.Choice(&a.network, []string{host.OwnNetwork, host.HostNetwork}), "engine-network", "network of an engine that whittle starts: own (default), or host, with which RUN reaches what listens on this machine; also $WHITTLE_ENGINE_NETWORK")
	f.StringVar(&a.cacheDir, "cache-dir", "", "folder for indexes and the build engine's state (default: whittle in the user's cache)")
	f.BoolVar(&a.noCache, "no-index-cache", false, "read layers again instead of taking their indexes from the cache")
	f.BoolVar(&a.noIndexes, "no-package-index", false, "ask no package index; use only earlier answers from the cache")
	f.BoolVar(&a.offline, "offline", false, "contact nothing over the network: no registry, no package index, no engine elsewhere; RUN steps have no network")
	f.BoolVar(&a.verify, "verify-digests", false, "check the digests of all layers, of large uncompressed ones and cached ones too")
	f.Var(flagvalue.Bound(&a.limits.Entries), "max-entries", "refuse an image with more tar entries (default 4,000,000)")
	f.Var(flagvalue.Bytes(&a.limits.Unpacked), "max-size", "refuse an image with more uncompressed bytes (default 256 GiB)")
	f.Var(flagvalue.Bytes(&a.limits.Unpacked), "max-unpacked", "the former name of --max-size")
	_ = f.MarkHidden("max-unpacked") // fails only if there is no such flag
	f.Var(flagvalue.Bytes(&a.limits.Name), "max-name", "refuse a file name of more bytes (default 4096)")
	f.Var(flagvalue.Bytes(&a.limits.Memory), "max-memory", "refuse an image whose lists of files need more bytes of memory; whittle itself needs at most four times as much (default 2 GiB)")
	f.Var(flagvalue.Bound(&a.limits.Ratio), "max-ratio", "refuse a large layer whose uncompressed size is more than this many times its stored size (default 1000)")
	f.Var(flagvalue.SizeOrNone(&a.build.Memory, host.NoLimit), "build-memory", "memory limit of all RUN steps and runs together, such as 8GB, or none (default three quarters of this machine's)")
	f.Var(flagvalue.Processes(&a.build.Pids, host.NoLimit), "build-pids", "limit of processes and threads in all RUN steps and runs together, or none (default 8192)")
	f.Var(flagvalue.Time(&a.build.Time, host.NoLimit), "build-timeout", "time limit of one build, such as 30m, or none (default 2h)")
	f.Var(flagvalue.Size(&a.keep), "engine-keep", "how much build cache to keep in an engine that whittle starts, such as 50GB (default 20GB)")
	f.StringVar(&a.profile.dir, "profile", "", "folder for what the processor and the memory were used for: cpu.pprof and heap.pprof, for go tool pprof")
	root.AddCommand(a.labCommand(), a.inspectCommand(), a.exploreCommand(), a.compareCommand(), a.checkCommand(), gateCommand(a), a.adviseCommand(), a.simulateCommand(), a.forecastCommand(), a.fixCommand(), squeezeCommand(a), verifyCommand(a), traceCommand(a), historyCommand(a), fleetCommand(a), serveCommand(a), a.cacheCommand(), a.engineCommand(), versionCommand(a), manCommand())
	root.AddCommand(limitsCommand(a, root), commandline.EnvironmentTopic(root))
	withoutLimits(root)
	root.InitDefaultHelpFlag() // else --help takes the word behind it for its value
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil && completion != root {
		completion.Args = none
		completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	if help, _, err := root.Find([]string{"help"}); err == nil && help != root {
		help.Args = knownTopic
	}
	addCompletions(root)
	commandline.ReadEnvironment(root)
	return root
}

// cache is the folder of whittle's own in the user's cache, empty where the
// user has none.
func (a *app) cache() (string, error) {
	if a.cacheDir != "" {
		return filepath.Abs(a.cacheDir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		a.printer.Note("nothing is cached, as there is no folder for it: --cache-dir names one")
		return "", nil
	}
	return filepath.Join(dir, "whittle"), nil
}

// env opens the outside world for the verbs.
func (a *app) env() (*host.Env, error) {
	dir, err := a.cache()
	if err != nil {
		return nil, err
	}
	a.ownTemp()
	o := host.SystemOptions{CacheDir: dir, NoIndexCache: a.noCache, Engine: a.engine, TempDir: a.temp, EngineNetwork: a.network, Progress: a.progress(), Limits: a.limits, EngineKeep: a.keep, BuildLimits: a.build, NoIndexes: a.noIndexes, VerifyDigests: a.verify}
	o.Platform = a.printer.Platform
	o.Input, o.InputTerminal = a.in, isTerminal(a.in)
	o.Note, o.Offline = a.printer.Note, a.offline
	env, err := host.System(o)
	if err == nil {
		for _, n := range env.Notes {
			a.printer.Note(n)
		}
	}
	return env, err
}

// tempPrefix begins the names of whittle's folders of temporary files.
const tempPrefix = "whittle-tmp-"

// ownTemp makes a folder for all that this process writes for a time, and
// removes those of whittles that were killed. Where none can be made there is
// the system's.
func (a *app) ownTemp() {
	for _, left := range tempfolder.Dead(a.temp, tempPrefix) {
		_ = left.Remove()
	}
	if a.folder != nil {
		return
	}
	folder, err := tempfolder.Make(filepath.Join(a.temp, whittle.TempName(tempPrefix)))
	if err != nil {
		return
	}
	a.folder = folder
	for _, name := range tempVariables {
		if old, ok := os.LookupEnv(name); ok {
			a.tempWas = append(a.tempWas, [2]string{name, old})
		}
		_ = os.Setenv(name, folder.Dir)
	}
}

// tempVariables are what [os.TempDir] looks at.
var tempVariables = []string{"TMPDIR", "TMP", "TEMP"}

// tidy removes the folder of temporary files.
func (a *app) tidy() {
	if a.folder == nil {
		return
	}
	_ = a.folder.Remove()
	for _, name := range tempVariables {
		_ = os.Unsetenv(name)
	}
	for _, v := range a.tempWas {
		_ = os.Setenv(v[0], v[1])
	}
}

// projectDir is the folder that a command of [DIR] is about.
func projectDir(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	return "."
}
