// SPDX-License-Identifier: Apache-2.0

package receipt_test

import (
	"bytes"
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
	"github.com/anchorline/anchorline/reading/name"
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
		claims := reading.Claims{Device: name.New("Org1MSP", "pump-7"), Sequence: uint64(i + 1), Time: 1_700_000_000_000}
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
		Stream: name.New("Org1MSP", "bridge-1"), Ledger: "anchors/anchorline", Number: 3,
		Anchor: sha256.Sum256(b.anchor), Transaction: sha256.Sum256([]byte("tx")),
		LedgerTime: 1_700_000_000_500,
	})
	require.NoError(t, err)
}

func anchorOf(stream string, number, size int, root merkle.Hash) []byte {
	return fmt.Appendf(nil, `{"number":%d,"root":"%s","size":%d,"stream":"Org1MSP/%s","type":"anchor","version":1}`,
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
	statement, err := receipt.NewStatement(b.leaves[index], b.receipt(t, index), b.anchor, receipt.Evidence{})
	require.NoError(t, err)
	return statement
}

// witnessed is statement with evidence in it.
func (b *batch) witnessed(t testing.TB, index int, evidence receipt.Evidence) []byte {
	t.Helper()
	statement, err := receipt.NewStatement(b.leaves[index], b.receipt(t, index), b.anchor, evidence)
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
	for title, c := range map[string]struct {
		device, stream cose.Signer
		index          int
	}{
		"EdDSA device, ES256 stream, full path":   {ed25519Signer(t, 1), es256Signer(t, 2), 0},
		"ES256 device, EdDSA stream, ragged path": {es256Signer(t, 3), ed25519Signer(t, 4), 4},
	} {
		b := newBatch(t, c.device, c.stream, 5)
		statement := b.statement(t, c.index)
		for bit := range 8 * len(statement) {
			statement[bit/8] ^= 1 << (bit % 8)
			s, err := receipt.ParseStatement(statement)
			if err == nil {
				err = s.Verify(b.device.Key(), b.stream.Key())
			}
			require.Errorf(t, err, "%s: byte %d, bit %d", title, bit/8, bit%8)
			statement[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestEachStepNamesItsOwnFailure(t *testing.T) {
	b := testBatch(t)
	parsed := func(leaf, proof, anchor []byte) *receipt.Statement {
		encoded, err := receipt.NewStatement(leaf, proof, anchor, receipt.Evidence{})
		require.NoError(t, err)
		s, err := receipt.ParseStatement(encoded)
		require.NoError(t, err)
		return s
	}
	device, stream := b.device.Key(), b.stream.Key()
	s := parsed(b.leaves[1], b.receipt(t, 1), b.anchor)
	require.NoError(t, s.Verify(device, stream))

	err := s.Verify(ed25519Signer(t, 9).Key(), stream)
	require.ErrorIs(t, err, receipt.ErrBadReadingSignature)
	require.ErrorIs(t, err, reading.ErrWrongKey)
	err = s.Verify(device, es256Signer(t, 9).Key())
	require.ErrorIs(t, err, receipt.ErrBadReceiptSignature)
	require.ErrorIs(t, err, reading.ErrWrongKey)

	s = parsed(b.leaves[2], b.receipt(t, 1), b.anchor)
	require.NoError(t, s.VerifyReading(device))
	require.ErrorIs(t, s.VerifyReceipt(stream), receipt.ErrBadReceiptSignature)
	require.ErrorIs(t, s.VerifyAnchor(), receipt.ErrAnchorContradicts, "the reading leads to another root")

	s = parsed(b.leaves[1], b.receipt(t, 1), anchorOf("bridge-1", 4, 5, b.tree.Root()))
	require.NoError(t, s.VerifyReading(device))
	require.NoError(t, s.VerifyReceipt(stream))
	require.ErrorIs(t, s.VerifyAnchor(), receipt.ErrAnchorMismatch)
	require.ErrorIs(t, s.Verify(device, stream), receipt.ErrAnchorMismatch)
}

// A stream may sign a receipt that names an anchor of another batch: both are genuine, and
// together they prove nothing.
func TestAnAnchorOfAnotherBatchIsRefused(t *testing.T) {
	b := testBatch(t)
	root := b.tree.Root()
	for title, anchor := range map[string][]byte{
		"another stream":    anchorOf("bridge-2", 3, 5, root),
		"another owner":     bytes.Replace(anchorOf("bridge-1", 3, 5, root), []byte("Org1MSP"), []byte("Org2MSP"), 1),
		"another number":    anchorOf("bridge-1", 4, 5, root),
		"another size":      anchorOf("bridge-1", 3, 6, root),
		"another root":      anchorOf("bridge-1", 3, 5, merkle.Hash{}),
		"no JSON":           []byte("anchor"),
		"duplicate names":   []byte(`{"number":4,"number":3,"root":"` + root.String() + `","size":5,"stream":"Org1MSP/bridge-1"}`),
		"names in capitals": []byte(`{"NUMBER":3,"ROOT":"` + root.String() + `","SIZE":5,"STREAM":"Org1MSP/bridge-1"}`),
		"more behind":       append(anchorOf("bridge-1", 3, 5, root), "{}"...),
		"null":              []byte("null"),
	} {
		b.anchor = anchor
		b.sign(t)
		s, err := receipt.ParseStatement(b.statement(t, 0))
		require.NoError(t, err)
		require.NoError(t, s.VerifyReceipt(b.stream.Key()))
		require.ErrorIs(t, s.VerifyAnchor(), receipt.ErrAnchorContradicts, title)
	}
}

// The path of one leaf fits trees of several sizes, so the signature alone does not fix
// the size: the anchor does.
func TestASizeThatNobodySignedIsRefused(t *testing.T) {
	b := testBatch(t)
	path, err := b.tree.Inclusion(0)
	require.NoError(t, err)
	encoded, err := receipt.NewStatement(b.leaves[0], b.signed.Receipt(6, 0, path), b.anchor, receipt.Evidence{})
	require.NoError(t, err)
	s, err := receipt.ParseStatement(encoded)
	require.NoError(t, err)
	require.NoError(t, s.VerifyReceipt(b.stream.Key()))
	require.ErrorIs(t, s.VerifyAnchor(), receipt.ErrAnchorContradicts)
}

func TestAStatementThatIsNotStrictlyOneIsRefused(t *testing.T) {
	b := testBatch(t)
	proof := b.receipt(t, 0)
	evidence, err := someEvidence().Encode()
	require.NoError(t, err)
	m, err := cose.Parse(b.leaves[0])
	require.NoError(t, err)
	type labels = map[any]any
	for title, c := range map[string]struct {
		unprotected any
		want        error
	}{
		"good":              {labels{394: []any{proof}, -70010: b.anchor}, nil},
		"nothing":           {labels{}, reading.ErrMalformed},
		"no receipt":        {labels{-70010: b.anchor}, reading.ErrMalformed},
		"no anchor":         {labels{394: []any{proof}}, reading.ErrMalformed},
		"an empty array":    {labels{394: []any{}, -70010: b.anchor}, reading.ErrMalformed},
		"two receipts":      {labels{394: []any{proof, proof}, -70010: b.anchor}, reading.ErrMalformed},
		"a bare receipt":    {labels{394: proof, -70010: b.anchor}, reading.ErrMalformed},
		"a signed root":     {labels{394: []any{b.signed.Bytes()}, -70010: b.anchor}, reading.ErrMalformed},
		"anchor as text":    {labels{394: []any{proof}, -70010: string(b.anchor)}, reading.ErrMalformed},
		"an empty anchor":   {labels{394: []any{proof}, -70010: []byte{}}, reading.ErrMalformed},
		"a large anchor":    {labels{394: []any{proof}, -70010: make([]byte, receipt.MaxAnchorSize+1)}, reading.ErrTooLarge},
		"another header":    {labels{394: []any{proof}, -70010: b.anchor, 4: []byte("k")}, reading.ErrMalformed},
		"evidence":          {labels{394: []any{proof}, -70010: b.anchor, -70011: evidence}, nil},
		"bare evidence":     {labels{394: []any{proof}, -70010: b.anchor, -70011: labels{1: []byte("e")}}, reading.ErrMalformed},
		"empty evidence":    {labels{394: []any{proof}, -70010: b.anchor, -70011: []byte{}}, reading.ErrMalformed},
		"evidence of none":  {labels{394: []any{proof}, -70010: b.anchor, -70011: []byte{0xa0}}, reading.ErrMalformed},
		"evidence and more": {labels{394: []any{proof}, -70010: b.anchor, -70011: evidence, 4: []byte("k")}, reading.ErrMalformed},
		"null beside":       {labels{394: []any{proof}, -70010: b.anchor, 4: nil}, reading.ErrMalformed},
	} {
		m.Unprotected = deterministic(t, c.unprotected)
		_, err := receipt.ParseStatement(m.Encode())
		require.ErrorIs(t, err, c.want, title)
	}
	_, err = receipt.ParseStatement(b.leaves[0])
	require.ErrorIs(t, err, reading.ErrMalformed, "a bare reading")
	_, err = receipt.ParseStatement(make([]byte, receipt.MaxStatementSize+1))
	require.ErrorIs(t, err, reading.ErrTooLarge)
	_, err = receipt.NewStatement(proof, proof, b.anchor, receipt.Evidence{})
	require.Error(t, err)
	_, err = receipt.NewStatement(b.leaves[0], b.leaves[0], b.anchor, receipt.Evidence{})
	require.Error(t, err)
	_, err = receipt.NewStatement(b.leaves[0], proof, nil, receipt.Evidence{})
	require.ErrorIs(t, err, reading.ErrMalformed)
	_, err = receipt.NewStatement(b.leaves[0], proof, b.anchor, receipt.Evidence{Envelope: make([]byte, receipt.MaxEvidenceSize)})
	require.ErrorIs(t, err, reading.ErrTooLarge)
}

func FuzzParseStatement(f *testing.F) {
	b := testBatch(f)
	f.Add(b.statement(f, 0))
	f.Add(b.witnessed(f, 1, someEvidence()))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := receipt.ParseStatement(data)
		if err != nil {
			return
		}
		again, err := s.Bytes()
		require.NoError(t, err)
		require.Equal(t, data, again)
		_ = s.Verify(b.device.Key(), b.stream.Key()) // must not panic
	})
}

func BenchmarkVerifyStatement(b *testing.B) {
	batch := testBatch(b)
	encoded := batch.statement(b, 2)
	for b.Loop() {
		s, err := receipt.ParseStatement(encoded)
		if err != nil || s.Verify(batch.device.Key(), batch.stream.Key()) != nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkReceipt(b *testing.B) {
	batch := newBatch(b, ed25519Signer(b, 1), ed25519Signer(b, 2), 1000)
	for b.Loop() {
		path, _ := batch.tree.Inclusion(777)
		batch.signed.Receipt(batch.tree.Size(), 777, path)
	}
}

func Example() {
	t := new(testing.T) // the fixed keys of these tests
	b := newBatch(t, ed25519Signer(t, 1), es256Signer(t, 2), 3)
	file := b.statement(t, 1) // what a device or an auditor keeps

	s, err := receipt.ParseStatement(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("device signed it:", s.VerifyReading(b.device.Key()) == nil)
	fmt.Println("stream put it in the batch:", s.VerifyReceipt(b.stream.Key()) == nil)
	fmt.Println("batch is the anchored one:", s.VerifyAnchor() == nil)
	fmt.Printf("%s, reading %d, batch %d of %s\n", s.Reading.Claims().Device,
		s.Reading.Claims().Sequence, s.Receipt.Claims.Number, s.Receipt.Claims.Stream)
	// Output:
	// device signed it: true
	// stream put it in the batch: true
	// batch is the anchored one: true
	// Org1MSP/pump-7, reading 2, batch 3 of Org1MSP/bridge-1
}
