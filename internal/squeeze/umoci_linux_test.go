package squeeze

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/source"
)

// TestUmoci: umoci unpacks an edge image, and what it was squeezed to, into what the tree
// says: path, type, mode, owner, time, size, link, and which names are of one file.
func TestUmoci(t *testing.T) {
	program, err := exec.LookPath("umoci")
	if err != nil {
		t.Skip("umoci is not here: it is Debian's package of that name")
	}
	if os.Geteuid() != 0 {
		t.Skip("umoci needs root for owners and devices")
	}
	for _, e := range edges {
		if e.kept == nil {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			img := e.image(t, imagetest.Plain)
			out, indexes, err := squeezed(t, img, Job{})
			if err != nil {
				t.Fatal(err)
			}
			l, err := ledger.Build(indexes, ledger.Options{})
			if err != nil {
				t.Fatal(err)
			}
			tree := FromLedger(indexes, l)
			was, err := unpackWith(t, program, img)
			if err != nil {
				t.Skipf("umoci does not unpack the image as it is: %v", err)
			}
			compareFolder(t, "as it was", tree, was)
			is, err := unpackWith(t, program, imageOf(t, img, out))
			if err != nil {
				t.Fatal(err)
			}
			compareFolder(t, "squeezed", tree, is)
		})
	}
}

// unpackWith gives the folder of the root file system.
func unpackWith(t testing.TB, program string, img whittle.Image) (string, error) {
	t.Helper()
	return unpackAt(program, img, t.TempDir())
}

// unpackAt works in the folder dir.
func unpackAt(program string, img whittle.Image, dir string) (string, error) {
	layout := filepath.Join(dir, "layout")
	if err := os.Mkdir(layout, 0o755); err != nil {
		return "", err
	}
	if _, err := source.WriteLayout(context.Background(), img, layout); err != nil {
		return "", err
	}
	file := filepath.Join(layout, "index.json")
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var doc struct {
		SchemaVersion int              `json:"schemaVersion"`
		Manifests     []map[string]any `json:"manifests"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return "", err
	}
	doc.Manifests[0]["annotations"] = map[string]string{"org.opencontainers.image.ref.name": "it"}
	if text, err = json.Marshal(doc); err != nil {
		return "", err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return "", err
	}
	bundle := filepath.Join(dir, "bundle")
	if out, err := exec.Command(program, "unpack", "--image", layout+":it", bundle).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return filepath.Join(bundle, "rootfs"), nil
}

// compareFolder holds a folder to a tree.
func compareFolder(t *testing.T, what string, tree *Tree, root string) {
	t.Helper()
	list, err := folderDifferences(tree, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		t.Errorf("%s: %s", what, d)
	}
}

// folderDifferences says how a folder is not what a tree says.
func folderDifferences(tree *Tree, root string) (list []string, err error) {
	paths := map[string]bool{}
	err = filepath.WalkDir(root, func(p string, _ fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, p)
		paths[rel] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	inodes := make([]uint64, len(tree.Nodes))
	for i := range tree.Nodes {
		n := &tree.Nodes[i]
		info, err := os.Lstat(filepath.Join(root, n.Path))
		if err != nil {
			list = append(list, n.Path+" is not there")
			continue
		}
		delete(paths, n.Path)
		st := info.Sys().(*syscall.Stat_t)
		inodes[i] = st.Ino
		if n.Entry == nil {
			if !info.IsDir() {
				list = append(list, n.Path+" is no directory")
			}
			continue
		}
		if got, want := described(filepath.Join(root, n.Path), st, n.Entry); got != want {
			list = append(list, fmt.Sprintf("%s is %s, not %s", n.Path, got, want))
		}
		if n.First >= 0 && inodes[n.First] != st.Ino {
			list = append(list, fmt.Sprintf("%s and %s are not one file", n.Path, tree.Nodes[n.First].Path))
		}
	}
	delete(paths, ".")
	for p := range paths {
		list = append(list, "the tree does not have "+p)
	}
	return list, nil
}

// described are a path as it is, and as an entry says.
func described(path string, st *syscall.Stat_t, e *whittle.Entry) (got, want string) {
	got = fmt.Sprintf("%d:%d %d", st.Uid, st.Gid, st.Mtim.Nano())
	want = fmt.Sprintf("%d:%d %d", e.UID, e.GID, e.ModTime)
	switch e.Kind {
	case whittle.Symlink:
		target, _ := os.Readlink(path)
		return got + " " + target, want + " " + e.Link
	case whittle.File:
		text, _ := os.ReadFile(path)
		got, want = got+string(whittle.DigestOf(text)), want+string(whittle.SHA256(e.Content))
	}
	return fmt.Sprintf("%s %o", got, st.Mode&0o7777), fmt.Sprintf("%s %o", want, e.Mode)
}
