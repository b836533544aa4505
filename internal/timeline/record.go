package timeline

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/history"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
)

// Recording is what a command keeps in a history of what it measures.
type Recording struct {
	// On says that something is kept.
	On bool
	// Database is a file or an address; empty is a file of the user's.
	Database string
	// Offline refuses a database that is not a file.
	Offline bool

	origin  whittle.RecordRow
	records []*whittle.Record
}

// OfProject says that records are of a project in a folder, of what is checked out
// there. If its configuration has "history: true", that sets On.
func (r *Recording) OfProject(ctx context.Context, command, dir, config string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil // the command itself says so
	}
	name, always, err := project.Recorded(dir, config)
	if err != nil {
		return err
	}
	if r.On = r.On || always; !r.On {
		return nil
	}
	state, err := git.Current(ctx, dir, outdir.Name)
	r.origin = whittle.RecordRow{Command: command, Project: name, Commit: state.Commit, Branch: state.Branch, Modified: state.Modified}
	return err
}

// labelRevision is where an image says of which commit it is.
// https://github.com/opencontainers/image-spec/blob/main/annotations.md
const labelRevision = "org.opencontainers.image.revision"

var commitHash = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// OfImage says that records are of an image by its name, without a tag or a file's
// ending, and of the commit that its labels name.
func (r *Recording) OfImage(command, name string, labels map[string]string) {
	r.origin = whittle.RecordRow{Command: command, Project: withoutTag(name)}
	if _, err := os.Stat(name); err == nil {
		base := filepath.Base(name)
		r.origin.Project = cmp.Or(strings.TrimSuffix(base, filepath.Ext(base)), base)
	}
	if commit := strings.ToLower(labels[labelRevision]); commitHash.MatchString(commit) {
		r.origin.Commit = commit
	}
}

// withoutTag is the name of an image without its place, tag and digest:
// registry:example.org/app:1.0 is example.org/app.
func withoutTag(name string) string {
	rest := name
	if scheme, after, ok := strings.Cut(name, ":"); ok && !strings.ContainsAny(scheme, "./") && after != "" && !isTag(after) {
		rest = after
	}
	rest, _, _ = strings.Cut(rest, "@")
	if colon := strings.LastIndexByte(rest, ':'); colon > strings.LastIndexByte(rest, '/') && colon > 0 {
		rest = rest[:colon]
	}
	return cmp.Or(rest, name)
}

// isTag says that a text behind a colon is a tag, as in app:1.0, and no name of an image,
// as in docker:app: a name without a place may have one only.
func isTag(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' || s == "latest" }

// Add takes an image, which [Recording.Save] writes; more sets what the caller knows
// beside it, if it is not nil. Nothing is done if nothing is kept.
func (r *Recording) Add(s *audit.Subject, findings []whittle.Finding, more func(*whittle.Record)) {
	if !r.On {
		return
	}
	in := s.Inspection()
	image := s.Baseline(in)
	record := &whittle.Record{RecordRow: r.origin, Image: image, Categories: in.Categories, Findings: recorded(findings)}
	record.Time = time.Now().UTC().Format(time.RFC3339Nano)
	record.Ref, record.Digest, record.Platform, record.Sizes, record.Files, record.Startup, record.Build = image.Ref, image.Digest, image.Platform, image.Sizes, image.Files, image.Startup, image.Build
	if more != nil {
		more(record)
	}
	r.records = append(r.records, record)
}

// Inspect inspects an image, and adds it to what is recorded.
func (r *Recording) Inspect(ctx context.Context, env *host.Env, image string, o audit.InspectOptions) (*whittle.Inspection, error) {
	if !r.On {
		return audit.Inspect(ctx, env, image, o)
	}
	s, err := audit.Open(ctx, env, image, o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	in, err := s.Inspect(o)
	if err == nil {
		r.OfImage("inspect", image, s.Config().Config.Labels)
		r.Add(s, nil, nil)
	}
	return in, err
}

// recorded are findings as a record keeps them.
func recorded(all []whittle.Finding) []whittle.RecordFinding {
	out := make([]whittle.RecordFinding, 0, len(all))
	for i := range all {
		out = append(out, whittle.RecordFinding{Rule: all[i].Rule, Fingerprint: all[i].Fingerprint, Saving: all[i].Saving})
	}
	return out
}

// Last changes the record that was added last; without one it does nothing.
func (r *Recording) Last(change func(*whittle.Record)) {
	if n := len(r.records); n > 0 {
		change(r.records[n-1])
	}
}

// OfStudy gives the records of a study's variants what the study has measured. The only
// variant of a project has no name in the history.
func (r *Recording) OfStudy(s *whittle.Study) {
	r.records = slices.DeleteFunc(r.records, func(record *whittle.Record) bool {
		at := slices.IndexFunc(s.Variants, func(v whittle.Variant) bool { return v.Name == record.Variant })
		if at < 0 {
			return true
		}
		v := &s.Variants[at]
		m := audit.Measured(v)
		record.Engine, record.Startup, record.Build = v.Build.Engine, m.StartupSeconds, m.BuildSeconds
		if v.Check != nil {
			record.Runs = v.Check.Verdict
		}
		if len(s.Variants) == 1 {
			record.Variant = ""
		}
		return false
	})
}

// Save writes what was added.
func (r *Recording) Save(ctx context.Context) error {
	if len(r.records) == 0 {
		return nil
	}
	s, err := OpenHistory(ctx, r.Database, r.Offline)
	if err != nil {
		return err
	}
	for _, record := range r.records {
		if err := s.Add(ctx, record); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return s.Close()
}

// OpenHistory opens a history: a file or an address, or this user's where it is empty. If
// whittle is offline, an address is refused.
func OpenHistory(ctx context.Context, where string, offline bool) (*history.Store, error) {
	where, err := history.Where(where, offline)
	if err != nil {
		return nil, err
	}
	return history.Open(ctx, where)
}

// ProjectName is the name by which the images of the project in a folder are in a history.
func ProjectName(dir string) (string, error) {
	name, _, err := project.Recorded(dir, "")
	return name, err
}
