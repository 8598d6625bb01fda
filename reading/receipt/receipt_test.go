// SPDX-License-Identifier: Apache-2.0

package receipt_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/hex"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
	oracle "github.com/veraison/go-cose"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

var update = flag.Bool("update", false, "write the golden files anew; only when the format changed on purpose")

// golden returns the bytes of testdata/<file>.hex, after writing got there when asked to.
func golden(t testing.TB, file string, got []byte) []byte {
	t.Helper()
	file = filepath.Join("testdata", file+".hex")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(hex.EncodeToString(got)+"\n"), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	want, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return want
}

func deterministic(t testing.TB, v any) []byte {
	t.Helper()
	mode, err := cbor.CoreDetEncOptions().EncMode()
	require.NoError(t, err)
	encoded, err := mode.Marshal(v)
	require.NoError(t, err)
	return encoded
}

func testBatch(t testing.TB) batch {
	return newBatch(t, ed25519Signer(t, 1), es256Signer(t, 2), 5)
}

func TestAReceiptSaysWhatTheStreamSigned(t *testing.T) {
	b := testBatch(t)
	encoded := b.receipt(t, 4)
	r, err := receipt.Parse(encoded)
	require.NoError(t, err)
	require.Equal(t, b.signed.Claims(), r.Claims)
	require.Equal(t, b.stream.Key().ID(), r.KeyID)
	require.Equal(t, b.stream.Key().Algorithm(), r.Algorithm)
	require.EqualValues(t, 5, r.Size)
	require.EqualValues(t, 4, r.Index)
	require.Len(t, r.Path, 1)
	require.Equal(t, encoded, r.Bytes())
	root, err := r.Root(b.leaves[4])
	require.NoError(t, err)
	require.Equal(t, b.tree.Root(), root)
	require.NoError(t, r.VerifyRoot(b.stream.Key(), root))
}

func TestAReceiptIsForOneReadingAndOneKey(t *testing.T) {
	b := testBatch(t)
	r, err := receipt.Parse(b.receipt(t, 1))
	require.NoError(t, err)
	require.NoError(t, r.Verify(b.stream.Key(), b.leaves[1]))
	require.ErrorIs(t, r.Verify(b.stream.Key(), b.leaves[2]), reading.ErrBadSignature)
	require.ErrorIs(t, r.Verify(b.device.Key(), b.leaves[1]), reading.ErrWrongKey)
	require.ErrorIs(t, r.VerifyRoot(b.stream.Key(), merkle.Hash{}), reading.ErrBadSignature)
}

func TestOneSignatureServesAllReceiptsAfterARestart(t *testing.T) {
	b := testBatch(t)
	restarted, err := receipt.ParseSigned(b.signed.Bytes())
	require.NoError(t, err)
	require.Equal(t, b.signed.Bytes(), restarted.Bytes())
	require.Equal(t, b.signed.Claims(), restarted.Claims())
	require.Equal(t, b.stream.Key().ID(), restarted.KeyID())
	require.NoError(t, restarted.Verify(b.stream.Key(), b.tree.Root()))
	require.ErrorIs(t, restarted.Verify(b.stream.Key(), merkle.Hash{}), reading.ErrBadSignature)
	require.ErrorIs(t, restarted.Verify(b.device.Key(), b.tree.Root()), reading.ErrWrongKey)
	for i := range b.leaves {
		path, err := b.tree.Inclusion(uint64(i))
		require.NoError(t, err)
		require.Equal(t, b.receipt(t, i), restarted.Receipt(5, uint64(i), path))
	}
	_, err = receipt.ParseSigned(b.receipt(t, 0))
	require.ErrorIs(t, err, reading.ErrMalformed, "a receipt is not a signed root")
	_, err = receipt.Parse(b.signed.Bytes())
	require.ErrorIs(t, err, reading.ErrMalformed, "a signed root is not a receipt")
}

func TestAnIndependentLibraryVerifiesAReceipt(t *testing.T) {
	b := testBatch(t)
	var theirs oracle.Sign1Message
	require.NoError(t, theirs.UnmarshalCBOR(b.receipt(t, 2)))
	require.Nil(t, theirs.Payload)
	root := b.tree.Root()
	theirs.Payload = root[:]
	verifier, err := oracle.NewVerifier(oracle.AlgorithmES256, b.stream.Key().Public())
	require.NoError(t, err)
	require.NoError(t, theirs.Verify(nil, verifier))
	require.EqualValues(t, 1, theirs.Headers.Protected[int64(395)])
}

