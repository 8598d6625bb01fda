// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit/export"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

func device() name.Name { return name.New("Org1MSP", "pump-1") }

func signer(t testing.TB, seed byte) cose.Signer {
	t.Helper()
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
	require.NoError(t, err)
	return s
}

// batch is a batch of three readings, of which two are exported.
func batch(t testing.TB, number uint64, e receipt.Evidence) export.Batch {
	t.Helper()
	var leaves []merkle.Hash
	var readings [][]byte
	for i := range uint64(3) {
		data, err := reading.Sign(signer(t, 1), reading.Claims{Device: device(), Sequence: 3*number + i + 1, Time: 1000}, "text/plain", []byte{byte(i)})
		require.NoError(t, err)
		readings, leaves = append(readings, data), append(leaves, merkle.LeafHash(data))
	}
	tree := merkle.New(leaves)
	signed, err := receipt.Sign(signer(t, 2), tree.Root(), receipt.Claims{
		Stream: name.New("Org1MSP", "bridge-1"), Ledger: "mychannel/anchorline", Number: number + 1, LedgerTime: 2000,
	})
	require.NoError(t, err)
	b := export.Batch{Anchor: []byte(`{"number":1}`), Signed: signed, Size: tree.Size(), Evidence: e}
	for _, i := range []uint64{0, 2} {
		path, err := tree.Inclusion(i)
		require.NoError(t, err)
		b.Readings = append(b.Readings, export.Reading{Index: i, Bytes: readings[i], Path: path})
	}
	return b
}

func file(t testing.TB, batches ...export.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := export.NewWriter(&out, export.Header{Device: device(), From: 1, To: 6})
	require.NoError(t, err)
	for _, b := range batches {
		require.NoError(t, w.Batch(b))
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestWhatIsWrittenComesBackAsStatementsWithTheirEvidence(t *testing.T) {
	shared := bytes.Repeat([]byte("attestation"), 100)
	first := receipt.Evidence{Envelope: []byte("envelope"), Attestations: [][]byte{shared}}
	second := receipt.Evidence{Blocks: [][]byte{[]byte("block")}, Attestations: [][]byte{shared, []byte("another")}}
	data := file(t, batch(t, 0, first), batch(t, 1, second))
	require.Equal(t, 1, bytes.Count(data, shared), "what batches share is there once")

	var sequences []uint64
	var evidence []receipt.Evidence
	header, err := export.Read(bytes.NewReader(data), func(statement []byte, e receipt.Evidence) error {
		s, err := receipt.ParseStatement(statement)
		require.NoError(t, err)
		require.NoError(t, s.VerifyReceipt(signer(t, 2).Key()))
		require.True(t, s.Evidence.IsZero())
		sequences, evidence = append(sequences, s.Reading.Claims().Sequence), append(evidence, e)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, export.Header{Device: device(), From: 1, To: 6}, header)
	require.Equal(t, []uint64{1, 3, 4, 6}, sequences)
	require.Equal(t, []receipt.Evidence{first, first, second, second}, evidence)
}

func none([]byte, receipt.Evidence) error { return nil }

func TestAFileThatWasCutOffAnywhereIsRefused(t *testing.T) {
	data := file(t, batch(t, 0, receipt.Evidence{}))
	for n := range data {
		_, err := export.Read(bytes.NewReader(data[:n]), none)
		require.ErrorIs(t, err, export.ErrFormat, "%d of %d bytes", n, len(data))
	}
}

func TestWhatFollowsTheEndIsRefused(t *testing.T) {
	data := file(t, batch(t, 0, receipt.Evidence{}))
	_, err := export.Read(bytes.NewReader(append(bytes.Clone(data), data...)), none)
	require.ErrorContains(t, err, "something follows the end")
}

func TestAReadingThatWasTakenOutIsMissed(t *testing.T) {
	whole := batch(t, 0, receipt.Evidence{})
	less := whole
	less.Readings = whole.Readings[:1]
	full, cut := file(t, whole), file(t, less)
	forged := append(bytes.Clone(cut[:len(cut)-3]), full[len(full)-3:]...)
	_, err := export.Read(bytes.NewReader(forged), none)
	require.ErrorContains(t, err, "it holds 1 readings and says 2")
}

func TestAnErrorOfTheCallerEndsTheReading(t *testing.T) {
	stop := errors.New("stop")
	_, err := export.Read(bytes.NewReader(file(t, batch(t, 0, receipt.Evidence{}))), func([]byte, receipt.Evidence) error { return stop })
	require.ErrorIs(t, err, stop)
}

func TestAFileOfNobodysDeviceIsNotBegun(t *testing.T) {
	_, err := export.NewWriter(&bytes.Buffer{}, export.Header{})
	require.ErrorIs(t, err, name.ErrInvalid)
}

func TestABatchHasNoMoreEvidenceThanAStatement(t *testing.T) {
	many := make([][]byte, receipt.MaxEvidenceItems+1)
	for i := range many {
		many[i] = []byte{byte(i), byte(i >> 8)}
	}
	big := [][]byte{make([]byte, receipt.MaxEvidenceSize), {1}}
	for what, e := range map[string]receipt.Evidence{
		"attestations": {Attestations: many}, "blocks": {Blocks: many},
		"bytes of attestations": {Attestations: big}, "bytes of blocks": {Blocks: big},
		"the same twice": {Attestations: [][]byte{{1}, {1}}},
	} {
		_, err := export.Read(bytes.NewReader(file(t, batch(t, 1, e))), none)
		require.ErrorIs(t, err, export.ErrFormat, what)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(f, batch(f, 0, receipt.Evidence{Envelope: []byte("e"), Attestations: [][]byte{[]byte("a")}})))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		read := 0
		_, err := export.Read(bytes.NewReader(data), func(statement []byte, _ receipt.Evidence) error {
			_, err := receipt.ParseStatement(statement)
			require.NoError(t, err, "what is handed out is a statement")
			read++
			return nil
		})
		if err == nil {
			require.LessOrEqual(t, read, len(data))
		}
	})
}
