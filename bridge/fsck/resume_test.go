// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// resumed checks with a file for the state, as often as it is called.
func (w *world) resumed(file string, streams ...name.Name) fsck.Report {
	w.t.Helper()
	r, err := w.tryResumed(w.t.Context(), file, nil, streams...)
	require.NoError(w.t, err)
	return r
}

func (w *world) tryResumed(ctx context.Context, file string, progress func(fsck.Progress), streams ...name.Name) (fsck.Report, error) {
	w.t.Helper()
	c, err := fsck.ReadCheckpoint(file)
	require.NoError(w.t, err)
	return fsck.CheckAll(ctx, w.chain, w.sources(streams...), fsck.Options{
		Checkpoint: c, Save: func(c *fsck.Checkpoint) error { return c.Write(file) }, Progress: progress,
	})
}

func TestALaterCheckVerifiesOnlyWhatIsNewAndFindsTheSame(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "checkpoint.json")
	w.add(stream, w.reading(9), forged(w.reading(10)))
	require.Len(t, w.resumed(file, stream).Faults, 1)

	require.NoError(t, os.Remove(w.path(1, "batch")), "it is not read again")
	w.add(stream, w.reading(7), w.reading(11))
	w.add(stream, w.reading(15))
	var done []fsck.Progress
	r, err := w.tryResumed(t.Context(), file, func(p fsck.Progress) { done = append(done, p) }, stream)
	require.NoError(t, err)
	require.Len(t, done, 2)
	require.Equal(t, fsck.Progress{Stream: stream, Done: 2, Total: 2, Readings: 3}, done[1])
	require.Len(t, r.Faults, 1, said(r))
	require.Equal(t, fsck.ReadingSigned, r.Faults[0].Check)
	require.Equal(t, fsck.Range{From: 1, To: 6}, r.Streams[0].Batches)
	require.EqualValues(t, 4, r.Streams[0].Resumed)
	require.Equal(t, []fsck.DeviceReport{{
		Device: device, Readings: 11, Highest: 15, Missing: 4, Listed: []fsck.Range{{From: 8, To: 8}, {From: 12, To: 14}},
	}}, r.Devices)
}

func TestWhatComesTwiceOverACheckpointIsFound(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "checkpoint.json")
	require.True(t, w.resumed(file, stream).OK())
	w.add(stream, w.signed(device, deviceKey, 3, "[{}]"), w.reading(1))
	for range 2 {
		r := w.resumed(file, stream)
		require.Len(t, r.Faults, 2, said(r))
		require.Contains(t, said(r), "another content has the same number, in batch 2")
		require.Contains(t, said(r), "once more, in batch 1")
	}
}

func TestACheckThatIsInterruptedGoesOnWhereItWas(t *testing.T) {
	w := newWorld(t)
	for n := range uint64(60) {
		w.add(stream, w.reading(7+n))
	}
	whole := w.check()
	file := filepath.Join(t.TempDir(), "checkpoint.json")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := w.tryResumed(ctx, file, func(p fsck.Progress) {
		if p.Done == 10 {
			cancel()
		}
	}, stream)
	require.ErrorIs(t, err, context.Canceled)
	c, err := fsck.ReadCheckpoint(file)
	require.NoError(t, err)
	require.EqualValues(t, 10, c.Batches())
	r := w.resumed(file, stream)
	require.EqualValues(t, 10, r.Streams[0].Resumed)
	require.Equal(t, whole.Devices, r.Devices)
	require.Equal(t, whole.Faults, r.Faults)
	require.Equal(t, whole.Readings, r.Readings)
}

func TestAReceiptThatWasOwedIsVerifiedLater(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "checkpoint.json")
	signed, err := os.ReadFile(w.path(3, "receipt"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(w.path(3, "receipt")))
	require.EqualValues(t, 3, w.resumed(file, stream).Streams[0].Unreceipted)
	require.EqualValues(t, 3, w.resumed(file, stream).Streams[0].Unreceipted, "nothing is new")

	w.add(stream, w.reading(7))
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	r := w.resumed(file, stream)
	require.Len(t, r.Faults, 1, "a bridge signs a receipt before it anchors the next batch")
	require.Equal(t, fsck.ReceiptThere, r.Faults[0].Check)
	require.Equal(t, r.Faults, w.resumed(file, stream).Faults, "it is told once")

	require.NoError(t, os.WriteFile(file, before, 0o600))
	require.NoError(t, os.WriteFile(w.path(3, "receipt"), signed, 0o600))
	r = w.resumed(file, stream)
	require.True(t, r.OK(), said(r))
	require.Zero(t, r.Streams[0].Unreceipted)
}

func TestACheckpointOfAnotherHistoryIsRefused(t *testing.T) {
	w := newWorld(t)
	w.open(other, streamKey)
	file := filepath.Join(t.TempDir(), "checkpoint.json")
	require.True(t, w.resumed(file, stream).OK())
	for _, streams := range [][]name.Name{{other}, {stream, other}} {
		_, err := w.tryResumed(t.Context(), file, nil, streams...)
		require.ErrorIs(t, err, fsck.ErrCheckpoint)
	}
	last := w.chain.entries[stream][2]
	w.chain.entries[stream][2].Hash = record.ZeroHash
	_, err := w.tryResumed(t.Context(), file, nil, stream)
	require.ErrorIs(t, err, fsck.ErrCheckpoint)
	w.chain.entries[stream] = w.chain.entries[stream][:2]
	_, err = w.tryResumed(t.Context(), file, nil, stream)
	require.ErrorIs(t, err, fsck.ErrCheckpoint, "a ledger that is behind")
	w.chain.entries[stream] = append(w.chain.entries[stream], last)
	require.True(t, w.resumed(file, stream).OK())
}

