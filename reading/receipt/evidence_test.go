// SPDX-License-Identifier: Apache-2.0

package receipt_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/receipt"
)

// someEvidence has the shape of evidence; only Fabric makes what is really some.
func someEvidence() receipt.Evidence {
	return receipt.Evidence{
		Envelope:     []byte("envelope"),
		Blocks:       [][]byte{[]byte("block 7"), []byte("block 9")},
		Attestations: [][]byte{[]byte("attestation of Org1MSP"), []byte("attestation of Org2MSP")},
	}
}

func TestEvidenceComesBackAsItWas(t *testing.T) {
	all := someEvidence()
	for title, e := range map[string]receipt.Evidence{
		"everything":        all,
		"an envelope":       {Envelope: all.Envelope},
		"blocks":            {Blocks: all.Blocks},
		"attestations":      {Attestations: all.Attestations},
		"no envelope":       {Blocks: all.Blocks, Attestations: all.Attestations},
		"as many as can be": {Blocks: slicesOfOne(receipt.MaxEvidenceItems), Attestations: slicesOfOne(receipt.MaxEvidenceItems)},
	} {
		require.False(t, e.IsZero(), title)
		encoded, err := e.Encode()
		require.NoError(t, err, title)
		got, err := receipt.ParseEvidence(encoded)
		require.NoError(t, err, title)
		require.Equal(t, e, got, title)
	}
	none, err := receipt.Evidence{}.Encode()
	require.NoError(t, err)
	require.Empty(t, none)
	require.True(t, receipt.Evidence{}.IsZero())
}

func slicesOfOne(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = []byte{1}
	}
	return out
}

func TestEvidenceBeyondItsLimitsIsNotWritten(t *testing.T) {
	for title, e := range map[string]receipt.Evidence{
		"too many blocks":       {Blocks: slicesOfOne(receipt.MaxEvidenceItems + 1)},
		"too many attestations": {Attestations: slicesOfOne(receipt.MaxEvidenceItems + 1)},
		"too large":             {Envelope: make([]byte, receipt.MaxEvidenceSize)},
	} {
		_, err := e.Encode()
		require.ErrorIs(t, err, reading.ErrTooLarge, title)
	}
	_, err := receipt.Evidence{Blocks: [][]byte{{1}, nil}}.Encode()
	require.ErrorIs(t, err, reading.ErrMalformed, "an empty block would not be read back")
	_, err = receipt.Evidence{Attestations: [][]byte{{}}}.Encode()
	require.ErrorIs(t, err, reading.ErrMalformed)
}

func TestEvidenceThatIsNotStrictlyItIsRefused(t *testing.T) {
	type labels = map[any]any
	one := []byte("x")
	tooMany := make([]any, receipt.MaxEvidenceItems+1)
	for i := range tooMany {
		tooMany[i] = one
	}
	for title, c := range map[string]struct {
		encoded []byte
		want    error
	}{
		"good":                 {deterministic(t, labels{1: one, 2: []any{one}, 3: []any{one}}), nil},
		"nothing":              {nil, reading.ErrMalformed},
		"an empty map":         {deterministic(t, labels{}), reading.ErrMalformed},
		"an array":             {deterministic(t, []any{one}), reading.ErrMalformed},
		"another key":          {deterministic(t, labels{1: one, 4: one}), reading.ErrMalformed},
		"key 0":                {deterministic(t, labels{0: one}), reading.ErrMalformed},
		"a key as text":        {deterministic(t, labels{"1": one}), reading.ErrMalformed},
		"an empty envelope":    {deterministic(t, labels{1: []byte{}}), reading.ErrMalformed},
		"an envelope as text":  {deterministic(t, labels{1: "x"}), reading.ErrMalformed},
		"a null envelope":      {deterministic(t, labels{1: nil}), reading.ErrMalformed},
		"no blocks":            {deterministic(t, labels{2: []any{}}), reading.ErrMalformed},
		"a block without list": {deterministic(t, labels{2: one}), reading.ErrMalformed},
		"an empty block":       {deterministic(t, labels{2: []any{one, []byte{}}}), reading.ErrMalformed},
		"a block as text":      {deterministic(t, labels{2: []any{"x"}}), reading.ErrMalformed},
		"too many blocks":      {deterministic(t, labels{2: tooMany}), reading.ErrMalformed},
		"no attestations":      {deterministic(t, labels{1: one, 3: []any{}}), reading.ErrMalformed},
		"an empty attestation": {deterministic(t, labels{3: []any{[]byte{}}}), reading.ErrMalformed},
		"trailing byte":        {append(deterministic(t, labels{1: one}), 0), reading.ErrMalformed},
		"keys out of order":    {unhexed(t, "a2 03 8141 78 01 4178"), reading.ErrNotCanonical},
		"a key twice":          {unhexed(t, "a2 01 4178 01 4178"), reading.ErrMalformed},
		"unknown length":       {unhexed(t, "bf 01 4178 ff"), reading.ErrNotCanonical},
		"a long head":          {unhexed(t, "a1 01 580178"), reading.ErrNotCanonical},
		"too large":            {make([]byte, receipt.MaxEvidenceSize+1), reading.ErrTooLarge},
	} {
		_, err := receipt.ParseEvidence(c.encoded)
		require.ErrorIs(t, err, c.want, title)
	}
}

