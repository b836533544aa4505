package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/database"
	"whittle.dev/whittle/internal/fleet"
)

const (
	// maxBases is how many bases are compared with each other, those with the most bytes.
	maxBases = 200
	// nearlySame is the part of two bases' bytes whose packages are in both, from which on one
	// could be in the place of the other.
	nearlySame = 0.8
)

// prefix is the lowest layers of some images: a node of the tree of all images' layers.
type prefix struct {
	parent      int // -1 for the lowest layer
	layer, part int64
	depth       int
	// images is how many images begin with it, image one of them.
	images, image int64
	// branches is how many different layers are above it, ends how many images have none.
	branches, ends int64
}

// bases finds pairs of bases with nearly the same packages. A base is a prefix of layers that
// several images have, and above which they differ.
func (r *report) bases(ctx context.Context) error {
	tree, uses, err := r.tree(ctx)
	if err != nil {
		return err
	}
	layers, err := r.sizes(ctx)
	if err != nil {
		return err
	}
	var found []int
	for i, p := range tree {
		if p.images > 1 && p.branches+p.ends > 1 {
			found = append(found, i)
		}
	}
	size := func(i int) (sum int64) {
		for ; i >= 0; i = tree[i].parent {
			sum += layers[tree[i].layer].size
		}
		return sum
	}
	slices.SortStableFunc(found, func(a, b int) int { return cmp.Compare(size(b), size(a)) })
	found = found[:min(len(found), maxBases)]
	packages, err := r.packagesOf(ctx, tree, found)
	if err != nil {
		return err
	}
	for _, from := range found {
		best := r.bestBase(tree, uses, layers, found, packages, from)
		if best == nil {
			continue
		}
		best.row.From.Size, best.row.To.Size = size(from), size(best.to)
		best.row.From.Images, best.row.To.Images = tree[from].images, tree[best.to].images
		best.row.From.Layers, best.row.To.Layers = tree[from].depth, tree[best.to].depth
		best.row.From.Top, best.row.To.Top = layers[tree[from].layer].diffID, layers[tree[best.to].layer].diffID
		for base, image := range map[*fleet.Base]int64{&best.row.From: tree[from].image, &best.row.To: tree[best.to].image} {
			row := r.at.QueryRowContext(ctx, r.s.db.Query(`SELECT place FROM fleet_images WHERE id = ?1`), image)
			if err := row.Scan(&base.Example); err != nil {
				return err
			}
		}
		r.out.Bases = append(r.out.Bases, best.row)
	}
	slices.SortStableFunc(r.out.Bases, func(a, b fleet.Rebase) int {
		return cmp.Or(cmp.Compare(b.Saved, a.Saved), cmp.Compare(a.From.Top, b.From.Top))
	})
	if r.o.Rows > 0 {
		r.out.Bases = r.out.Bases[:min(len(r.out.Bases), r.o.Rows)]
	}
	return nil
}

// rebase is a candidate, with the node of the other base.
type rebase struct {
	row fleet.Rebase
	to  int
}

// bestBase is the base that saves the most if the images of another one had it, nil if there is
// none. Of two that could replace each other, the one with fewer images goes.
func (r *report) bestBase(tree []prefix, uses map[int64]int64, layers map[int64]layerSize, found []int, packages map[int]map[string]int64, from int) *rebase {
	var best *rebase
	for _, to := range found {
		if below(tree, from, to) || below(tree, to, from) || tree[to].images < tree[from].images || tree[to].images == tree[from].images && to > from {
			continue
		}
		same := common(packages[from], packages[to])
		if same < nearlySame {
			continue
		}
		x := &rebase{fleet.Rebase{Same: same}, to}
		kept := map[int64]bool{}
		for i := to; i >= 0; i = tree[i].parent {
			kept[tree[i].layer] = true
		}
		for i := from; i >= 0; i = tree[i].parent {
			if l := tree[i].layer; !kept[l] && uses[l] == tree[from].images {
				x.row.Saved, x.row.Download = x.row.Saved+layers[l].size, x.row.Download+layers[l].download
			}
		}
		if x.row.Saved > 0 && (best == nil || x.row.Saved > best.row.Saved) {
			best = x
		}
	}
	return best
}

