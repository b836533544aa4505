package main

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/destination"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
)

const squeezeLong = `squeeze makes an image smaller without its Dockerfile. It leaves out what no
container of the image can see: files that a later layer deletes, replaces or has
again, and whiteouts that hide nothing. Everything else is copied byte for byte.
The merged root file system and the configuration stay the same, but for the
lists of layers; squeeze proves that by two readings before it writes anything.
The image that is read is never changed.

  whittle squeeze app:1.0                            what it would save
  whittle squeeze app:1.0 -o docker:app:1.0-small
  whittle squeeze app.tar -o docker-archive:small.tar:app:1.0
  whittle squeeze app:1.0 -o registry:example.org/app:1.0-small

DEST is docker-archive:FILE[:NAME], oci-archive:FILE[:TAG],
oci-layout:FOLDER[:TAG], registry:NAME, docker:NAME, or FILE.tar. It has the
whole image in the end, or what it had before.

Layers of the base image stay as they are, so that images of the same base go on
sharing them. whittle knows them by the Dockerfile (--file), by the base image
(--base-image) or by their number (--base-layers).

--fix RULE also removes what a rule finds: docs-and-locales,
package-manager-cache, python-tests, static-libraries, strip-debug (symbols and
debugging sections of libraries) or unused-dependency (Python distributions that
nothing uses, as files show; --trace FILE says what runs touched). The lists of
files of Python distributions (RECORD) and of dpkg stay true. What is left is
checked, and with --run also run; a finding whose removal does harm is taken
back. The output and the certificate name what was removed, and whittle verify
--certificate says that the two images differ in nothing else.

  whittle squeeze app:1.0 --fix python-tests --certificate c.json -o small.tar
  whittle verify app:1.0 small.tar --certificate c.json

--traced removes the Python distributions and the Debian packages that no run of
a workload touches and that nothing which stays needs, as far as files show. The
workload is what the image starts, --command, and the commands and tests (--test)
of a project. Every other run is held out, and all have to pass on the result. The
output says what the held-out runs would have missed, and which share of further
runs would; if it is more than --miss, they come back until it is not.

  whittle squeeze app:1.0 --traced --command "app report" --project . --test`

// squeezeOptions are the options of squeeze.
type squeezeOptions struct {
	audit.IntoOptions
	to, file, target, base, certificate, trace string
	traced                                     bool
	workload                                   audit.TracedOptions
	runs                                       runOptions
}

