package outdir

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"whittle.dev/whittle"
)

const (
	journalName   = "journal"
	stagedPattern = ".whittle-staged-*"
	besidePrefix  = ".whittle-"
	besideSuffix  = ".partial"
	// beforeSuffix is the suffix of a copy of the old content, beside the staged
	// new one, of a file that will be overwritten in place.
	beforeSuffix = ".before"
)

// journal lists the files of one change, whose new contents are staged. Once it is
// written and ready, the change is certain to be made: by the process that wrote it
// or, if that was killed, by the next study of the project.
type journal struct {
	// Dir is the project, Staged the folder of the new contents, by number.
	Dir    string       `json:"dir"`
	Staged string       `json:"staged"`
	Files  []journalRow `json:"files"`
	// Ready says that all staged contents are written, so that the change can be
	// made. A journal that is not ready names the contents beside files, so that
	// they can be removed.
	Ready bool `json:"ready"`
}

type journalRow struct {
	// Path is relative to the project, links resolved.
	Path string `json:"path"`
	// Before and After are the digests of the contents; Before is empty if there
	// was no file.
	Before whittle.Digest `json:"before"`
	After  whittle.Digest `json:"after"`
	// Beside is the path, relative to the project, of a copy of the new content
	// beside the old one, if the staged one cannot be renamed to Path.
	Beside string `json:"beside,omitempty"`
}

// Commit changes files of a project, all of them or none. places are their paths
// with links resolved. If the process is killed, the next one finishes the change.
func (f Folder) Commit(ctx context.Context, project string, files []whittle.FileChange, places []string) error {
	if len(files) == 0 {
		return nil
	}
	staged, err := os.MkdirTemp(f.Dir, stagedPattern)
	if err != nil {
		return whittle.ErrSystem.Errorf("writing the changes: %w", err)
	}
	j, err := stageAll(ctx, staged, project, files, places)
	if err == nil {
		err = f.prepare(&j)
	}
	if err != nil {
		return errors.Join(err, f.undo(j))
	}
	return f.replay(j) // from here on the change will be made even if this process is killed
}

// stageAll writes the new contents into a folder.
func stageAll(ctx context.Context, staged, project string, files []whittle.FileChange, places []string) (journal, error) {
	j := journal{Dir: project, Staged: filepath.Base(staged)}
	for i, c := range files {
		rel, err := filepath.Rel(project, places[i])
		if err != nil {
			return j, whittle.ErrUsage.Errorf("writing %s: %w", c.Path, err)
		}
		row := journalRow{Path: filepath.ToSlash(rel), After: whittle.SHA256(sha256.Sum256(c.After))}
		if !c.Created {
			row.Before = whittle.SHA256(sha256.Sum256(c.Before))
		}
		t, err := openTarget(project, row.Path)
		if err == nil {
			err = errors.Join(t.stage(filepath.Join(staged, fmt.Sprint(i)), c), t.close())
		}
		if err != nil {
			return j, whittle.ErrSystem.Errorf("writing %s: %w", c.Path, err)
		}
		j.Files = append(j.Files, row)
	}
	syncFolder(staged)
	return j, ctx.Err()
}

// prepare copies staged contents beside their files if necessary, and writes the
// journal.
func (f Folder) prepare(j *journal) error {
	beside := false
	for i := range j.Files {
		row := &j.Files[i]
		staged := filepath.Join(f.Path(j.Staged), fmt.Sprint(i))
		if here, err := needsNoCopy(j.Dir, row.Path, staged); err != nil || here {
			if err != nil {
				return whittle.ErrSystem.Errorf("writing %s: %w", row.Path, err)
			}
			continue
		}
		row.Beside, beside = path.Join(path.Dir(row.Path), besidePrefix+rand.Text()[:8]+besideSuffix), true
	}
	if beside {
		if err := f.writeJournal(*j); err != nil {
			return err
		}
		if err := f.stageBesideAll(j); err != nil {
			return err
		}
	}
	j.Ready = true
	return f.writeJournal(*j)
}

// stageBesideAll copies staged contents to folders in which they can be renamed.
func (f Folder) stageBesideAll(j *journal) error {
	for i, row := range j.Files {
		if row.Beside == "" {
			continue
		}
		text, err := whittle.ReadFile(filepath.Join(f.Path(j.Staged), fmt.Sprint(i)), whittle.MaxText)
		if err != nil {
			return whittle.ErrSystem.Errorf("writing %s: %w", row.Path, err)
		}
		t, err := openTarget(j.Dir, row.Path)
		if err == nil {
			err = errors.Join(t.stageBeside(filepath.FromSlash(row.Beside), text), t.close())
		}
		if err != nil {
			return whittle.ErrSystem.Errorf("writing %s: %w", row.Path, err)
		}
	}
	return nil
}

