// SPDX-License-Identifier: Apache-2.0

// Package merkle is the Merkle tree of RFC 9162 §2.1 with SHA-256, as one batch has it:
// leaf hashes come in, the root and the inclusion proof of any leaf go out, and anybody
// checks a proof with the root, the tree's size and the leaf.
//
// It keeps nothing and does no I/O. A Tree does not change once built, so any number of
// goroutines may read it.
package merkle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// Size is the length of a Hash in bytes.
const Size = sha256.Size

// Hash is a SHA-256 hash of a leaf or a node.
type Hash [Size]byte

// String returns the hash in lower-case hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ErrIndexOutOfRange means that a leaf was asked for that the tree does not have.
var ErrIndexOutOfRange = errors.New("leaf index beyond the tree")

// Prefixes that keep leaves and nodes apart, RFC 9162 §2.1.1.
const (
	leafPrefix = 0x00
	nodePrefix = 0x01
)

// LeafHash returns SHA-256(0x00 ‖ leaf).
func LeafHash(leaf []byte) Hash {
	h := sha256.New()
	h.Write([]byte{leafPrefix})
	h.Write(leaf)
	return Hash(h.Sum(nil))
}

// nodeHash returns SHA-256(0x01 ‖ left ‖ right).
func nodeHash(left, right Hash) Hash {
	var node [1 + 2*Size]byte
	node[0] = nodePrefix
	copy(node[1:], left[:])
	copy(node[1+Size:], right[:])
	return sha256.Sum256(node[:])
}

// Tree is a Merkle tree. It holds every node (about 64 bytes a leaf), so that a proof
// costs no hashing.
type Tree struct {
	// levels[0] holds the leaf hashes, each further level the nodes above, the last one
	// the root. The last node of an odd level has no sibling and moves up as it is, which
	// gives the tree of RFC 9162: its left subtrees are always full.
	levels [][]Hash
}

// New builds a tree over leaf hashes in their order. The slice is copied.
func New(leaves []Hash) *Tree {
	level := slices.Clone(leaves)
	tree := &Tree{levels: [][]Hash{level}}
	for len(level) > 1 {
		level = parents(level)
		tree.levels = append(tree.levels, level)
	}
	return tree
}

func parents(level []Hash) []Hash {
	above := make([]Hash, 0, (len(level)+1)/2)
	for i := 0; i+1 < len(level); i += 2 {
		above = append(above, nodeHash(level[i], level[i+1]))
	}
	if len(level)%2 == 1 {
		above = append(above, level[len(level)-1])
	}
	return above
}

// Size returns the number of leaves.
func (t *Tree) Size() uint64 { return uint64(len(t.levels[0])) }

// Root returns the root; of an empty tree it is SHA-256 of nothing.
func (t *Tree) Root() Hash {
	if t.Size() == 0 {
		return sha256.Sum256(nil)
	}
	return t.levels[len(t.levels)-1][0]
}

// Inclusion returns the inclusion path of the leaf at index, from the leaf's sibling up,
// or ErrIndexOutOfRange.
func (t *Tree) Inclusion(index uint64) ([]Hash, error) {
	if index >= t.Size() {
		return nil, fmt.Errorf("%w: leaf %d of a tree of %d", ErrIndexOutOfRange, index, t.Size())
	}
	path := make([]Hash, 0, len(t.levels)-1)
	for _, level := range t.levels[:len(t.levels)-1] {
		if sibling := index ^ 1; sibling < uint64(len(level)) {
			path = append(path, level[sibling])
		}
		index >>= 1
	}
	return path, nil
}