func TestClaimsBeyondTheirLimitsAreNotSigned(t *testing.T) {
	for title, change := range map[string]func(*receipt.Claims){
		"no stream":        func(c *receipt.Claims) { c.Stream = name.Name{} },
		"no owner":         func(c *receipt.Claims) { c.Stream.Owner = "" },
		"stream no name":   func(c *receipt.Claims) { c.Stream.ID = "a/b" },
		"no ledger":        func(c *receipt.Claims) { c.Ledger = "" },
		"ledger not UTF-8": func(c *receipt.Claims) { c.Ledger = "\xff" },
		"ledger too long":  func(c *receipt.Claims) { c.Ledger = strings.Repeat("l", receipt.MaxLedger+1) },
		"number 0":         func(c *receipt.Claims) { c.Number = 0 },
		"number 2^53":      func(c *receipt.Claims) { c.Number = 1 << 53 },
		"negative time":    func(c *receipt.Claims) { c.LedgerTime = -1 },
		"time beyond 2^53": func(c *receipt.Claims) { c.LedgerTime = 1 << 53 },
	} {
		b := testBatch(t)
		c := b.signed.Claims()
		change(&c)
		_, err := receipt.Sign(b.stream, b.tree.Root(), c)
		require.ErrorIs(t, err, reading.ErrMalformed, title)
	}
}

func TestTheLargestReceiptIsWithinItsLimit(t *testing.T) {
	b := testBatch(t)
	signed, err := receipt.Sign(b.stream, b.tree.Root(), receipt.Claims{
		Stream: name.New(strings.Repeat("O", name.MaxOwner), strings.Repeat("s", name.MaxID)), Ledger: strings.Repeat("l", receipt.MaxLedger),
		Number: reading.MaxNumber, LedgerTime: reading.MaxNumber,
	})
	require.NoError(t, err)
	encoded := signed.Receipt(reading.MaxNumber, 0, make([]merkle.Hash, 53))
	require.Less(t, len(encoded), receipt.MaxSize/2)
	_, err = receipt.Parse(encoded)
	require.NoError(t, err)
	_, err = receipt.Parse(make([]byte, receipt.MaxSize+1))
	require.ErrorIs(t, err, reading.ErrTooLarge)
}

func TestAProofThatIsNotStrictlyOneIsRefused(t *testing.T) {
	b := testBatch(t)
	m, err := cose.Parse(b.receipt(t, 4))
	require.NoError(t, err)
	type labels = map[any]any
	hash := make([]byte, merkle.Size)
	proof := func(parts ...any) []byte { return deterministic(t, parts) }
	in := func(proof []byte) labels { return labels{396: labels{-1: []any{proof}}} }
	parse := func(unprotected any) error {
		m.Unprotected = deterministic(t, unprotected)
		_, err := receipt.Parse(m.Encode())
		return err
	}
	require.NoError(t, parse(in(proof(5, 4, []any{hash}))), "the table stands on a good proof")
	for title, unprotected := range map[string]any{
		"no proofs":             labels{},
		"another header":        labels{396: labels{-1: []any{proof(5, 4, []any{hash})}}, 4: hash[:8]},
		"proofs not a map":      labels{396: []any{}},
		"empty map of proofs":   labels{396: labels{}},
		"a consistency proof":   labels{396: labels{-1: []any{proof(5, 4, []any{hash})}, -2: []any{hash}}},
		"no inclusion proof":    labels{396: labels{-1: []any{}}},
		"two inclusion proofs":  labels{396: labels{-1: []any{proof(5, 4, []any{hash}), proof(5, 4, []any{hash})}}},
		"proof not in bytes":    labels{396: labels{-1: []any{[]any{5, 4, []any{hash}}}}},
		"empty proof":           in(nil),
		"proof of two":          in(proof(5, 4)),
		"proof of four":         in(proof(5, 4, []any{hash}, 0)),
		"more behind":           in(append(proof(5, 4, []any{hash}), 0)),
		"size 0":                in(proof(0, 0, []any{})),
		"size 2^53":             in(proof(uint64(1)<<53, 0, slicesOf(hash, 53))),
		"index beyond size":     in(proof(5, 5, []any{hash})),
		"negative index":        in(proof(5, -1, []any{hash})),
		"size as text":          in(proof("5", 4, []any{hash})),
		"path too short":        in(proof(5, 4, []any{})),
		"path too long":         in(proof(5, 4, []any{hash, hash})),
		"path not an array":     in(proof(5, 4, hash)),
		"path hash of 31 bytes": in(proof(5, 4, []any{hash[1:]})),
		"path hash as text":     in(proof(5, 4, []any{strings.Repeat("a", 32)})),
		"path hash as integers": in(proof(5, 4, []any{[]int{1}})),
		"null in the path":      in(proof(5, 4, []any{nil})),
	} {
		require.ErrorIs(t, parse(unprotected), reading.ErrMalformed, title)
	}
	nonShortest := unhexed(t, "83 1805 04 81 5820"+strings.Repeat("00", 32))
	require.ErrorIs(t, parse(in(nonShortest)), reading.ErrNotCanonical, "the proof inside is held to the same rules")
}

