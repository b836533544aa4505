package squeeze

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/ledger"
)

// TestOracles squeezes generated stacks and holds their trees to three oracles: whittle's
// readings (Run compares the trees by both), the kernel's overlayfs, and umoci unpack,
// where it is installed. WHITTLE_STACKS is the number of those that are compared; it says
// how many were refused besides, and why.
func TestOracles(t *testing.T) {
	if err := imagetest.TryOverlay(t.TempDir()); err != nil {
		t.Skipf("no overlayfs here (root, and a file system that can be below it, are needed): %v", err)
	}
	count, err := strconv.Atoi(os.Getenv("WHITTLE_STACKS"))
	if err != nil {
		count = 25
	}
	o := oracles{work: t.TempDir(), counts: map[string]int{}}
	if o.umoci, err = exec.LookPath("umoci"); err != nil {
		t.Log("umoci is not here: it is Debian's package of that name")
	}
	n := 0
	for ; o.counts[squeezedWell] < count && n < 10*count && !t.Failed(); n++ {
		f := imagetest.Flavors[n%len(imagetest.Flavors)]
		dir := filepath.Join(o.work, fmt.Sprint(n))
		stack := rapid.Custom(f.Stack).Example(n)
		img := imagetest.FromTars(t, imagetest.Plain, accepted(t, t, stack, filepath.Join(dir, "taken"))...)
		if problem := o.compare(t, img, dir); problem != "" {
			t.Errorf("stack %d, %s: %s", n, f.Name, problem)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%4d generated", n)
	for _, what := range slices.Sorted(maps.Keys(o.counts)) {
		t.Logf("%4d %s", o.counts[what], what)
	}
	if o.counts[squeezedWell] < count {
		t.Errorf("%d of %d were compared", o.counts[squeezedWell], count)
	}
}

const squeezedWell = "squeezed: the same by whittle's readings and by overlayfs"

// oracles counts what became of stacks.
type oracles struct {
	work, umoci string
	counts      map[string]int
}

// compare squeezes an image and says what is wrong with its tree, empty if nothing is.
func (o *oracles) compare(t testing.TB, img *imagetest.Image, dir string) string {
	out, indexes, err := squeezed(t, img, Job{})
	var refusal *Refusal
	if errors.As(err, &refusal) {
		cause := "refused: the proof fails"
		if len(refusal.Places) > 0 {
			cause = "refused: " + refusal.Why + ": " + refusal.Places[0].What
		}
		o.counts[cause]++
		return ""
	}
	if err != nil {
		return err.Error()
	}
	was, err := kernelView(img.Layers(), filepath.Join(dir, "was"))
	if err != nil {
		return err.Error()
	}
	now := imageOf(t, img, out)
	is, err := kernelView(now.layers, filepath.Join(dir, "is"))
	if diff := cmp.Diff(was, is); diff != "" || err != nil {
		return fmt.Sprintf("by overlayfs: %v (-was +is):\n%s", err, diff)
	}
	o.counts[squeezedWell]++
	if o.umoci == "" {
		return ""
	}
	l, err := ledger.Build(indexes, ledger.Options{})
	if err != nil {
		return err.Error()
	}
	return o.unpack(FromLedger(indexes, l), img, now, dir)
}

// unpack compares what umoci unpacks. Where it does not see the tree of the image as it
// is, it is no oracle.
func (o *oracles) unpack(tree *Tree, was, is whittle.Image, dir string) string {
	list, err := o.unpacked(tree, was, filepath.Join(dir, "umoci-was"))
	if err != nil {
		o.counts["of these, umoci does not unpack the image as it is"]++
		return ""
	}
	if len(list) > 0 {
		o.counts["of these, umoci has another tree of the image as it is"+why(tree, list)]++
		return ""
	}
	if list, err = o.unpacked(tree, is, filepath.Join(dir, "umoci-is")); err != nil {
		return fmt.Sprintf("by umoci: %v", err)
	}
	if untimed(tree, &list); len(list) > 0 {
		return fmt.Sprintf("by umoci: %q", list)
	}
	o.counts["of these, the same by umoci, too"]++
	return ""
}

// untimed drops the directories in which umoci makes one that nothing lists: it does not
// restore their times afterwards, as Docker and containerd do, and so the order of a
// layer's entries decides them.
func untimed(tree *Tree, list *[]string) {
	for i := range tree.Nodes {
		n := &tree.Nodes[i]
		if n.Entry == nil {
			above := filepath.Dir(n.Path) + " is "
			*list = slices.DeleteFunc(*list, func(d string) bool { return strings.HasPrefix(d, above) })
		}
	}
}

// why names a known cause of what umoci does not have.
func why(tree *Tree, list []string) string {
	for i := range tree.Nodes {
		if n := &tree.Nodes[i]; n.Entry == nil && slices.Contains(list, n.Path+" is not there") {
			return ": it makes no directory for markers alone"
		}
	}
	return ""
}

func (o *oracles) unpacked(tree *Tree, img whittle.Image, dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := unpackAt(o.umoci, img, dir)
	if err != nil {
		return nil, err
	}
	return folderDifferences(tree, root)
}