// undo removes the journal and the staged contents of a change that is given up.
func (f Folder) undo(j journal) error {
	err := whittle.Folder(f.Dir).Remove(journalName)
	for _, row := range j.Files {
		if row.Beside != "" {
			err = errors.Join(err, whittle.Folder(j.Dir).Remove(row.Beside))
		}
	}
	return errors.Join(err, os.RemoveAll(f.Path(j.Staged)))
}

// writeJournal writes the journal.
func (f Folder) writeJournal(j journal) error {
	text, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("writing the changes: %w", err)
	}
	return whittle.Folder(f.Dir).Write(journalName, append(text, journalSeal(f.key, text)...), 0o600)
}

// journalSeal is a line with the authentication code of a journal's text.
func journalSeal(key, text []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("whittle journal 1\n"))
	h.Write(text)
	return "\n" + hex.EncodeToString(h.Sum(nil)) + "\n"
}

// parseJournal parses a journal; ok is false unless it was written with the key and
// for the project.
func parseJournal(text, key []byte, project string) (j journal, ok bool) {
	body, _, _ := bytes.Cut(text, []byte("\n"))
	if !hmac.Equal(text, append(bytes.Clone(body), journalSeal(key, body)...)) || json.Unmarshal(body, &j) != nil || j.Dir != project {
		return journal{}, false
	}
	staged, err := filepath.Match(stagedPattern, j.Staged) // this folder is removed with its contents
	return j, staged && err == nil
}

// recover finishes the change of a process that was killed. A journal that was not
// written with this user's key is removed.
func (f Folder) recover(project string, say func(string)) error {
	text, err := whittle.Folder(f.Dir).Read(journalName, maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var j journal
	ok := err == nil
	if ok {
		j, ok = parseJournal(text, f.key, project)
	}
	if !ok {
		return os.RemoveAll(f.Path(journalName))
	}
	if !j.Ready {
		return f.undo(j)
	}
	say("finishing a change of files that was interrupted")
	return f.replay(j)
}

// replay moves the staged contents to their places, and removes the journal. A
// file that was changed meanwhile is not touched.
func (f Folder) replay(j journal) error {
	var failed error
	for i, row := range j.Files {
		staged := filepath.Join(f.Path(j.Staged), fmt.Sprint(i))
		if err := f.placeFile(j.Dir, row, staged); err != nil {
			failed = errors.Join(failed, whittle.ErrSystem.Errorf("writing %s: %w", row.Path, err))
		}
	}
	if failed != nil {
		return whittle.WithHint(failed, "the next run of whittle on the project tries again")
	}
	for _, row := range j.Files {
		syncFolder(filepath.Join(j.Dir, filepath.FromSlash(filepath.Dir(row.Path))))
	}
	err := os.Remove(f.Path(journalName))
	syncFolder(f.Dir)
	if err != nil {
		return whittle.ErrSystem.Errorf("removing the journal: %w", err)
	}
	return os.RemoveAll(f.Path(j.Staged))
}

// placeFile moves one staged content to its place.
func (f Folder) placeFile(project string, row journalRow, staged string) error {
	after, err := whittle.ReadFile(staged, whittle.MaxText)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was renamed before the process was killed
	}
	if err != nil {
		return err
	}
	if whittle.SHA256(sha256.Sum256(after)) != row.After {
		return whittle.ErrCorrupt.Errorf("its new content was damaged")
	}
	t, err := openTarget(project, row.Path)
	if err != nil {
		return err
	}
	defer t.close()
	now, err := whittle.Folder(project).ReadFile(row.Path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	digest := whittle.SHA256(sha256.Sum256(now))
	ours := missing && row.Before == "" || !missing && digest == row.Before || !missing && t.halfWritten(now, after, staged)
	if ours && (missing || digest != row.After) { // otherwise it is done, or was changed since
		if err := t.replace(staged, row, after); err != nil {
			return err
		}
	}
	if row.Beside != "" {
		_ = whittle.Folder(project).Remove(row.Beside)
	}
	_ = os.Remove(staged + beforeSuffix)
	if err := os.Remove(staged); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
