// SPDX-License-Identifier: Apache-2.0

package receipt_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/receipt"
)

func TestAMessageCarriesUpTo256Receipts(t *testing.T) {
	encoded := testBatch(t)
	var entries []receipt.Entry
	for i := range encoded.leaves {
		entries = append(entries, receipt.Entry{Sequence: uint64(i + 1), Receipt: encoded.receipt(t, i)})
	}
	message, err := receipt.EncodeBatch(entries)
	require.NoError(t, err)
	decoded, err := receipt.DecodeBatch(message)
	require.NoError(t, err)
	require.Equal(t, entries, decoded)

	full := make([]receipt.Entry, receipt.MaxBatch)
	for i := range full {
		full[i] = entries[0]
	}
	message, err = receipt.EncodeBatch(full)
	require.NoError(t, err)
	decoded, err = receipt.DecodeBatch(message)
	require.NoError(t, err)
	require.Len(t, decoded, receipt.MaxBatch)

	_, err = receipt.EncodeBatch(append(full, entries[0]))
	require.ErrorIs(t, err, reading.ErrTooLarge)
	_, err = receipt.EncodeBatch(nil)
	require.ErrorIs(t, err, reading.ErrMalformed)
	_, err = receipt.EncodeBatch([]receipt.Entry{{Sequence: 0}})
	require.ErrorIs(t, err, reading.ErrMalformed)
	_, err = receipt.EncodeBatch([]receipt.Entry{{Sequence: 1, Receipt: make([]byte, receipt.MaxSize+1)}})
	require.ErrorIs(t, err, reading.ErrTooLarge)
}

func TestAMessageOfReceiptsThatIsNotStrictlyOneIsRefused(t *testing.T) {
	tooMany := make([]any, receipt.MaxBatch+1)
	for i := range tooMany {
		tooMany[i] = []any{1, []byte{0}}
	}
	for title, c := range map[string]struct {
		encoded []byte
		want    error
	}{
		"nothing":             {nil, reading.ErrMalformed},
		"empty array":         {deterministic(t, []any{}), reading.ErrMalformed},
		"257 receipts":        {deterministic(t, tooMany), reading.ErrMalformed},
		"a map":               {deterministic(t, map[int]int{}), reading.ErrMalformed},
		"an entry of one":     {deterministic(t, []any{[]any{1}}), reading.ErrMalformed},
		"an entry of three":   {deterministic(t, []any{[]any{1, []byte{0}, 1}}), reading.ErrMalformed},
		"sequence 0":          {deterministic(t, []any{[]any{0, []byte{0}}}), reading.ErrMalformed},
		"sequence as text":    {deterministic(t, []any{[]any{"1", []byte{0}}}), reading.ErrMalformed},
		"receipt as text":     {deterministic(t, []any{[]any{1, "r"}}), reading.ErrMalformed},
		"null":                {deterministic(t, []any{nil}), reading.ErrMalformed},
		"trailing byte":       {append(deterministic(t, []any{[]any{1, []byte{0}}}), 0), reading.ErrMalformed},
		"unknown length":      {[]byte{0x9f, 0xff}, reading.ErrNotCanonical},
		"a long integer":      {[]byte{0x81, 0x82, 0x18, 0x01, 0x40}, reading.ErrNotCanonical},
		"too large":           {make([]byte, receipt.MaxBatchSize+1), reading.ErrTooLarge},
		"a receipt too large": {deterministic(t, []any{[]any{1, make([]byte, receipt.MaxSize+1)}}), reading.ErrTooLarge},
	} {
		_, err := receipt.DecodeBatch(c.encoded)
		require.ErrorIs(t, err, c.want, title)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	b := testBatch(f)
	message, err := receipt.EncodeBatch([]receipt.Entry{{Sequence: 1, Receipt: b.receipt(f, 0)}, {Sequence: 2}})
	require.NoError(f, err)
	f.Add(message)
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := receipt.DecodeBatch(data)
		if err != nil {
			return
		}
		again, err := receipt.EncodeBatch(entries)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, again))
	})
}