func squeezeCommand(a *app) *cobra.Command {
	var o squeezeOptions
	var out *output.Output[*whittle.Squeeze]
	cmd := &cobra.Command{
		Use:   "squeeze IMAGE [-o DEST]",
		Short: "Write a smaller image with the same file system, without its Dockerfile",
		Long:  squeezeLong,
		Args:  oneImage("whittle squeeze app:1.0 -o docker-archive:small.tar", "run it for each of them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd); err != nil {
				return err
			}
			frugal()
			env, err := a.env()
			if err != nil {
				return err
			}
			s, c, err := audit.SqueezeInto(cmd.Context(), env, args[0], o.IntoOptions)
			if err != nil {
				return err
			}
			if o.certificate != "" {
				var text bytes.Buffer
				if err := jsontext.Write(&text, c); err != nil {
					return err
				}
				if err := commandline.Put(o.certificate, text.String()); err != nil {
					return err
				}
			}
			return out.Write(s)
		},
	}
	f := cmd.Flags()
	o.base = "keep"
	f.Var(flagvalue.Choice(&o.base, []string{"keep", "rewrite"}), "base", "layers of the base image: keep, so that they stay shared, or rewrite")
	f.StringVar(&o.BaseImage, "base-image", "", "the base image: its layers are those that both have")
	f.Var(flagvalue.Bound(&o.BaseLayers), "base-layers", "how many of the lowest layers are those of the base image")
	f.StringVarP(&o.file, "file", "f", "", "the Dockerfile that made the image, which tells the layers of its base")
	f.StringVar(&o.target, "target", "", "the stage of the Dockerfile that was built")
	o.Compress = "keep"
	f.Var(flagvalue.Choice(&o.Compress, []string{"keep", "gzip", "zstd", "zstd:chunked", "tar"}), "compress", "compression of layers: keep what each has, gzip, zstd, zstd:chunked, or tar for none; a layer stays as it is if it would be larger")
	f.Var(flagvalue.Bound(&o.Level), "level", "level of --compress: 1 to 9 for gzip, 1 to 19 for zstd and zstd:chunked (default: the usual one)")
	f.BoolVar(&o.Merge, "merge", false, "make one layer of all above those of the base image")
	f.BoolVar(&o.AnyRuntime, "any-runtime", false, "go on if container runtimes merge some of the layers differently")
	f.Var(flagvalue.Names(&o.Fix), "fix", "remove what this rule finds: "+strings.Join(audit.Trims, ", ")+" (repeatable)")
	f.StringVar(&o.trace, "trace", "", "with --fix, what runs touched, a file of whittle trace -o json=FILE: nothing of that goes")
	f.BoolVar(&o.Run, "run", false, "with --fix or --traced, also run all that the check starts, before and after")
	f.BoolVar(&o.traced, "traced", false, "remove the Python distributions and Debian packages that no run touches and that nothing which stays needs")
	o.workload.Miss = 0.01
	f.Var(flagvalue.Share(&o.workload.Miss), "miss", "with --traced, the estimated share of further runs that may touch something that was removed: what is over it stays, and 100% keeps nothing back")
	o.workload.Patience, o.runs.RunOptions = audit.TracePatience, &o.workload.RunOptions
	o.runs.flags(f, "with --traced, another command line to run", "with --traced, how long to watch an entry point that keeps running and does not answer")
	f.BoolVar(&o.workload.Test, "test", false, "with --traced, also run the project's tests (test: of whittle.yaml)")
	f.StringVar(&o.certificate, "certificate", "", "write a certificate (JSON) to this file: that both images have the same file system, but for what --fix and --traced removed, and configuration")
	f.BoolVar(&o.Attach, "attach", false, "also write the certificate beside the image, as an artifact about it: for OCI layouts, OCI archives and registries")
	out = output.New(&a.printer, cmd,
		output.Form[*whittle.Squeeze]{Name: output.Text, Write: func(w io.Writer, st page.Style, s *whittle.Squeeze) error { return report.SqueezeText(w, s, st) }},
		output.AsJSON(func(s *whittle.Squeeze) any { return s }),
		output.Form[*whittle.Squeeze]{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, s *whittle.Squeeze) error { return report.SqueezeMarkdown(w, s) }})
	output := f.Lookup("output")
	output.Value = placeOrFile{output.Value, &o.to}
	output.Usage = "DEST, where the image is written; or FORMAT=FILE, a file that the result is also written to, such as json=result.json (repeatable)"
	f.Var(place{&o.to}, "to", "DEST, as with -o")
	return cmd
}

// complete reads what the options say together.
func (o *squeezeOptions) complete(cmd *cobra.Command) (err error) {
	o.RewriteBase, o.Version = o.base == "rewrite", version()
	if o.RewriteBase {
		if err := unused(cmd, "--base rewrite squeezes all layers", "base-image", "base-layers"); err != nil {
			return err
		}
	}
	if o.Inspect, err = dockerfileOption(o.file, o.target); err != nil {
		return err
	}
	if err := audit.KnownTrims(o.Fix); err != nil {
		return err
	}
	if len(o.Fix) == 0 {
		if err := unused(cmd, "nothing is removed without --fix, and --traced traces by itself", "trace"); err != nil {
			return err
		}
	}
	if o.IntoOptions.Trace, err = traceOption(o.trace); err != nil {
		return err
	}
	if len(o.Fix) == 0 && !o.traced {
		if err := unused(cmd, "nothing is removed without --fix or --traced", "run"); err != nil {
			return err
		}
	}
	if err := o.completeTraced(cmd); err != nil {
		return err
	}
	if o.to == "" {
		return unused(cmd, "nothing is written without -o DEST", "certificate", "attach")
	}
	to, err := destination.Parse(o.to)
	if err != nil {
		return err
	}
	o.To = &to
	if o.certificate != "" {
		return commandline.Writable(o.certificate)
	}
	return nil
}

