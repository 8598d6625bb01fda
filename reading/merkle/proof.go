// SPDX-License-Identifier: Apache-2.0

package merkle

import (
	"errors"
	"fmt"
	"math/bits"
)

var (
	// ErrBadProof means that a path cannot belong to a leaf at that index of a tree of
	// that size: it is too long, too short, or there is no such leaf.
	ErrBadProof = errors.New("inclusion path does not fit the tree")
	// ErrRootMismatch means that a path leads to another root: the leaf, its index, the
	// path or the root is not the one that belongs there.
	ErrRootMismatch = errors.New("inclusion path leads to another root")
)

// VerifyInclusion checks that the leaf with this hash is at index in the tree of size
// leaves that has this root (RFC 9162 §2.1.3.2). It returns ErrBadProof or
// ErrRootMismatch.
func VerifyInclusion(root Hash, size, index uint64, leaf Hash, path []Hash) error {
	computed, err := RootFromInclusion(size, index, leaf, path)
	if err != nil {
		return err
	}
	if computed != root {
		return fmt.Errorf("%w: leaf %d of %d gives %s, not %s", ErrRootMismatch, index, size, computed, root)
	}
	return nil
}

// RootFromInclusion returns the root to which the path leads from the leaf at index of a
// tree of size leaves, or ErrBadProof. The root says nothing about size alone: several
// sizes share the path of one leaf, so compare the size with a trusted one as well.
func RootFromInclusion(size, index uint64, leaf Hash, path []Hash) (Hash, error) {
	if err := CheckPathLength(size, index, len(path)); err != nil {
		return Hash{}, err
	}
	node, last := leaf, size-1
	for _, sibling := range path {
		// A last node without a sibling moves up unchanged to where it has one.
		for index == last && index&1 == 0 && last > 0 {
			index, last = index>>1, last>>1
		}
		if index&1 == 1 {
			node = nodeHash(sibling, node)
		} else {
			node = nodeHash(node, sibling)
		}
		index, last = index>>1, last>>1
	}
	return node, nil
}

// CheckPathLength returns ErrBadProof unless a leaf at index of a tree of size leaves
// exists and has a path of this many hashes.
func CheckPathLength(size, index uint64, length int) error {
	if index >= size {
		return fmt.Errorf("%w: leaf %d of a tree of %d", ErrBadProof, index, size)
	}
	if want := pathLength(size, index); length != want {
		return fmt.Errorf("%w: leaf %d of %d has a path of %d hashes, found %d", ErrBadProof, index, size, want, length)
	}
	return nil
}

// pathLength counts the levels on which the leaf's way to the root has a sibling: all of
// them up to where it joins the way of the last leaf, then only those where that way
// comes from the right.
func pathLength(size, index uint64) int {
	last := size - 1
	inner := bits.Len64(index ^ last)
	return inner + bits.OnesCount64(last>>inner)
}
