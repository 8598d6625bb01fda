// SPDX-License-Identifier: Apache-2.0

package merkle_test

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/reading/merkle"
)

func leaves(n int) []merkle.Hash {
	hashes := make([]merkle.Hash, n)
	for i := range hashes {
		hashes[i] = merkle.LeafHash(fmt.Appendf(nil, "leaf %d", i))
	}
	return hashes
}

func hash(t testing.TB, s string) merkle.Hash {
	t.Helper()
	raw, err := hex.DecodeString(s)
	require.NoError(t, err)
	require.Len(t, raw, merkle.Size)
	return merkle.Hash(raw)
}

// The well-known test leaves of Certificate Transparency (RFC 6962 and RFC 9162 hash alike)
// and the roots of the trees of the first 1, 2, … 8 of them.
func TestKnownTreesHaveTheirKnownRoots(t *testing.T) {
	inputs := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", // no leaf
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var hashes []merkle.Hash
	require.Equal(t, hash(t, roots[0]), merkle.New(nil).Root())
	for i, input := range inputs {
		raw, err := hex.DecodeString(input)
		require.NoError(t, err)
		hashes = append(hashes, merkle.LeafHash(raw))
		require.Equal(t, roots[i+1], merkle.New(hashes).Root().String())
	}
}

func TestEveryLeafOfEverySmallTreeProvesItselfAndNothingElse(t *testing.T) {
	all := leaves(70)
	for size := 1; size <= len(all); size++ {
		tree := merkle.New(all[:size])
		n := uint64(size)
		for index := range n {
			path, err := tree.Inclusion(index)
			require.NoError(t, err)
			require.NoError(t, merkle.VerifyInclusion(tree.Root(), n, index, all[index], path))
			other := all[(index+1)%n]
			if size > 1 {
				require.ErrorIs(t, merkle.VerifyInclusion(tree.Root(), n, index, other, path), merkle.ErrRootMismatch)
			}
			require.Error(t, merkle.VerifyInclusion(tree.Root(), n, (index+1)%(n+1), all[index], path))
			require.ErrorIs(t, merkle.VerifyInclusion(tree.Root(), n, index, all[index], append(path, other)), merkle.ErrBadProof)
			if len(path) > 0 {
				require.ErrorIs(t, merkle.VerifyInclusion(tree.Root(), n, index, all[index], path[1:]), merkle.ErrBadProof)
			}
		}
		_, err := tree.Inclusion(n)
		require.ErrorIs(t, err, merkle.ErrIndexOutOfRange)
	}
}

func TestALeafBeyondTheTreeIsRefused(t *testing.T) {
	leaf := leaves(1)[0]
	require.ErrorIs(t, merkle.VerifyInclusion(leaf, 0, 0, leaf, nil), merkle.ErrBadProof)
	require.ErrorIs(t, merkle.VerifyInclusion(leaf, 1, 1, leaf, nil), merkle.ErrBadProof)
	require.ErrorIs(t, merkle.VerifyInclusion(leaf, 1<<63, 1<<64-1, leaf, nil), merkle.ErrBadProof)
	require.ErrorIs(t, merkle.VerifyInclusion(leaf, 1<<64-1, 0, leaf, nil), merkle.ErrBadProof)
	_, err := merkle.New(nil).Inclusion(0)
	require.ErrorIs(t, err, merkle.ErrIndexOutOfRange)
}

func TestATreeDoesNotChangeWithTheLeavesItWasMadeFrom(t *testing.T) {
	hashes := leaves(3)
	tree := merkle.New(hashes)
	root := tree.Root()
	hashes[0] = merkle.Hash{}
	path, err := tree.Inclusion(1)
	require.NoError(t, err)
	require.Equal(t, root, tree.Root())
	require.NoError(t, merkle.VerifyInclusion(root, 3, 1, hashes[1], path))
}