// below says whether a prefix is one of the beginnings of another, or the same.
func below(tree []prefix, a, b int) bool {
	for ; b >= 0; b = tree[b].parent {
		if a == b {
			return true
		}
	}
	return false
}

// common is the part of the bytes of two sets of packages that are in both, of 1.
func common(a, b map[string]int64) float64 {
	var both, sum int64
	for name, n := range a {
		sum += n
		if _, ok := b[name]; ok {
			both += n
		}
	}
	for name, n := range b {
		sum += n
		if _, ok := a[name]; ok {
			both += n
		}
	}
	if sum == 0 {
		return 0
	}
	return float64(both) / float64(sum)
}

// tree has the prefixes of all images, each behind the one below it, and how many images have
// each layer.
func (r *report) tree(ctx context.Context) (tree []prefix, uses map[int64]int64, err error) {
	type key struct {
		parent int
		layer  int64
	}
	known, image, at := map[key]int{}, int64(0), -1
	uses = map[int64]int64{}
	end := func() {
		if at >= 0 {
			tree[at].ends++
		}
	}
	err = r.s.db.Each(ctx, r.at, func(scan func(...any) error) error {
		var of, layer, part int64
		if err := scan(&of, &layer, &part); err != nil {
			return err
		}
		if of != image {
			end()
			image, at = of, -1
		}
		k := key{at, layer}
		next, ok := known[k]
		if !ok {
			next = len(tree)
			depth := 1
			if at >= 0 {
				tree[at].branches++
				depth = tree[at].depth + 1
			}
			tree = append(tree, prefix{parent: at, layer: layer, part: part, depth: depth, image: of})
			known[k] = next
		}
		at = next
		tree[at].images++
		uses[layer]++
		return nil
	}, `SELECT l.image, p.layer, l.part FROM fleet_cur cur JOIN fleet_image_layers l ON l.image = cur.image JOIN fleet_parts p ON p.id = l.part ORDER BY l.image, l.position`)
	end()
	return tree, uses, err
}

// layerSize is a layer's size, and that of its blob.
type layerSize struct {
	diffID         whittle.Digest
	size, download int64
}

func (r *report) sizes(ctx context.Context) (map[int64]layerSize, error) {
	out := map[int64]layerSize{}
	err := r.s.db.Each(ctx, r.at, func(scan func(...any) error) error {
		var id int64
		var l layerSize
		err := scan(&id, &l.diffID, &l.size, &l.download)
		out[id] = l
		return err
	}, `SELECT x.id, x.diff_id, max(p.size), min(b.size) FROM fleet_uses u JOIN fleet_parts p ON p.id = u.part JOIN fleet_blobs b ON b.id = u.blob JOIN fleet_layers x ON x.id = p.layer GROUP BY x.id, x.diff_id`)
	return out, err
}

// packagesOf are the packages of prefixes, without versions, with their bytes.
func (r *report) packagesOf(ctx context.Context, tree []prefix, of []int) (map[int]map[string]int64, error) {
	var parts []string
	for _, node := range of {
		for i := node; i >= 0; i = tree[i].parent {
			parts = append(parts, fmt.Sprint(tree[i].part))
		}
	}
	slices.Sort(parts)
	byPart := map[int64]map[string]int64{}
	for some := range slices.Chunk(slices.Compact(parts), database.AtOnce) {
		err := r.s.db.Each(ctx, r.at, func(scan func(...any) error) error {
			var part, visible int64
			var name string
			if err := scan(&part, &name, &visible); err != nil {
				return err
			}
			if byPart[part] == nil {
				byPart[part] = map[string]int64{}
			}
			byPart[part][name] += visible
			return nil
		}, `SELECT po.part, o.ecosystem || ' ' || o.name, po.visible FROM fleet_part_owners po JOIN fleet_owners o ON o.id = po.owner WHERE `+packaged+` AND po.part IN (`+strings.Join(some, ", ")+`)`)
		if err != nil {
			return nil, err
		}
	}
	out := map[int]map[string]int64{}
	for _, node := range of {
		out[node] = map[string]int64{}
		for i := node; i >= 0; i = tree[i].parent {
			for name, n := range byPart[tree[i].part] {
				out[node][name] += n
			}
		}
	}
	return out, nil
}
