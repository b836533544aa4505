package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/static"
)

// addCompletions says what may be at each place of each command: values of its
// options, images and folders. What is not named here is no file either.
func addCompletions(root *cobra.Command) {
	byFlag := flagCompletions()
	for _, cmd := range commandline.AllCommands(root) {
		add := func(f *pflag.Flag) {
			do := byFlag[f.Name]
			if words := flagvalue.Words(f.Value); words != nil {
				do = commandline.Fixed(words...)
			} else if formats, ok := flagvalue.OutputFormats(f.Value); ok {
				do = outputWords(formats)
			}
			if do == nil {
				do = commandline.Fixed()
			}
			if f.Value.Type() != "bool" {
				_ = cmd.RegisterFlagCompletionFunc(f.Name, do) // fails only if there is no such flag, or two
			}
		}
		cmd.PersistentFlags().VisitAll(add)
		cmd.LocalNonPersistentFlags().VisitAll(add)
		if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && !cmd.HasSubCommands() {
			cmd.ValidArgsFunction = argumentWords(cmd)
		}
	}
}

// flagCompletions are the values of options, by name. Those of an option that
// has a few words only (a choice) are known from it.
func flagCompletions() map[string]commandline.Words {
	folder := func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	file := func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return map[string]commandline.Words{
		"only":      ruleNames,
		"variant":   variantNames,
		"target":    stageNames,
		"risk":      commandline.Fixed(string(whittle.RiskNone), string(whittle.RiskLow), string(whittle.RiskMedium), string(whittle.RiskHigh)),
		"objective": commandline.Fixed(lab.Objectives()...),
		"strategy":  commandline.Fixed("two-stage", "single-stage", "distroless"),
		"platform":  commandline.Fixed("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/riscv64", "linux/s390x", "windows/amd64"),
		"engine":    commandline.Open(commandline.Fixed("tcp://", "unix://", "docker-container://", "kube-pod://")),
		"secret":    commandline.Open(commandline.Fixed("id=")),
		"cache-from": commandline.Open(commandline.Fixed("type=local,src=", "type=registry,ref=",
			"type=gha")),
		"cache-to": commandline.Open(commandline.Fixed("type=local,dest=", "type=registry,ref=", "type=gha", "type=inline")),
		"allow":    commandline.Open(commandline.Fixed("fs.read=", "fs.write=", "env=", "ssh", "cache-to")),
		"image":    commandline.Open(imageOfVariant),
		"baseline": imageNames,
		"out":      folder, "project": folder, "cache-dir": folder, "profile": folder,
		"file": file, "trace": file, "config": file, "env-file": file,
	}
}

// outputWords are FORMAT=.
func outputWords(formats []string) commandline.Words {
	var all []string
	for _, format := range formats {
		all = append(all, format+"=")
	}
	return commandline.Open(commandline.Fixed(all...))
}

// ruleNames are the rules, with their titles; several have commas between them.
func ruleNames(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	before, last := commandline.CutList(begun)
	for _, r := range audit.Rules() {
		if strings.HasPrefix(r.ID, last) && !slices.Contains(strings.Split(before, ","), r.ID) {
			out = append(out, cobra.CompletionWithDesc(before+r.ID, r.Title))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// variantNames are the variants of the project that the command is about.
func variantNames(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before, last := commandline.CutList(begun)
	var out []cobra.Completion
	for _, name := range variants(cmd, args) {
		if strings.HasPrefix(name, last) && !slices.Contains(strings.Split(before, ","), name) {
			out = append(out, before+name)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func variants(cmd *cobra.Command, args []string) []string {
	config := ""
	if f := cmd.Flags().Lookup("config"); f != nil {
		config = f.Value.String()
	}
	return commandline.Soon(func(context.Context) ([]string, error) { return host.Variants(projectDir(args), config) })
}

// imageOfVariant is VARIANT=, and behind it an image.
func imageOfVariant(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if variant, image, ok := strings.Cut(begun, "="); ok {
		var out []cobra.Completion
		for _, name := range images(image) {
			out = append(out, variant+"="+name)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	var all []string
	for _, name := range variants(cmd, args) {
		all = append(all, name+"=")
	}
	return commandline.Beginning(all, begun), cobra.ShellCompDirectiveNoFileComp
}

// stageNames are the stages of the Dockerfile that --file names.
func stageNames(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	file := "Dockerfile"
	if f := cmd.Flags().Lookup("file"); f != nil && f.Value.String() != "" {
		file = f.Value.String()
	}
	all := commandline.Soon(func(context.Context) ([]string, error) { return host.Stages(file) })
	return commandline.Beginning(all, begun), cobra.ShellCompDirectiveNoFileComp
}

// argumentWords are a command's arguments, as its usage line says: IMAGE and A,
// B are images, DIR is a folder.
func argumentWords(cmd *cobra.Command) commandline.Words {
	usage := strings.TrimPrefix(cmd.Use, cmd.Name())
	image, dir := strings.Contains(usage, "IMAGE") || strings.Contains(usage, "A B"), strings.Contains(usage, "DIR")
	text := strings.Contains(usage, "DOCKERFILE")
	most := 1
	switch {
	case strings.Contains(usage, "…"):
		most = -1
	case strings.Contains(usage, "OTHER"):
		most = 2
	}
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case !image && !dir, most >= 0 && len(args) >= most:
			return nil, cobra.ShellCompDirectiveNoFileComp
		case image:
			names, directive := imageNames(cmd, args, begun)
			if text {
				names = append(names, commandline.FilesBeginning(begun, func(path string, _ bool) bool { return static.IsDockerfile(path) })...)
			}
			return names, directive
		}
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
}

// imageNames are images of the local engine, and files that may be images. If
// there is neither, shells go on with all files and folders.
func imageNames(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if scheme, rest, ok := strings.Cut(begun, ":"); ok {
		switch {
		case strings.HasSuffix(scheme, "archive"), strings.HasPrefix(scheme, "oci"):
			var out []cobra.Completion
			for _, file := range imageFiles(rest) {
				out = append(out, scheme+":"+file)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		case scheme == "docker":
			var out []cobra.Completion
			for _, name := range images(rest) {
				out = append(out, "docker:"+name)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		}
	}
	return append(images(begun), imageFiles(begun)...), cobra.ShellCompDirectiveDefault
}

// images are the local engine's images whose names begin with a text.
func images(begun string) []cobra.Completion {
	return commandline.Beginning(commandline.Soon(host.LocalImages), begun)
}

// imageFiles are the archives and the OCI layouts in a folder whose paths begin
// with a text.
func imageFiles(begun string) []cobra.Completion {
	return commandline.FilesBeginning(begun, func(path string, isDir bool) bool {
		if isDir {
			_, err := os.Stat(filepath.Join(path, "oci-layout"))
			return err == nil
		}
		return slices.ContainsFunc(archiveEndings, func(end string) bool { return strings.HasSuffix(path, end) })
	})
}

// archiveEndings are how the names of archives of images end.
var archiveEndings = []string{".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".oci"}