// completeTraced reads what decides what is removed as untouched.
func (o *squeezeOptions) completeTraced(cmd *cobra.Command) error {
	if !o.traced {
		return unused(cmd, "nothing is traced without --traced", "miss", "command", "patience", "project", "test", "secret", "ssh", "env", "env-file", "cache-from", "cache-to", "allow")
	}
	if err := unused(cmd, "nothing is built", "cache-from", "cache-to"); err != nil {
		return err
	}
	o.Traced = &o.workload
	return o.runs.complete()
}

// placeOrFile is -o: a place for an image, or FORMAT=FILE.
type placeOrFile struct {
	pflag.Value
	to *string
}

func (p placeOrFile) Type() string { return "dest" }

// Repeatable says that each line of a variable is one.
func (p placeOrFile) Repeatable() bool { return true }

func (p placeOrFile) String() string {
	if p.Value == nil {
		return ""
	}
	return strings.TrimSpace(*p.to + " " + p.Value.String())
}

func (p placeOrFile) Set(s string) error {
	if !destination.Is(s) && (strings.Contains(s, "=") || !strings.HasSuffix(s, ".tar")) {
		if _, _, ok := strings.Cut(s, "="); !ok {
			_, err := destination.Parse(s)
			return errors.Join(err)
		}
		return p.Value.Set(s)
	}
	return place{p.to}.Set(s)
}

// place is --to: a place for an image.
type place struct{ to *string }

func (p place) Type() string { return "dest" }

func (p place) String() string {
	if p.to == nil {
		return ""
	}
	return *p.to
}

func (p place) Set(s string) error {
	if _, err := destination.Parse(s); err != nil {
		return err
	}
	if *p.to != "" && *p.to != s {
		return errors.New("an image is written to one place, and not to " + *p.to + " too")
	}
	*p.to = s
	return nil
}

const verifyLong = `verify says whether two images have the same merged root file system (path, type,
mode, owner, time, content, links, extended attributes, devices) and the same
configuration but for its layers and history. It needs nothing but the two images, and reads
each in two ways, which have to agree, as the tables of contents of zstd:chunked layers do.

  whittle verify app:1.0 docker-archive:small.tar

With the certificate of an image from which squeeze --fix or --traced removed
something, they may differ in what it lists, and in nothing else.

Exit codes: 0 they are the same, or differ in just that; 1 they differ; 2 the command line or the input is
wrong; 3 the engine, the network or this machine failed.`

func verifyCommand(a *app) *cobra.Command {
	var file string
	var out *output.Output[*whittle.TreeComparison]
	cmd := &cobra.Command{
		Use:   "verify A B",
		Short: "Say whether two images have the same file system and configuration",
		Long:  verifyLong,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("such as whittle verify app:1.0 docker-archive:small.tar", "verify takes two images, and not %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			frugal()
			env, err := a.env()
			if err != nil {
				return err
			}
			var trims *whittle.Certificate
			if file != "" {
				if trims, err = audit.ReadCertificate(file); err != nil {
					return err
				}
			}
			c, err := audit.SameTree(cmd.Context(), env, args[0], args[1], trims)
			if err != nil {
				return err
			}
			if err := out.Write(c); err != nil {
				return err
			}
			if !c.Explained() {
				return errNo
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "certificate", "", "the certificate of squeeze --fix or --traced: the images may differ in what it lists")
	out = output.New(&a.printer, cmd,
		output.Form[*whittle.TreeComparison]{Name: output.Text, Write: func(w io.Writer, st page.Style, c *whittle.TreeComparison) error { return report.VerifyText(w, c, st) }},
		output.AsJSON(func(c *whittle.TreeComparison) any { return c }),
		output.Form[*whittle.TreeComparison]{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, c *whittle.TreeComparison) error { return report.VerifyMarkdown(w, c) }})
	return cmd
}
