// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnArchiveThatAgreesWithTheLedgerIsCountedAndFound(t *testing.T) {
	w := newWorld(t)
	r := w.check()
	require.True(t, r.OK(), said(r))
	require.EqualValues(t, 3, r.Batches)
	require.EqualValues(t, 6, r.Readings)
	require.Equal(t, "c/cc", r.Ledger)
	require.Equal(t, []fsck.DeviceReport{{Device: device, Readings: 6, Highest: 6}}, r.Devices)
	require.Equal(t, []fsck.StreamReport{{
		Stream: stream, Batches: fsck.Range{From: 1, To: 3}, Readings: 6, Head: w.chain.entries[stream][2].Hash,
	}}, r.Streams)
	require.Empty(t, r.Undecided)
	require.Equal(t, 1, w.chain.asked, "a device is asked for once")
}

func TestAStreamThatAnchoredNothingIsAsItShouldBe(t *testing.T) {
	w := newWorld(t)
	w.open(other, streamKey)
	r, err := fsck.CheckAll(t.Context(), w.chain, w.sources(other), fsck.Options{})
	require.NoError(t, err)
	require.True(t, r.OK(), said(r))
	require.Zero(t, r.Streams[0].Batches)
}

func TestABatchInFlightIsNoFault(t *testing.T) {
	w := newWorld(t)
	w.chain.entries[stream] = w.chain.entries[stream][:2]
	r := w.check()
	require.True(t, r.OK(), said(r))
	require.EqualValues(t, 2, r.Batches)
	require.EqualValues(t, 1, r.Pending)
}

func TestAReceiptThatIsStillToBeSignedIsNoFaultAndIsSaid(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, os.Remove(w.path(3, "receipt")))
	r := w.check()
	require.True(t, r.OK(), said(r))
	require.EqualValues(t, 3, r.Streams[0].Unreceipted)
}

func TestAGapThatABridgeReportsIsListedAndNoFault(t *testing.T) {
	w := newWorld(t)
	w.add(stream, w.reading(9), w.reading(12), w.reading(11))
	w.add(stream, w.reading(8))
	r := w.check()
	require.True(t, r.OK(), said(r))
	require.Equal(t, []fsck.DeviceReport{{
		Device: device, Readings: 10, Highest: 12, Missing: 2, Listed: []fsck.Range{{From: 7, To: 7}, {From: 10, To: 10}},
	}}, r.Devices)
}

// A lie is what a bridge, an archive or a ledger can say that is not so.
type lie struct {
	harm func(w *world)
	id   fsck.ID
	// batch is where it shows, want what is said of it.
	batch uint64
	want  string
}