// TestAnIndependentTreeAgrees takes transparency-dev/merkle as the oracle for the root, the
// proof and its verification, for right and for arbitrary proofs.
func TestAnIndependentTreeAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inputs := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 1, 300).Draw(t, "leaves")
		hashes := make([]merkle.Hash, len(inputs))
		factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
		oracle := factory.NewEmptyRange(0)
		for i, input := range inputs {
			hashes[i] = merkle.LeafHash(input)
			require.Equal(t, rfc6962.DefaultHasher.HashLeaf(input), hashes[i][:])
			require.NoError(t, oracle.Append(hashes[i][:], nil))
		}
		tree := merkle.New(hashes)
		root, err := oracle.GetRootHash(nil)
		require.NoError(t, err)
		computed := tree.Root()
		require.Equal(t, root, computed[:])

		size := uint64(len(inputs))
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		path, err := tree.Inclusion(index)
		require.NoError(t, err)
		require.NoError(t, proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, hashes[index][:], rawPath(path), root))

		otherIndex := rapid.Uint64Range(0, 2*size).Draw(t, "other index")
		otherSize := rapid.Uint64Range(0, 2*size).Draw(t, "other size")
		theirs, theirErr := proof.RootFromInclusionProof(rfc6962.DefaultHasher, otherIndex, otherSize, hashes[index][:], rawPath(path))
		ours, ourErr := merkle.RootFromInclusion(otherSize, otherIndex, hashes[index], path)
		require.Equal(t, theirErr == nil, ourErr == nil, "theirs %v, ours %v", theirErr, ourErr)
		if ourErr == nil {
			require.Equal(t, theirs, ours[:])
		}
	})
}

func rawPath(path []merkle.Hash) [][]byte {
	raw := make([][]byte, len(path))
	for i := range path {
		raw[i] = path[i][:]
	}
	return raw
}

// FuzzVerifyInclusion feeds arbitrary proofs and compares with the oracle.
func FuzzVerifyInclusion(f *testing.F) {
	f.Add(uint64(5), uint64(4), make([]byte, 32))
	f.Add(uint64(1<<53), uint64(3), make([]byte, 53*32))
	f.Fuzz(func(t *testing.T, size, index uint64, raw []byte) {
		path := make([]merkle.Hash, len(raw)/merkle.Size)
		for i := range path {
			path[i] = merkle.Hash(raw[i*merkle.Size:])
		}
		leaf := merkle.LeafHash(raw)
		ours, ourErr := merkle.RootFromInclusion(size, index, leaf, path)
		theirs, theirErr := proof.RootFromInclusionProof(rfc6962.DefaultHasher, index, size, leaf[:], rawPath(path))
		require.Equal(t, theirErr == nil, ourErr == nil)
		if ourErr == nil {
			require.Equal(t, theirs, ours[:])
		}
	})
}

func BenchmarkNew100k(b *testing.B) {
	hashes := leaves(100_000)
	for b.Loop() {
		merkle.New(hashes)
	}
}

func BenchmarkInclusion100k(b *testing.B) {
	tree := merkle.New(leaves(100_000))
	for b.Loop() {
		_, _ = tree.Inclusion(77_777)
	}
}

func BenchmarkVerifyInclusion100k(b *testing.B) {
	hashes := leaves(100_000)
	tree := merkle.New(hashes)
	path, err := tree.Inclusion(77_777)
	require.NoError(b, err)
	for b.Loop() {
		_ = merkle.VerifyInclusion(tree.Root(), tree.Size(), 77_777, hashes[77_777], path)
	}
}

func Example() {
	readings := []string{"21.5 °C", "21.6 °C", "21.4 °C"}
	hashes := make([]merkle.Hash, len(readings))
	for i, r := range readings {
		hashes[i] = merkle.LeafHash([]byte(r))
	}
	tree := merkle.New(hashes)
	path, _ := tree.Inclusion(2)

	err := merkle.VerifyInclusion(tree.Root(), tree.Size(), 2, merkle.LeafHash([]byte("21.4 °C")), path)
	fmt.Println("the third reading:", err)
	err = merkle.VerifyInclusion(tree.Root(), tree.Size(), 2, merkle.LeafHash([]byte("99.9 °C")), path)
	fmt.Println("another one is refused:", err != nil)
	// Output:
	// the third reading: <nil>
	// another one is refused: true
}