func TestACheckpointThatIsNotAsItWasWrittenIsRefused(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "checkpoint.json")
	w.resumed(file, stream)
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, data := range [][]byte{nil, []byte("{}"), whole[:len(whole)/2], bytes.Replace(whole, []byte(`"highest":6`), []byte(`"highest":7`), 1)} {
		require.NoError(t, os.WriteFile(file, data, 0o600))
		_, err := fsck.ReadCheckpoint(file)
		require.ErrorIs(t, err, fsck.ErrCheckpoint)
	}
	for _, missing := range []string{"[0,2,1,0]", "[4,3,1,0]", "[2,3,1,0],[3,4,1,0]", "[5,9,1,0]", "[2,3,1,2]"} {
		require.NoError(t, fsck.WriteSummed(file, []byte(`{"type":"archive-checkpoint","version":1,"ledger":"c/cc","streams":[{"stream":"Org1MSP/s",`+
			`"numbers":[{"device":"Org1MSP/d","highest":9,"missing":[`+missing+`]}]}],"devices":[{"device":"Org1MSP/d","readings":1}]}`)))
		_, err := fsck.ReadCheckpoint(file)
		require.ErrorContains(t, err, "not in order")
	}
	for _, devices := range []string{`{"device":"Org1MSP/x","highest":9}`, `{"device":"Org1MSP/d","highest":9},{"device":"Org1MSP/d","highest":8}`, `{"device":"Org1MSP/d","highest":0}`} {
		require.NoError(t, fsck.WriteSummed(file, []byte(`{"type":"archive-checkpoint","version":1,"ledger":"c/cc","streams":[{"stream":"Org1MSP/s",`+
			`"numbers":[`+devices+`]}],"devices":[{"device":"Org1MSP/d","readings":1}]}`)))
		_, err := fsck.ReadCheckpoint(file)
		require.ErrorContains(t, err, "not in its place")
	}
	c, err := fsck.ReadCheckpoint(filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	require.Nil(t, c)
}

func TestAStateThatCannotBeSavedEndsTheCheck(t *testing.T) {
	w := newWorld(t)
	full := errors.New("disk full")
	_, err := fsck.CheckAll(t.Context(), w.chain, w.sources(stream), fsck.Options{Save: func(*fsck.Checkpoint) error { return full }})
	require.ErrorIs(t, err, full)
}

// two is a world in which the device's readings went to two bridges.
func two(t *testing.T) *world {
	w := newWorld(t)
	w.open(other, streamKey)
	w.add(other, w.reading(7), w.reading(9))
	return w
}

func TestOverSeveralArchivesANumberIsMissingOnlyIfNoneHasIt(t *testing.T) {
	w := two(t)
	w.add(stream, w.reading(10))
	file := filepath.Join(t.TempDir(), "checkpoint.json")
	for range 2 {
		r := w.resumed(file, stream, other)
		require.True(t, r.OK(), said(r))
		require.Equal(t, []fsck.DeviceReport{{Device: device, Readings: 9, Highest: 10, Missing: 1, Listed: []fsck.Range{{From: 8, To: 8}}}}, r.Devices)
	}
}

func TestAReadingThatTwoBridgesTookIsCountedAndTwoContentsAreAFault(t *testing.T) {
	w := two(t)
	w.add(other, w.reading(2), w.signed(device, deviceKey, 4, "[{}]"))
	r, err := fsck.CheckAll(t.Context(), w.chain, w.sources(stream, other), fsck.Options{})
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Shared)
	require.Len(t, r.Faults, 1, said(r))
	require.Equal(t, fsck.ReadingConflict, r.Faults[0].Check)
	require.Equal(t, other, r.Faults[0].Stream)
	require.Contains(t, r.Faults[0].What, "in batch 2 of stream Org1MSP/s")
}

func FuzzACheckpointFileIsReadOrRefused(f *testing.F) {
	f.Add([]byte(`{"type":"archive-checkpoint","version":1,"ledger":"c/cc","streams":[{"stream":"Org1MSP/s","numbers":[]}],"devices":[]}`))
	f.Add([]byte(`{"type":"archive-checkpoint","version":1,"ledger":"c/cc","streams":[{"stream":"Org1MSP/s","number":3,"numbers":[{"device":"Org1MSP/d","highest":9,"missing":[[2,3,1,0]]}]}],"devices":[{"device":"Org1MSP/d","readings":1}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		file := filepath.Join(t.TempDir(), "checkpoint.json")
		require.NoError(t, fsck.WriteSummed(file, body))
		c, err := fsck.ReadCheckpoint(file)
		if err != nil {
			require.ErrorIs(t, err, fsck.ErrCheckpoint)
			return
		}
		require.NoError(t, c.Write(file))
		again, err := fsck.ReadCheckpoint(file)
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}
