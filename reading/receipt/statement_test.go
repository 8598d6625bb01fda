// SPDX-License-Identifier: Apache-2.0

package receipt_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

// ed25519Signer returns a signer with a fixed key: 32 times seed.
func ed25519Signer(t testing.TB, seed byte) cose.Signer {
	t.Helper()
	raw := make([]byte, ed25519.SeedSize)
	for i := range raw {
		raw[i] = seed
	}
	signer, err := cose.NewSigner(ed25519.NewKeyFromSeed(raw))
	require.NoError(t, err)
	return signer
}

// es256Signer returns a signer with a fixed key.
func es256Signer(t testing.TB, seed byte) cose.Signer {
	t.Helper()
	raw := big.NewInt(int64(seed)).FillBytes(make([]byte, 32))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	require.NoError(t, err)
	signer, err := cose.NewSigner(private)
	require.NoError(t, err)
	return signer
}

// batch is an anchored batch of readings of one device.
type batch struct {
	device, stream cose.Signer
	leaves         [][]byte
	tree           *merkle.Tree
	anchor         []byte
	signed         *receipt.Signed
}

func newBatch(t testing.TB, device, stream cose.Signer, size int) batch {
	t.Helper()
	b := batch{device: device, stream: stream}
	hashes := make([]merkle.Hash, size)
	for i := range size {
		claims := reading.Claims{Device: "pump-7", Sequence: uint64(i + 1), Time: 1_700_000_000_000}
		leaf, err := reading.Sign(device, claims, reading.SenMLJSON, []byte(`[{"n":"temperature","v":21.5}]`))
		require.NoError(t, err)
		b.leaves = append(b.leaves, leaf)
		hashes[i] = merkle.LeafHash(leaf)
	}
	b.tree = merkle.New(hashes)
	b.anchor = anchorOf("bridge-1", 3, size, b.tree.Root())
	b.sign(t)
	return b
}

func (b *batch) sign(t testing.TB) {
	t.Helper()
	var err error
	b.signed, err = receipt.Sign(b.stream, b.tree.Root(), receipt.Claims{
		Stream: "bridge-1", Ledger: "anchors/anchorline", Number: 3,
		Anchor: sha256.Sum256(b.anchor), Transaction: sha256.Sum256([]byte("tx")),
		Block: 42, LedgerTime: 1_700_000_000_500,
	})
	require.NoError(t, err)
}

func anchorOf(stream string, number, size int, root merkle.Hash) []byte {
	return fmt.Appendf(nil, `{"number":%d,"root":"%s","size":%d,"stream":"%s","type":"anchor","version":1}`,
		number, root, size, stream)
}

func (b *batch) receipt(t testing.TB, index int) []byte {
	t.Helper()
	path, err := b.tree.Inclusion(uint64(index))
	require.NoError(t, err)
	return b.signed.Receipt(b.tree.Size(), uint64(index), path)
}

func (b *batch) statement(t testing.TB, index int) []byte {
	t.Helper()
	statement, err := receipt.NewStatement(b.leaves[index], b.receipt(t, index), b.anchor)
	require.NoError(t, err)
	return statement
}

func TestEveryReadingOfABatchHasAStatementThatVerifies(t *testing.T) {
	for _, size := range []int{1, 2, 3, 5, 8, 13} {
		b := newBatch(t, ed25519Signer(t, 1), es256Signer(t, 2), size)
		for i := range size {
			encoded := b.statement(t, i)
			s, err := receipt.ParseStatement(encoded)
			require.NoError(t, err)
			require.NoError(t, s.VerifyReading(b.device.Key()))
			require.NoError(t, s.VerifyReceipt(b.stream.Key()))
			require.NoError(t, s.VerifyAnchor())
			require.NoError(t, s.Verify(b.device.Key(), b.stream.Key()))
			require.Equal(t, b.leaves[i], s.Reading.Bytes())
			again, err := s.Bytes()
			require.NoError(t, err)
			require.Equal(t, encoded, again)
		}
	}
}

func TestNoBitOfAStatementCanBeFlippedUnnoticed(t *testing.T) {
	for name, signers := range map[string][2]cose.Signer{
		"EdDSA device, ES256 stream": {ed25519Signer(t, 1), es256Signer(t, 2)},
		"ES256 device, EdDSA stream": {es256Signer(t, 3), ed25519Signer(t, 4)},
	} {
		for index := range 5 { // of 5: full and ragged paths
			b := newBatch(t, signers[0], signers[1], 5)
			statement := b.statement(t, index)
			for bit := range 8 * len(statement) {
				statement[bit/8] ^= 1 << (bit % 8)
				s, err := receipt.ParseStatement(statement)
				if err == nil {
					err = s.Verify(b.device.Key(), b.stream.Key())
				}
				require.Errorf(t, err, "%s: leaf %d, byte %d, bit %d", name, index, bit/8, bit%8)
				statement[bit/8] ^= 1 << (bit % 8)
			}
		}
	}
}
