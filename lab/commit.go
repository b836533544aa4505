package lab

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"whittle"
)

const (
	journalName   = "journal"
	stagedPattern = ".whittle-staged-*"
)

// journal lists the files of one change, whose new contents lie staged beside
// it. Once it is there the change is made: by whoever wrote it or, where that
// one was killed, by the next study of the project.
type journal struct {
	// Dir is the project, Staged the folder of the new contents, by number.
	Dir    string       `json:"dir"`
	Staged string       `json:"staged"`
	Files  []journalRow `json:"files"`
}

type journalRow struct {
	// Path is relative to the project, links followed.
	Path string `json:"path"`
	// Before and After are the digests of the contents; Before is empty where
	// there was no file.
	Before whittle.Digest `json:"before"`
	After  whittle.Digest `json:"after"`
}

// commit changes files of a project, all of them or none: places are where they
// truly lie. A process that is killed within leaves what the next one finishes.
func (f folder) commit(ctx context.Context, env *Env, project string, files []whittle.FileChange, places []string) error {
	if len(files) == 0 {
		return nil
	}
	staged, err := os.MkdirTemp(f.dir, stagedPattern)
	if err != nil {
		return fmt.Errorf("writing the changes: %w: %w", err, whittle.ErrSystem)
	}
	j, err := stageAll(ctx, staged, project, files, places)
	if err == nil {
		err = f.begin(env, j)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(staged))
	}
	return f.replay(j) // from here on the change is made, whatever comes
}

// stageAll writes the new contents into a folder.
func stageAll(ctx context.Context, staged, project string, files []whittle.FileChange, places []string) (journal, error) {
	j := journal{Dir: project, Staged: filepath.Base(staged)}
	for i, c := range files {
		rel, err := filepath.Rel(project, places[i])
		if err != nil {
			return j, fmt.Errorf("writing %s: %w: %w", c.Path, err, whittle.ErrUsage)
		}
		row := journalRow{Path: filepath.ToSlash(rel), After: whittle.SHA256(sha256.Sum256(c.After))}
		if !c.Created {
			row.Before = whittle.SHA256(sha256.Sum256(c.Before))
		}
		j.Files = append(j.Files, row)
		if err := stage(filepath.Join(staged, fmt.Sprint(i)), places[i], c.After); err != nil {
			return j, fmt.Errorf("writing %s: %w: %w", c.Path, err, whittle.ErrSystem)
		}
	}
	syncFolder(staged)
	return j, ctx.Err()
}

// begin writes the journal.
func (f folder) begin(env *Env, j journal) error {
	text, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("writing the changes: %w", err)
	}
	return WriteFile(f.path(journalName), append(text, sealOf(env.key(), text)...))
}

// sealOf is a line that shows that this user's whittle has made the text.
func sealOf(key, text []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("whittle journal 1\n"))
	h.Write(text)
	return "\n" + hex.EncodeToString(h.Sum(nil)) + "\n"
}

// finish makes the change of a process that was killed in the middle of it. A
// journal that this user's whittle has not written is removed.
func (f folder) finish(env *Env, project string) error {
	text, err := whittle.Folder(f.dir).Read(journalName, maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var j journal
	body, _, _ := bytes.Cut(text, []byte("\n"))
	if err != nil || !hmac.Equal(text, append(bytes.Clone(body), sealOf(env.key(), body)...)) || json.Unmarshal(body, &j) != nil || j.Dir != project {
		return os.RemoveAll(f.path(journalName))
	}
	env.progress().Step("finishing a change of files that was interrupted")
	return f.replay(j)
}

// replay puts the staged contents in their places, and removes the journal. A
// file that somebody has changed meanwhile stays as it is.
func (f folder) replay(j journal) error {
	var failed error
	for i, row := range j.Files {
		staged := filepath.Join(f.path(j.Staged), fmt.Sprint(i))
		if err := f.place(j.Dir, row, staged); err != nil {
			failed = errors.Join(failed, fmt.Errorf("writing %s: %w: %w", row.Path, err, whittle.ErrSystem))
		}
	}
	if failed != nil {
		return whittle.WithHint(failed, "the next run of whittle on the project tries again")
	}
	for _, row := range j.Files {
		syncFolder(filepath.Join(j.Dir, filepath.FromSlash(filepath.Dir(row.Path))))
	}
	err := os.Remove(f.path(journalName))
	syncFolder(f.dir)
	if err != nil {
		return fmt.Errorf("removing the journal: %w: %w", err, whittle.ErrSystem)
	}
	return os.RemoveAll(f.path(j.Staged))
}

// place puts one staged content in its place.
func (f folder) place(project string, row journalRow, staged string) error {
	after, err := whittle.ReadFile(staged, whittle.MaxText)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was renamed into its place before the process was killed
	}
	if err != nil {
		return err
	}
	now, err := whittle.Folder(project).ReadFile(row.Path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	digest := whittle.SHA256(sha256.Sum256(now))
	target := filepath.Join(project, filepath.FromSlash(row.Path))
	switch {
	case whittle.SHA256(sha256.Sum256(after)) != row.After:
		return fmt.Errorf("its new content was damaged: %w", whittle.ErrCorrupt)
	case !missing && digest == row.After:
		return os.Remove(staged)
	case missing && row.Before == "", !missing && digest == row.Before:
	case !missing && bytes.HasPrefix(after, now): // it was being written in its place
	default:
		return os.Remove(staged) // changed by somebody else since
	}
	if replaceable(staged, target) {
		if err := os.Rename(staged, target); err == nil || errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// Another file system, another owner, or a file of several names.
	if err := overwrite(target, after); err != nil {
		return err
	}
	return os.Remove(staged)
}

// stage writes a new content with the mode, owner and attributes of the file
// that it will replace.
func stage(staged, target string, text []byte) error {
	mode := fs.FileMode(0o644)
	old, err := os.Stat(target)
	if err == nil {
		mode = old.Mode().Perm()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(staged, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err == nil {
		inherit(out, target, old)
		err = errors.Join(out.Chmod(mode), out.Sync())
	}
	return errors.Join(err, out.Close())
}

// overwrite writes a file in its place, so that it stays the file that it is.
func overwrite(target string, text []byte) error {
	out, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
