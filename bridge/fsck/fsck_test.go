// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/receipt"
)

func signer(t testing.TB, seed byte) cose.Signer {
	t.Helper()
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
	require.NoError(t, err)
	return s
}

// chain is a ledger of one stream.
type chain struct {
	stream  record.Stream
	entries []record.AnchorEntry
	head    string // when set, in place of the last anchor's hash
	away    error
}

// Stream returns the stream.
func (c *chain) Stream(context.Context, string) (record.Stream, error) { return c.stream, c.away }

// Head returns the last anchor's number and hash.
func (c *chain) Head(context.Context, string) (record.Head, error) {
	h := record.Head{Stream: c.stream.ID, Number: uint64(len(c.entries)), Hash: record.ZeroHash}
	if len(c.entries) > 0 {
		h.Hash = c.entries[len(c.entries)-1].Hash
	}
	if c.head != "" {
		h.Hash = c.head
	}
	return h, c.away
}

// Anchor returns an entry.
func (c *chain) Anchor(_ context.Context, _ string, n uint64) (record.AnchorEntry, error) {
	return c.entries[n-1], c.away
}

// world is an archive and the ledger that belongs to it: three batches of two readings.
type world struct {
	t       *testing.T
	dir     string
	archive *archive.Archive
	chain   *chain
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), chain: &chain{}}
	key := signer(t, 9)
	w.chain.stream = record.Stream{ID: "s", Keys: []record.Key{{ID: key.Key().ID().String(), Public: key.Key().Text()}}}
	var err error
	w.archive, err = archive.Open(w.dir)
	require.NoError(t, err)
	for n := range uint64(3) {
		w.add(n+1, key, w.reading(2*n+1), w.reading(2*n+2))
	}
	return w
}

func (w *world) reading(seq uint64) []byte {
	w.t.Helper()
	r, err := reading.Sign(signer(w.t, 1), reading.Claims{Device: "d", Sequence: seq, Time: 5}, reading.SenMLJSON, []byte("[]"))
	require.NoError(w.t, err)
	return r
}

// add archives and anchors a batch.
func (w *world) add(n uint64, key cose.Signer, readings ...[]byte) {
	w.t.Helper()
	b := &archive.Batch{Number: n}
	for _, r := range readings {
		b.Entries = append(b.Entries, archive.Entry{Received: 6, Reading: r})
	}
	previous := record.ZeroHash
	if n > 1 {
		previous = w.chain.entries[n-2].Hash
	}
	a := record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: "s", Number: n, Previous: previous,
		Root: b.Tree().Root().String(), Size: b.Tree().Size(), Counts: map[string]uint64{record.DeviceSigned: b.Tree().Size()},
	}
	var err error
	b.Anchor, err = a.Encode()
	require.NoError(w.t, err)
	signed, err := receipt.Sign(key, b.Tree().Root(), receipt.Claims{
		Stream: "s", Ledger: "c/cc", Number: n, Anchor: a.Hash(), Transaction: [32]byte{byte(n)},
	})
	require.NoError(w.t, err)
	require.NoError(w.t, w.archive.Put(b))
	require.NoError(w.t, w.archive.PutReceipt(n, signed))
	w.chain.entries = append(w.chain.entries, record.AnchorEntry{Anchor: a, Hash: a.HashText(), TxID: fmt.Sprintf("%x", [32]byte{byte(n)})})
}

func (w *world) path(n int, kind string) string {
	return filepath.Join(w.dir, "0000000", fmt.Sprintf("%010d.%s", n, kind))
}

// replace puts another batch in the place of one, whole and with a good checksum.
func (w *world) replace(n uint64, change func(b *archive.Batch)) {
	w.t.Helper()
	b, err := w.archive.Get(n)
	require.NoError(w.t, err)
	change(b)
	require.NoError(w.t, os.Remove(w.path(int(n), "batch")))
	require.NoError(w.t, w.archive.Put(b))
}

func (w *world) check() fsck.Report {
	w.t.Helper()
	r, err := fsck.Check(w.t.Context(), w.archive, w.chain, "s")
	require.NoError(w.t, err)
	return r
}