// archiveLies are those of whoever has the archive.
func archiveLies() map[string]lie {
	return map[string]lie{
		"batch removed":   {func(w *world) { require.NoError(w.t, os.Remove(w.path(2, "batch"))) }, fsck.BatchMissing, 2, "does not have"},
		"receipt removed": {func(w *world) { require.NoError(w.t, os.Remove(w.path(2, "receipt"))) }, fsck.ReceiptThere, 2, "no receipt"},
		"receipt damaged": {func(w *world) {
			require.NoError(w.t, os.Chmod(w.path(2, "receipt"), 0o600))
			require.NoError(w.t, os.WriteFile(w.path(2, "receipt"), []byte("x"), 0o600))
		}, fsck.ReceiptThere, 2, "damaged"},
		"file damaged": {func(w *world) { require.NoError(w.t, os.Truncate(w.path(1, "batch"), 50)) }, fsck.BatchDamaged, 1, "damaged"},
		"reading changed": {func(w *world) {
			w.replace(2, func(b *archive.Batch) { b.Entries[0].Reading = w.reading(77) })
		}, fsck.BatchRoot, 2, "the root of the archive's readings is"},
		"reading left out": {func(w *world) {
			w.replace(2, func(b *archive.Batch) { b.Entries = b.Entries[:1] })
		}, fsck.BatchSize, 2, "the archive has 1 readings, the ledger says 2"},
		"reading that is none": {func(w *world) {
			w.replace(2, func(b *archive.Batch) { b.Entries[0].Reading = []byte("x") })
		}, fsck.ReadingFormat, 2, "entry 0 is not a reading"},
		"time of receipt changed": {func(w *world) {
			w.replace(2, func(b *archive.Batch) { b.Entries[0].Received = 59 })
		}, fsck.BatchBridge, 2, "in the archive it is 1970-01-01T00:00:00.059Z"},
		"anchor of another batch in the file": {func(w *world) {
			b, err := w.archive.Get(1)
			require.NoError(w.t, err)
			w.replace(2, func(c *archive.Batch) { c.Anchor = b.Anchor })
		}, fsck.BatchAnchor, 2, "the anchor in the archive is not the ledger's"},
		"batch of another stream": {func(w *world) {
			w.open(other, streamKey)
			w.add(other, w.reading(1))
			files, err := archive.Open(w.dirs[other])
			require.NoError(w.t, err)
			b, err := files.Get(1)
			require.NoError(w.t, err)
			require.NoError(w.t, os.Remove(w.path(1, "batch")))
			require.NoError(w.t, w.archive.Put(b))
		}, fsck.BatchStream, 1, "a batch of stream Org1MSP/s2"},
		"archive of another stream": {func(w *world) {
			w.open(other, streamKey)
			w.chain.streams[stream], w.chain.entries[stream] = w.chain.streams[other], nil
			require.NoError(w.t, os.Remove(w.path(1, "batch")))
			w.add(other, w.reading(1))
			files, err := archive.Open(w.dirs[other])
			require.NoError(w.t, err)
			b, err := files.Get(1)
			require.NoError(w.t, err)
			require.NoError(w.t, os.Remove(w.path(2, "batch")))
			require.NoError(w.t, w.archive.Put(b))
		}, fsck.BatchFollows, 1, "does not follow the ledger's last anchor of stream Org1MSP/s"},
	}
}

// ledgerLies are those of a peer, or of a chaincode that lets pass what it must not.
func ledgerLies() map[string]lie {
	entry := func(n int, change func(*record.AnchorEntry)) func(w *world) {
		return func(w *world) { change(&w.chain.entries[stream][n-1]) }
	}
	return map[string]lie{
		"root changed":        {entry(2, func(e *record.AnchorEntry) { e.Anchor.Root = record.ZeroHash }), fsck.BatchRoot, 2, "the ledger's is 0000"},
		"hash changed":        {entry(2, func(e *record.AnchorEntry) { e.Hash = record.ZeroHash }), fsck.ChainHash, 2, "the ledger states hash"},
		"chain broken":        {entry(3, func(e *record.AnchorEntry) { e.Anchor.Previous = record.ZeroHash }), fsck.ChainPrevious, 3, "as previous"},
		"chain without begin": {entry(1, func(e *record.AnchorEntry) { e.Anchor.Previous = e.Hash }), fsck.ChainPrevious, 1, "as previous"},
		"dated back":          {entry(2, func(e *record.AnchorEntry) { e.LedgerTime -= 2000 }), fsck.ChainTime, 2, "before the one before it"},
		"brought by another":  {entry(2, func(e *record.AnchorEntry) { e.Creator = "Org2MSP" }), fsck.ChainCreator, 2, "Org2MSP"},
		"anchor of another":   {entry(2, func(e *record.AnchorEntry) { e.Anchor.Stream = other }), fsck.ChainAnchor, 2, "an anchor of stream \"Org1MSP/s2\""},
		"anchor that is none": {entry(2, func(e *record.AnchorEntry) { e.Anchor.Counts = nil }), fsck.ChainAnchor, 2, "not valid"},
		"head without anchor": {func(w *world) { w.chain.head = record.ZeroHash }, fsck.ChainHead, 3, "the ledger's head"},
		"ledger behind":       {func(w *world) { w.chain.entries[stream] = w.chain.entries[stream][:1] }, fsck.BatchFollows, 2, "the archive goes on to batch 3, the ledger's stream Org1MSP/s stands at 1"},
		"other transaction":   {entry(1, func(e *record.AnchorEntry) { e.TxID = "registered" }), fsck.ReceiptClaims, 1, "another transaction"},
		"stream says two ways": {func(w *world) {
			w.chain.equivocation = []record.EquivocationReport{{Stream: stream, Number: 2, Contradiction: record.OtherAnchor, By: "Org2MSP"}}
		}, fsck.Equivocation, 2, "another anchor than the ledger's"},
		"batch that follows another": {func(w *world) {
			w.chain.entries[stream] = w.chain.entries[stream][:2]
			w.chain.head = record.ZeroHash
		}, fsck.BatchFollows, 3, "does not follow"},
	}
}