func unhexed(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

func slicesOf(hash []byte, n int) []any {
	path := make([]any, n)
	for i := range path {
		path[i] = hash
	}
	return path
}

func TestAReceiptWithAnotherHeaderIsRefused(t *testing.T) {
	b := testBatch(t)
	good, err := cose.Parse(b.receipt(t, 0))
	require.NoError(t, err)
	id := b.stream.Key().ID()
	type labels = map[any]any
	hash := make([]byte, 32)
	for title, c := range map[string]struct {
		change func(h, c labels)
		want   error
	}{
		"nothing changed":      {func(_, _ labels) {}, nil},
		"no vds":               {func(h, _ labels) { delete(h, 395) }, reading.ErrMalformed},
		"vds 2":                {func(h, _ labels) { h[395] = 2 }, reading.ErrMalformed},
		"vds 0":                {func(h, _ labels) { h[395] = 0 }, reading.ErrMalformed},
		"a type":               {func(h, _ labels) { h[16] = reading.Type }, reading.ErrMalformed},
		"an unknown critical":  {func(h, _ labels) { h[2], h[9] = []any{9}, 1 }, reading.ErrUnknownCritical},
		"RSA":                  {func(h, _ labels) { h[1] = -37 }, reading.ErrUnsupportedAlgorithm},
		"another claim":        {func(_, c labels) { c[6] = 1 }, reading.ErrMalformed},
		"a block":              {func(_, c labels) { c[-70006] = 42 }, reading.ErrMalformed},
		"no transaction":       {func(_, c labels) { delete(c, -70005) }, reading.ErrMalformed},
		"stream without owner": {func(_, c labels) { c[1] = "s" }, reading.ErrMalformed},
		"anchor of 31 bytes":   {func(_, c labels) { c[-70004] = hash[1:] }, reading.ErrMalformed},
		"transaction as text":  {func(_, c labels) { c[-70005] = strings.Repeat("a", 32) }, reading.ErrMalformed},
		"number 0":             {func(_, c labels) { c[-70003] = 0 }, reading.ErrMalformed},
		"ledger time as float": {func(_, c labels) { c[-70007] = 1.5 }, reading.ErrMalformed},
	} {
		claims := labels{1: "O/s", 2: "c/cc", -70003: 1, -70004: hash, -70005: hash, -70007: 0}
		header := labels{1: -7, 4: id[:], 15: claims, 395: 1}
		c.change(header, claims)
		m := good
		m.Protected = deterministic(t, header)
		_, err := receipt.Parse(m.Encode())
		require.ErrorIs(t, err, c.want, title)
	}
	attached := good
	attached.Payload = hash
	_, err = receipt.Parse(attached.Encode())
	require.ErrorIs(t, err, reading.ErrMalformed, "the root is detached")
}

func TestTheGoldenReceiptsAreReadAndWrittenToTheByte(t *testing.T) {
	b := newBatch(t, ed25519Signer(t, 0x11), ed25519Signer(t, 0x33), 5)
	require.Equal(t, golden(t, "signed-root", b.signed.Bytes()), b.signed.Bytes())
	require.Equal(t, golden(t, "receipt", b.receipt(t, 2)), b.receipt(t, 2))
	require.Equal(t, golden(t, "statement", b.statement(t, 2)), b.statement(t, 2))
	witnessed := b.witnessed(t, 2, someEvidence())
	require.Equal(t, golden(t, "statement-with-evidence", witnessed), witnessed)
	message, err := receipt.EncodeBatch([]receipt.Entry{{Sequence: 3, Receipt: b.receipt(t, 2)}})
	require.NoError(t, err)
	require.Equal(t, golden(t, "receipts-message", message), message)

	for _, want := range [][]byte{b.statement(t, 2), witnessed} {
		s, err := receipt.ParseStatement(want)
		require.NoError(t, err)
		require.NoError(t, s.Verify(b.device.Key(), b.stream.Key()))
		again, err := s.Bytes()
		require.NoError(t, err)
		require.Equal(t, want, again)
		require.Equal(t, b.receipt(t, 2), s.Receipt.Bytes())
	}
}

func FuzzParse(f *testing.F) {
	b := testBatch(f)
	f.Add(b.receipt(f, 0))
	f.Add(b.receipt(f, 4))
	f.Add(b.signed.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := receipt.Parse(data); err == nil {
			signed := withoutProof(t, data)
			require.Equal(t, data, signed.Receipt(r.Size, r.Index, r.Path))
			_, err := r.Root([]byte("leaf"))
			require.NoError(t, err, "what parses has a root")
		}
		if s, err := receipt.ParseSigned(data); err == nil {
			require.Equal(t, data, s.Bytes())
		}
	})
}

