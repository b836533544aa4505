package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// tool is a program of Debian's that the test needs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s on this machine (apt-get install %[1]s)", name)
	}
	return path
}

// ownStorage makes podman, buildah and skopeo use a storage of this test's. It gives
// the words that say so in a reference.
func ownStorage(t *testing.T) (specifier string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a storage of its own needs root")
	}
	dir, err := os.MkdirTemp("", "whittle-storage") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	conf := filepath.Join(dir, "storage.conf")
	text := fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", dir+"/graph", dir+"/run")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_STORAGE_CONF", conf)
	unset(t, "CONTAINER_HOST")
	return "[vfs@" + dir + "/graph+" + dir + "/run]"
}

// installed are the programs of this machine, as host has them.
type installed struct{}

func (installed) Has(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

func (installed) Output(ctx context.Context, words ...string) (io.ReadCloser, error) {
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if err != nil {
		err = errors.New(strings.TrimSpace(said.String()))
	}
	return finished{&out, err}, nil
}

// finished is the output of a program that has ended.
type finished struct {
	io.Reader
	err error
}

func (f finished) Close() error { return f.err }

// unset removes a variable for the test: podman takes an empty one for an address.
func unset(t *testing.T, name string) {
	t.Helper()
	t.Setenv(name, "")
	os.Unsetenv(name)
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

// sameImage says whether an image has the layers and the settings of the one that was
// made, wherever it was copied to.
func sameImage(t *testing.T, img whittle.Image, m *made) {
	t.Helper()
	var want whittle.Config
	unmarshal(t, m.config, &want)
	if diff := cmp.Diff(want.Config, img.Config().Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if len(img.Layers()) != len(m.raws) {
		t.Fatalf("%d layers, want %d", len(img.Layers()), len(m.raws))
	}
	for i, l := range img.Layers() {
		b := stored(t, l)
		if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
			b = wrap(t, "gunzip", b)
		}
		if l.DiffID() != digestOf(m.raws[i]) || !bytes.Equal(b, m.raws[i]) {
			t.Errorf("layer %d differs", i)
		}
	}
}

// TestSkopeo: an image is the same in every transport that skopeo copies it into, under
// skopeo's own name for it.
func TestSkopeo(t *testing.T) {
	skopeo, specifier := tool(t, "skopeo"), ownStorage(t)
	m, dir := make2(t, imagetest.Gzip, "amd64"), t.TempDir()
	from := "oci:" + writeFolder(t, layoutFiles(t, map[string]*made{"app:1": m})) + ":app:1"
	server := httptest.NewServer(registry.New(registry.Logger(discardLog())))
	t.Cleanup(server.Close)
	host := server.Listener.Addr().String()
	for _, c := range []struct{ to, also string }{
		{"docker-archive:" + dir + "/d.tar:example.org/app:1", "docker-archive:" + dir + "/d.tar:@0"},
		{"oci:" + dir + "/o:1.0", "oci:" + dir + "/o:@0"},
		{"oci:" + dir + "/o2", dir + "/o2"},
		{"oci-archive:" + dir + "/o.tar:app:1", "oci-archive:" + dir + "/o.tar:@0"},
		{"dir:" + dir + "/flat", dir + "/flat"},
		{"docker://" + host + "/team/app:1", "registry:" + host + "/team/app:1"},
		{"containers-storage:" + specifier + "example.org/app:1", "containers-storage:example.org/app:1"},
	} {
		t.Run(c.to, func(t *testing.T) {
			run(t, skopeo, "copy", "--quiet", "--dest-tls-verify=false", from, c.to)
			temp := t.TempDir()
			for _, name := range []string{c.to, c.also} {
				if strings.HasPrefix(name, ContainersStorage) && !strings.Contains(name, "[") {
					tool(t, "podman")
				}
				img, err := Open(context.Background(), name, Options{TempDir: temp, Programs: installed{}})
				if err != nil {
					t.Fatal(name, err)
				}
				if img.Ref().Name != name {
					t.Error(img.Ref())
				}
				sameImage(t, img, m)
				if err := img.Close(); err != nil {
					t.Error(err)
				}
			}
			empty(t, temp)
		})
	}
}

// TestSkopeoAll: a dir with an index has the image of each platform; the one that is
// asked for is opened.
func TestSkopeoAll(t *testing.T) {
	skopeo, dir := tool(t, "skopeo"), t.TempDir()
	a, b := make2(t, imagetest.Gzip, "amd64"), make2(t, imagetest.Gzip, "arm64")
	name := pushed(t, map[string]*made{"a": a, "b": b})
	run(t, skopeo, "copy", "--quiet", "--all", "--src-tls-verify=false", "docker://"+name, "dir:"+dir)
	for arch, m := range map[string]*made{"amd64": a, "arm64": b} {
		img := opened(t, "dir:"+dir, Options{Platform: &whittle.Platform{OS: "linux", Architecture: arch}})
		sameImage(t, img, m)
		if img.Ref().Digest != digestOf(m.manifest(t)) {
			t.Error(arch, img.Ref().Digest)
		}
	}
	if _, err := Open(context.Background(), "dir:"+dir, Options{Platform: &whittle.Platform{OS: "linux", Architecture: "s390x"}}); !errors.Is(err, whittle.ErrNotFound) {
		t.Error(err)
	}
}

// TestPodman: Podman's images are opened by its program, and through its socket, and so
// is what podman save writes.
func TestPodman(t *testing.T) {
	podman := tool(t, "podman")
	ownStorage(t)
	a, b := make2(t, imagetest.Plain, "amd64"), make2(t, imagetest.Plain, "arm64")
	run(t, podman, "load", "--quiet", "--input", writeTar(t, dockerFiles(t, true, map[string]*made{"localhost/whittle-a:1": a})))
	run(t, podman, "load", "--quiet", "--input", writeTar(t, dockerFiles(t, true, map[string]*made{"quay.io/whittle/b:latest": b})))
	dir := t.TempDir()
	for _, args := range [][]string{{"--format=docker-archive", "-o", dir + "/a.tar"}, {"--format=oci-archive", "-o", dir + "/a.oci"}, {"--format=oci-dir", "-o", dir + "/oci"}, {"--format=docker-dir", "-o", dir + "/flat"}} {
		run(t, podman, append(append([]string{"save", "--quiet"}, args...), "localhost/whittle-a:1")...)
	}
	run(t, podman, "save", "--quiet", "-m", "-o", dir+"/both.tar", "localhost/whittle-a:1", "quay.io/whittle/b:latest")
	names := map[string]*made{
		dir + "/a.tar": a, dir + "/a.oci": a, dir + "/oci": a, "oci:" + dir + "/oci:localhost/whittle-a:1": a, dir + "/flat": a, "dir:" + dir + "/flat": a,
		dir + "/both.tar:whittle-a:1": a, dir + "/both.tar:quay.io/whittle/b": b, "docker-archive:" + dir + "/both.tar:b:latest": b,
	}
	engine := map[string]*made{
		"podman:localhost/whittle-a:1": a, "podman:whittle-a:1": a, "podman:quay.io/whittle/b": b, "podman:" + digestOf(a.config).Hex()[:12]: a, "quay.io/whittle/b:latest": b,
	}
	temp := t.TempDir()
	o := Options{TempDir: temp, Programs: installed{}, DockerHost: "unix://" + dir + "/none.sock"}
	check := func(how string, names map[string]*made) {
		for name, m := range names {
			t.Run(how+" "+name, func(t *testing.T) {
				img, err := Open(context.Background(), name, o)
				if err != nil {
					t.Fatal(err)
				}
				sameImage(t, img, m)
				if err := img.Close(); err != nil {
					t.Error(err)
				}
				empty(t, temp)
			})
		}
	}
	check("archive", names)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	check("program", map[string]*made{"containers-storage:localhost/whittle-a:1": a, "containers-storage:whittle-a:1": a})
	t.Setenv("CONTAINER_HOST", served(t, podman))
	check("socket", engine)
	for name, says := range map[string]string{
		"podman:whittle/nosuch:1":             "the Podman engine has no image whittle/nosuch:1",
		"podman:nosuch":                       "the Podman engine has no image nosuch",
		"containers-storage:whittle/nosuch:1": "Podman has no image whittle/nosuch:1",
	} {
		if _, err := Open(context.Background(), name, o); !errors.Is(err, whittle.ErrNotFound) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Setenv("CONTAINER_HOST", "unix://"+dir+"/none.sock")
	if _, err := Open(context.Background(), "podman:app", o); !errors.Is(err, whittle.ErrEngine) || !strings.Contains(err.Error(), "no Podman engine answers at unix://") {
		t.Error(err)
	}
	t.Setenv("CONTAINER_HOST", "ssh://root@host/run/podman.sock")
	if _, err := Open(context.Background(), "podman:app", o); !errors.Is(err, whittle.ErrUnsupported) || !strings.Contains(whittle.Hint(err), "| whittle inspect -") {
		t.Error(err)
	}
}

// served starts podman system service, and ends it with the test.
func served(t *testing.T, podman string) (address string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "whittle-podman")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "p.sock")
	return engineAt(t, dir, socket, exec.Command(podman, "system", "service", "--time=0", "unix://"+socket))
}

// TestNoPodman: without its programs, an image of the storage is an error that says
// what to do, and no bare name is looked for there.
func TestNoPodman(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	unset(t, "CONTAINER_HOST")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	_, err := Open(context.Background(), "containers-storage:app", Options{Programs: installed{}})
	if !errors.Is(err, whittle.ErrEngine) || !strings.Contains(err.Error(), "there is no podman or skopeo on this machine") || !strings.Contains(whittle.Hint(err), "podman save") {
		t.Error(err)
	}
}