func TestABridgeThatAnchorsMeanwhileIsNoFault(t *testing.T) {
	w := newWorld(t)
	w.chain.meanwhile = func() {
		w.add(stream, w.reading(7))
		w.add(stream, w.reading(8))
	}
	r := w.check()
	require.Empty(t, r.Faults)
	require.Nil(t, w.chain.meanwhile, "the bridge anchored after the head was told")
}

// bridgeLies are those of a bridge that seals, anchors and signs what is not so.
func bridgeLies() map[string]lie {
	anchor := func(change func(*record.Anchor)) func(w *world) {
		return func(w *world) { w.lie(stream, change, nil, w.reading(7)) }
	}
	claims := func(change func(*receipt.Claims)) func(w *world) {
		return func(w *world) { w.lie(stream, nil, change, w.reading(7)) }
	}
	return map[string]lie{
		"signature of zeros":       {func(w *world) { w.add(stream, forged(w.reading(7))) }, fsck.ReadingSigned, 4, "not signed by key"},
		"signed by another":        {func(w *world) { w.add(stream, w.signed(device, 2, 7, "[]")) }, fsck.ReadingKey, 4, "not a key of the device"},
		"device that is made up":   {func(w *world) { w.add(stream, w.signed(name.New("Org1MSP", "x"), deviceKey, 1, "[]")) }, fsck.ReadingDevice, 4, "not registered"},
		"thousands withheld":       {func(w *world) { w.lie(stream, func(a *record.Anchor) { a.Gaps = 0 }, nil, w.reading(5000)) }, fsck.BatchGaps, 4, "says that 0 sequence numbers are missing; in the archive it is 4993"},
		"gap that is none":         {anchor(func(a *record.Anchor) { a.Gaps = 1 }), fsck.BatchGaps, 4, "says that 1 sequence numbers are missing; in the archive it is 0"},
		"counts":                   {anchor(func(a *record.Anchor) { a.Counts = map[string]uint64{record.DeviceSigned: 2} }), fsck.BatchCounts, 4, "counts 2 readings"},
		"size":                     {anchor(func(a *record.Anchor) { a.Size = 2 }), fsck.BatchSize, 4, "the archive has 1 readings, the ledger says 2"},
		"bridge's clock":           {anchor(func(a *record.Anchor) { a.BridgeTime.Last++ }), fsck.BatchBridge, 4, "the bridge received"},
		"devices' clocks":          {anchor(func(a *record.Anchor) { a.DeviceTime.First-- }), fsck.BatchDevice, 4, "the devices' clocks"},
		"reading in two batches":   {func(w *world) { w.add(stream, w.reading(3)) }, fsck.ReadingOnce, 4, "once more, in batch 2 of stream Org1MSP/s"},
		"reading twice in a batch": {func(w *world) { w.add(stream, w.reading(7), w.reading(7)) }, fsck.ReadingOnce, 4, "once more, in batch 4"},
		"number with two contents": {func(w *world) { w.add(stream, w.signed(device, deviceKey, 3, "[{}]")) }, fsck.ReadingConflict, 4, "another content has the same number, in batch 2"},
		"receipt by another key": {func(w *world) {
			s := w.chain.streams[stream]
			s.Keys = keys(w.t, 8)
			w.chain.streams[stream] = s
		}, fsck.ReceiptKey, 1, "not a key of the stream"},
		"receipt over another root": {func(w *world) {
			w.lie(stream, func(a *record.Anchor) { a.Root = record.ZeroHash }, nil, w.reading(7))
		}, fsck.ReceiptSigned, 4, "over the ledger's root"},
		"receipt of another batch":  {claims(func(c *receipt.Claims) { c.Number = 3 }), fsck.ReceiptClaims, 4, "of batch 3"},
		"receipt of another anchor": {claims(func(c *receipt.Claims) { c.Anchor[0]++ }), fsck.ReceiptClaims, 4, "of another anchor"},
		"receipt of another time":   {claims(func(c *receipt.Claims) { c.LedgerTime++ }), fsck.ReceiptClaims, 4, "states ledger time"},
		"receipt of another ledger": {claims(func(c *receipt.Claims) { c.Ledger = "c/other" }), fsck.ReceiptClaims, 4, "of ledger \"c/other\""},
		"receipt by an ended key": {func(w *world) {
			s := w.chain.streams[stream]
			s.Keys[0].Until, s.Keys[0].Reason = &record.Moment{Time: origin + 1500, Tx: "replaced"}, "stolen"
			w.chain.positions["replaced"] = 15
		}, fsck.ReceiptStands, 2, "after key"},
	}
}