// largerS returns an ES256 signature with the other s that verifies.
func largerS(signature []byte) []byte {
	s := new(big.Int).SetBytes(signature[32:])
	return append(bytes.Clone(signature[:32]), s.Sub(elliptic.P256().Params().N, s).FillBytes(make([]byte, 32))...)
}

func TestAReceiptWithTheLargerSIsRefused(t *testing.T) {
	b := testBatch(t)
	for i := range b.leaves {
		m, err := cose.Parse(b.receipt(t, i))
		require.NoError(t, err)
		require.True(t, cose.LowS(m.Signature), "the signer makes the smaller one")
		m.Signature = largerS(m.Signature)
		root := b.tree.Root()
		require.NoError(t, m.VerifyDetached(b.stream.Key(), nil, root[:]), "the signature is as good as the other one")
		_, err = receipt.Parse(m.Encode())
		require.ErrorIs(t, err, reading.ErrNotCanonical)
		m.Unprotected = nil
		_, err = receipt.ParseSigned(m.Encode())
		require.ErrorIs(t, err, reading.ErrNotCanonical)
	}
}

func TestNoReceiptIsMadeWithTheLargerS(t *testing.T) {
	b := testBatch(t)
	for number := uint64(1); number <= 64; number++ {
		c := b.signed.Claims()
		c.Number = number
		signed, err := receipt.Sign(b.stream, b.tree.Root(), c)
		require.NoError(t, err)
		m, err := cose.Parse(signed.Bytes())
		require.NoError(t, err)
		require.True(t, cose.LowS(m.Signature))
	}
}

func TestTheClaimHashIsThatOfWhatWasSignedWhateverTheReading(t *testing.T) {
	b := testBatch(t)
	root := b.tree.Root()
	first, err := receipt.Parse(b.receipt(t, 0))
	require.NoError(t, err)
	other, err := receipt.Parse(b.receipt(t, 4))
	require.NoError(t, err)
	require.Equal(t, first.ClaimHash(root), other.ClaimHash(root))
	require.NotEqual(t, first.ClaimHash(root), first.ClaimHash(merkle.Hash{}))
	c := b.signed.Claims()
	c.Number++
	signed, err := receipt.Sign(b.stream, root, c)
	require.NoError(t, err)
	next, err := receipt.Parse(signed.Receipt(5, 0, first.Path))
	require.NoError(t, err)
	require.NotEqual(t, first.ClaimHash(root), next.ClaimHash(root))
}

func withoutProof(t testing.TB, encoded []byte) *receipt.Signed {
	t.Helper()
	m, err := cose.Parse(encoded)
	require.NoError(t, err)
	m.Unprotected = nil
	signed, err := receipt.ParseSigned(m.Encode())
	require.NoError(t, err)
	return signed
}