func TestTheGoldenEvidenceIsReadAndWrittenToTheByte(t *testing.T) {
	encoded, err := someEvidence().Encode()
	require.NoError(t, err)
	want := golden(t, "evidence", encoded)
	require.Equal(t, want, encoded)
	require.Equal(t, want, deterministic(t, map[any]any{
		1: someEvidence().Envelope, 2: someEvidence().Blocks, 3: someEvidence().Attestations,
	}), "an independent encoder agrees")
	got, err := receipt.ParseEvidence(want)
	require.NoError(t, err)
	require.Equal(t, someEvidence(), got)
}

// Nothing here verifies evidence. What this package holds is that a statement whose evidence was
// touched is another statement, and that no byte outside it can be.
func TestNoByteOfAStatementWithEvidenceCanBeFlippedUnnoticed(t *testing.T) {
	b := testBatch(t)
	statement := b.witnessed(t, 0, someEvidence())
	evidence, err := someEvidence().Encode()
	require.NoError(t, err)
	start := bytes.Index(statement, evidence)
	require.Positive(t, start)
	for bit := range 8 * len(statement) {
		at := bit / 8
		statement[at] ^= 1 << (bit % 8)
		s, err := receipt.ParseStatement(statement)
		if err == nil && (at < start || at >= start+len(evidence)) {
			err = s.Verify(b.device.Key(), b.stream.Key())
			require.Errorf(t, err, "byte %d, bit %d", at, bit%8)
		}
		if err == nil {
			require.NotEqual(t, someEvidence(), s.Evidence, "byte %d, bit %d", at, bit%8)
		}
		statement[at] ^= 1 << (bit % 8)
	}
}

func TestAStatementCarriesItsEvidenceAndLosesItWithoutHarm(t *testing.T) {
	b := testBatch(t)
	s, err := receipt.ParseStatement(b.witnessed(t, 3, someEvidence()))
	require.NoError(t, err)
	require.Equal(t, someEvidence(), s.Evidence)
	require.Equal(t, b.leaves[3], s.Reading.Bytes())
	s.Evidence = receipt.Evidence{}
	bare, err := s.Bytes()
	require.NoError(t, err)
	require.Equal(t, b.statement(t, 3), bare)
}

func FuzzParseEvidence(f *testing.F) {
	encoded, err := someEvidence().Encode()
	require.NoError(f, err)
	f.Add(encoded)
	f.Add([]byte{0xa1, 0x01, 0x41, 0x78})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := receipt.ParseEvidence(data)
		if err != nil {
			return
		}
		require.False(t, e.IsZero())
		again, err := e.Encode()
		require.NoError(t, err)
		require.Equal(t, data, again)
	})
}
