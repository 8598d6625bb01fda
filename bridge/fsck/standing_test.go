// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/chaincode/record"
)

// moment is that of a transaction which is in a block; anchor n is in block 10·n.
func (w *world) moment(tx string, block uint64, time int64) record.Moment {
	w.chain.positions[tx] = block
	return record.Moment{Time: time, Tx: tx}
}

func TestADeviceIsJudgedAtTheAnchorInTheLedgersOrder(t *testing.T) {
	for title, c := range map[string]struct {
		change func(w *world, d *record.Device)
		want   []fsck.Range // the batches that do not stand
		said   string
	}{
		"revoked after all":  {func(w *world, d *record.Device) { m := w.moment("r", 31, origin); d.Revoked = &m }, nil, ""},
		"revoked before one": {func(w *world, d *record.Device) { m := w.moment("r", 29, origin+9000); d.Revoked = &m }, []fsck.Range{{From: 3, To: 3}}, "revoked"},
		"suspended for one": {func(w *world, d *record.Device) {
			until := w.moment("u", 25, origin)
			d.Suspensions = []record.Period{{From: w.moment("s", 15, origin), Until: &until}}
		}, []fsck.Range{{From: 2, To: 2}}, "suspended"},
		"registered late": {func(w *world, d *record.Device) { d.Registered = w.moment("g", 25, origin) }, []fsck.Range{{From: 1, To: 2}}, "registered"},
		"transferred":     {func(w *world, d *record.Device) { m := w.moment("t", 15, origin); d.Transferred = &m }, []fsck.Range{{From: 2, To: 3}}, "transferred"},
		"key put in late": {func(w *world, d *record.Device) { d.Keys[0].From = w.moment("k", 15, origin) }, []fsck.Range{{From: 1, To: 1}}, "put in"},
		"key stolen": {func(w *world, d *record.Device) {
			m := w.moment("k", 25, origin)
			d.Keys[0].Until, d.Keys[0].Reason = &m, "stolen"
		}, []fsck.Range{{From: 3, To: 3}}, "stolen"},
		"key ended within grace": {func(w *world, d *record.Device) { m := w.moment("k", 5, origin); d.Keys[0].Until = &m }, nil, ""},
	} {
		t.Run(title, func(t *testing.T) {
			w := newWorld(t)
			w.device(func(d *record.Device) { c.change(w, d) })
			r := w.check()
			var batches []fsck.Range
			for _, f := range r.Faults {
				require.Equal(t, fsck.ReadingStands, f.Check)
				batches = append(batches, f.Batches)
			}
			require.Equal(t, c.want, batches, said(r))
			require.Contains(t, said(r), c.said)
		})
	}
}

func TestWhereNoBlockIsKnownTheTimeCountsAndThatIsSaid(t *testing.T) {
	w := newWorld(t)
	w.device(func(d *record.Device) { d.Revoked = &record.Moment{Time: origin + 2500, Tx: "lost"} })
	r := w.check()
	require.Len(t, r.Faults, 1, said(r))
	require.Equal(t, fsck.Range{From: 3, To: 3}, r.Faults[0].Batches)
	require.Contains(t, fmt.Sprint(r.Unchecked), "the blocks of 1 transactions")

	clear(w.chain.positions) // a peer that began from a snapshot
	r = w.check()
	require.Len(t, r.Faults, 1, said(r))
	require.Equal(t, fsck.Range{From: 3, To: 3}, r.Faults[0].Batches)
	require.Contains(t, fmt.Sprint(r.Unchecked), "they are ordered by the times")
}

func TestWhatAnOwnerDisownsLaterIsCountedAndNoFaultOfTheArchive(t *testing.T) {
	w := newWorld(t)
	w.device(func(d *record.Device) {
		m := w.moment("r", 99, origin+9000)
		d.Revoked, d.CompromisedSince, d.StatusReason = &m, origin+1500, "the seal was broken"
	})
	r := w.check()
	require.True(t, r.OK(), said(r))
	require.EqualValues(t, 4, r.Devices[0].Repudiated)
	require.Contains(t, r.Devices[0].Why, "Org1MSP said on 2023-11-14T22:13:29.000Z that nothing since 2023-11-14T22:13:21.500Z is to be trusted: the seal was broken")
}

func TestReceiptsByAKeyThatItsOwnerDisownsLaterAreCounted(t *testing.T) {
	w := newWorld(t)
	s := w.chain.streams[stream]
	ended := w.moment("k", 99, origin+9000)
	s.Keys[0].Until, s.Keys[0].Reason, s.Keys[0].CompromisedSince = &ended, "the bridge was broken into", origin+1500
	w.chain.streams[stream] = s
	r := w.check()
	require.True(t, r.OK(), said(r))
	require.EqualValues(t, 2, r.Streams[0].Repudiated)
	require.Contains(t, r.Streams[0].Why, "nothing since 2023-11-14T22:13:21.500Z is to be trusted: the bridge was broken into")
}

func TestFewTransactionsAreLocatedHoweverManyBatchesThereAre(t *testing.T) {
	w := newWorld(t)
	for n := range uint64(500) {
		w.add(stream, w.reading(7+n))
	}
	w.device(func(d *record.Device) { m := w.moment("r", 4005, origin); d.Revoked = &m })
	r := w.check()
	require.Len(t, r.Faults, 1, said(r))
	require.Equal(t, fsck.Range{From: 401, To: 503}, r.Faults[0].Batches)
	require.Less(t, w.chain.located, 80, "for 503 batches and two changes")
}