func TestAnArchiveThatAgreesWithTheLedgerIsCountedAndFound(t *testing.T) {
	r := newWorld(t).check()
	require.True(t, r.OK(), "%v", r.Faults)
	require.EqualValues(t, 3, r.Batches)
	require.EqualValues(t, 6, r.Readings)
	require.Equal(t, map[string]uint64{"d": 6}, r.Devices)
}

func TestABatchInFlightIsNoFault(t *testing.T) {
	w := newWorld(t)
	w.chain.entries = w.chain.entries[:2]
	r := w.check()
	require.True(t, r.OK(), "%v", r.Faults)
	require.EqualValues(t, 2, r.Batches)
	require.EqualValues(t, 1, r.Pending)
}

func TestEveryDisagreementIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		harm  func(w *world)
		batch uint64
		want  string
	}{
		"file removed":    {func(w *world) { require.NoError(w.t, os.Remove(w.path(2, "batch"))) }, 2, "not found"},
		"receipt removed": {func(w *world) { require.NoError(w.t, os.Remove(w.path(3, "receipt"))) }, 3, "not found"},
		"file damaged":    {func(w *world) { require.NoError(w.t, os.Truncate(w.path(1, "batch"), 50)) }, 1, "damaged"},
		"reading changed": {func(w *world) {
			w.replace(2, func(b *archive.Batch) { b.Entries[0].Reading = w.reading(77) })
		}, 2, "the archive's root is"},
		"reading left out": {func(w *world) {
			w.replace(2, func(b *archive.Batch) { b.Entries = b.Entries[:1] })
		}, 2, "the archive has 1 readings, the ledger says 2"},
		"reading that is none": {func(w *world) {
			w.replace(2, func(b *archive.Batch) { b.Entries[0].Reading = []byte("x") })
		}, 2, "reading 0: "},
		"anchor of another batch in the file": {func(w *world) {
			other, err := w.archive.Get(1)
			require.NoError(w.t, err)
			w.replace(2, func(b *archive.Batch) { b.Anchor = other.Anchor })
		}, 2, "the anchor in the archive is not the ledger's"},
		"root changed on the ledger": {func(w *world) { w.chain.entries[1].Anchor.Root = record.ZeroHash }, 2, "the ledger's is 0000"},
		"hash changed on the ledger": {func(w *world) { w.chain.entries[1].Hash = record.ZeroHash }, 2, "the ledger states hash"},
		"chain broken":               {func(w *world) { w.chain.entries[2].Anchor.Previous = record.ZeroHash }, 3, "as previous"},
		"anchor missing at the end":  {func(w *world) { w.chain.head = record.ZeroHash }, 3, "the ledger's head"},
		"reading in two batches":     {func(w *world) { w.add(4, signer(w.t, 9), w.reading(3)) }, 4, "reading d 3 is also in batch 2"},
		"receipt by another key":     {func(w *world) { w.add(4, signer(w.t, 8), w.reading(9)) }, 4, "not signed by a key of the stream"},
		"ledger behind":              {func(w *world) { w.chain.entries = w.chain.entries[:1] }, 2, "the archive goes on to batch 3, the ledger's stream s stands at 1"},
		"archive of another stream": {func(w *world) {
			w.chain.entries, w.chain.stream.ID = nil, "other"
			require.NoError(w.t, os.Remove(w.path(2, "batch")))
		}, 1, "does not follow the ledger's last anchor of stream other"},
		"batch that follows another": {func(w *world) {
			w.chain.entries = w.chain.entries[:2]
			w.chain.head = record.ZeroHash
		}, 3, "does not follow"},
		"receipt of another anchor": {func(w *world) { w.chain.entries[0].TxID = "00" }, 1, "receipt is of another anchor"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.harm(w)
			r := w.check()
			require.False(t, r.OK())
			var said string
			for _, f := range r.Faults {
				said += fmt.Sprintf("batch %d: %s\n", f.Batch, f.What)
			}
			require.Contains(t, said, fmt.Sprintf("batch %d: ", c.batch))
			require.Contains(t, said, c.want)
		})
	}
}

func TestALedgerThatIsAwayIsAnErrorAndNotAFault(t *testing.T) {
	w := newWorld(t)
	w.chain.away = errors.New("away")
	_, err := fsck.Check(t.Context(), w.archive, w.chain, "s")
	require.ErrorIs(t, err, w.chain.away)
}