func TestEveryDisagreementIsNamed(t *testing.T) {
	for who, lies := range map[string]map[string]lie{"archive": archiveLies(), "ledger": ledgerLies(), "bridge": bridgeLies()} {
		for title, c := range lies {
			t.Run(who+"/"+title, func(t *testing.T) {
				w := newWorld(t)
				c.harm(w)
				r := w.check()
				require.False(t, r.OK())
				require.Contains(t, said(r), fmt.Sprintf("%s Org1MSP/s %d-", c.id, c.batch))
				require.Contains(t, said(r), c.want)
			})
		}
	}
}

func TestOneFaultOverManyBatchesIsToldOnce(t *testing.T) {
	w := newWorld(t)
	for n := range uint64(50) {
		w.add(stream, forged(w.reading(7+2*n)), forged(w.reading(8+2*n)))
	}
	r := w.check()
	require.Len(t, r.Faults, 1, said(r))
	require.Equal(t, fsck.Range{From: 4, To: 53}, r.Faults[0].Batches)
	require.EqualValues(t, 100, r.Faults[0].Readings)
	require.Equal(t, []fsck.Range{{From: 7, To: 106}}, r.Faults[0].Numbers)
}

func TestAMissingBatchIsOneFaultAndLeavesTheGapsUndecided(t *testing.T) {
	w := newWorld(t)
	w.add(stream, w.reading(7))
	require.NoError(t, os.Remove(w.path(2, "batch")))
	r := w.check()
	require.Len(t, r.Faults, 1, said(r))
	require.Len(t, r.Undecided, 1)
	require.Equal(t, []fsck.Range{{From: 3, To: 4}}, r.Devices[0].Listed)
}

func TestALedgerThatIsAwayIsAnErrorAndNotAFault(t *testing.T) {
	w := newWorld(t)
	w.chain.away = errors.New("away")
	_, err := fsck.Check(t.Context(), w.archive, w.chain, stream)
	require.ErrorIs(t, err, w.chain.away)
}

func TestAStreamIsNamedOnce(t *testing.T) {
	w := newWorld(t)
	for _, sources := range [][]fsck.Source{nil, w.sources(stream, stream), {{Stream: stream}}} {
		_, err := fsck.CheckAll(t.Context(), w.chain, sources, fsck.Options{})
		require.ErrorIs(t, err, fsck.ErrSources)
	}
}
