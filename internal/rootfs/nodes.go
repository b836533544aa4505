package rootfs

import (
	"hash/maphash"
	"math/bits"

	"whittle.dev/whittle"
)

// nodes finds the nodes of a tree by their paths: a hash table with open addressing, of the
// positions in the tree. A map takes several times as much memory.
type nodes struct {
	tree  *whittle.Tree
	seed  maphash.Seed
	slots []int32 // positions plus one, 0 where nothing is
}

func newNodes(t *whittle.Tree) nodes {
	ns := nodes{tree: t, seed: maphash.MakeSeed(), slots: make([]int32, 1<<bits.Len(uint(len(t.Nodes)*3/2)))}
	for i := range t.Nodes {
		ns.slots[ns.slot(t.Nodes[i].Path)] = int32(i + 1)
	}
	return ns
}

// slot is where a path is, or where it would be.
func (ns *nodes) slot(path string) int {
	at := int(maphash.String(ns.seed, path)) & (len(ns.slots) - 1)
	for ns.slots[at] != 0 && ns.tree.Nodes[ns.slots[at]-1].Path != path {
		at = (at + 1) & (len(ns.slots) - 1)
	}
	return at
}

func (ns *nodes) find(path string) (n *whittle.Node, ok bool) {
	i := ns.slots[ns.slot(path)]
	if i == 0 {
		return nil, false
	}
	return &ns.tree.Nodes[i-1], true
}

func (ns *nodes) has(path string) bool {
	_, ok := ns.find(path)
	return ok
}
