// SPDX-License-Identifier: Apache-2.0

package extract_test

import (
	"context"
	"crypto/ed25519"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/extract"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

func pump() name.Name  { return name.New("Org1MSP", "pump-1") }
func other() name.Name { return name.New("Org2MSP", "pump-1") }

func signer(t testing.TB) cose.Signer {
	t.Helper()
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)))
	require.NoError(t, err)
	return s
}

// filled is an archive of batches, each of readings with these sequence numbers of pump-1 of Org1MSP and as
// many of its namesake. The device's clock is its sequence number in seconds.
func filled(t testing.TB, batches ...[]uint64) *archive.Archive {
	t.Helper()
	a, err := archive.Open(filepath.Join(t.TempDir(), "archive"))
	require.NoError(t, err)
	for n, sequences := range batches {
		b := &archive.Batch{Number: uint64(n + 1), Anchor: []byte("{}")}
		for _, seq := range sequences {
			for _, device := range []name.Name{pump(), other()} {
				data, err := reading.Sign(signer(t), reading.Claims{Device: device, Sequence: seq, Time: int64(seq) * 1000}, "text/plain", nil)
				require.NoError(t, err)
				b.Entries = append(b.Entries, archive.Entry{Received: 1, Reading: data})
			}
		}
		require.NoError(t, a.Put(b))
		signed, err := receipt.Sign(signer(t), b.Tree().Root(), receipt.Claims{
			Stream: name.New("Org1MSP", "bridge-1"), Ledger: "c/a", Number: b.Number,
		})
		require.NoError(t, err)
		require.NoError(t, a.PutReceipt(b.Number, signed))
	}
	return a
}

func numbers(t testing.TB, s extract.Selection) []uint64 {
	t.Helper()
	var all []uint64
	for _, b := range s.Batches {
		for _, r := range b.Readings {
			parsed, err := reading.Parse(r.Bytes)
			require.NoError(t, err)
			require.Equal(t, pump(), parsed.Claims().Device)
			all = append(all, parsed.Claims().Sequence)
		}
	}
	return all
}

func quiet(int, int) {}

func TestARangeComesWithTheReadingsJustOutside(t *testing.T) {
	a := filled(t, []uint64{1, 2}, []uint64{3, 4, 5}, []uint64{7, 6}, []uint64{8})
	for _, c := range []struct {
		in       extract.Range
		from, to uint64
		want     []uint64
	}{
		{extract.Range{From: 3, To: 5}, 3, 5, []uint64{2, 3, 4, 5, 6}},
		{extract.Range{}, 1, 8, []uint64{1, 2, 3, 4, 5, 7, 6, 8}},
		{extract.Range{From: 8}, 8, 8, []uint64{7, 8}},
		{extract.Range{Since: 2500, Till: 4000}, 3, 4, []uint64{2, 3, 4, 5}},
		{extract.Range{Since: 6500}, 7, 8, []uint64{7, 6, 8}},
	} {
		found, err := extract.Device(t.Context(), []*archive.Archive{a}, pump(), c.in, quiet)
		require.NoError(t, err)
		require.Equal(t, []uint64{c.from, c.to}, []uint64{found.From, found.To}, "%+v", c.in)
		require.Equal(t, c.want, numbers(t, found), "%+v", c.in)
	}
}

func TestEveryProofLeadsToTheSignedRoot(t *testing.T) {
	found, err := extract.Device(t.Context(), []*archive.Archive{filled(t, []uint64{1, 2, 3})}, pump(), extract.Range{}, quiet)
	require.NoError(t, err)
	require.Len(t, found.Batches, 1)
	b := found.Batches[0]
	for _, r := range b.Readings {
		rec, err := receipt.Parse(b.Signed.Receipt(b.Size, r.Index, r.Path))
		require.NoError(t, err)
		require.NoError(t, rec.Verify(signer(t).Key(), r.Bytes))
	}
}

func TestAReadingOfTwoArchivesIsHandedOutTwice(t *testing.T) {
	archives := []*archive.Archive{filled(t, []uint64{1, 2}), filled(t, []uint64{2, 3})}
	found, err := extract.Device(t.Context(), archives, pump(), extract.Range{}, quiet)
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 2, 2, 3}, numbers(t, found), "what contradicts itself is for the verdict to say")
}

func TestADeviceWithoutReadingsInTheRangeIsNone(t *testing.T) {
	a := []*archive.Archive{filled(t, []uint64{1, 2})}
	for _, r := range []extract.Range{{From: 3, To: 9}, {Since: 10_000}} {
		_, err := extract.Device(t.Context(), a, pump(), r, quiet)
		require.ErrorIs(t, err, extract.ErrNone)
	}
	_, err := extract.Device(t.Context(), a, name.New("Org3MSP", "pump-1"), extract.Range{}, quiet)
	require.ErrorIs(t, err, extract.ErrNone)
}

func TestProgressCountsEveryBatchAndACancelledSearchEnds(t *testing.T) {
	a := []*archive.Archive{filled(t, []uint64{1}, []uint64{2}), filled(t, []uint64{3})}
	var steps []int
	_, err := extract.Device(t.Context(), a, pump(), extract.Range{}, func(done, total int) {
		require.Equal(t, 3, total)
		steps = append(steps, done)
	})
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 3}, steps)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = extract.Device(ctx, a, pump(), extract.Range{}, quiet)
	require.ErrorIs(t, err, context.Canceled)
}
