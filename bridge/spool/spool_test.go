// SPDX-License-Identifier: Apache-2.0

package spool_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/gap"
	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
)

func TestASpoolOfAnotherStreamIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	require.NoError(t, open(t, path).Close())
	_, err := spool.Open(path, name.New("Org2MSP", "stream-1"))
	require.ErrorContains(t, err, "belongs to stream Org1MSP/stream-1, not Org2MSP/stream-1")
	require.NoError(t, open(t, path).Close(), "a refusal must let go of the file")
}

func TestASpoolInUseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	s := open(t, path)
	defer s.Close()
	_, err := spool.Open(path, stream)
	require.ErrorContains(t, err, "in use by another process")
}

func TestTheSameContentWithAnotherSignatureIsADuplicate(t *testing.T) {
	s := opened(t)
	one, two := newSigner(t), newSigner(t)
	// Two keys stand for the malleability of ECDSA: the protected header differs in its key id,
	// so the signature alone is exchanged here.
	a := item(t, one, "d", 1, "x")
	b := item(t, two, "d", 1, "x")
	raw := bytes.Clone(a.Payload)
	copy(raw[len(raw)-64:], b.Payload[len(b.Payload)-64:])
	r, err := reading.Parse(raw)
	require.NoError(t, err)
	accept(t, s, a)
	out, err := s.Append([]spool.Item{{Topic: a.Topic, Payload: raw, Reading: r}})
	require.NoError(t, err)
	require.Equal(t, spool.Outcome{Fate: spool.Duplicate, Position: 1}, out[0])
}

func TestASequenceNumberUsedForAnotherContentIsAReplay(t *testing.T) {
	s, key := opened(t), newSigner(t)
	accept(t, s, item(t, key, "d", 1, "first"))
	out, err := s.Append([]spool.Item{item(t, key, "d", 1, "second")})
	require.NoError(t, err)
	require.Equal(t, spool.Outcome{Fate: spool.Quarantined, Reason: spool.ReasonReplay}, out[0])
	kept, err := s.Quarantine().List(quarantine.Filter{})
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Contains(t, kept[0].Detail, "device Org1MSP/d already used sequence number 1")
}

func TestARefusedMessageIsKeptWithItsReasonOverARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	s := open(t, path)
	_, err := s.Append([]spool.Item{refused("malformed", []byte("garbage"))})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s = open(t, path)
	defer s.Close()
	kept, err := s.Quarantine().Get(1)
	require.NoError(t, err)
	require.Equal(t, "malformed", kept.Reason)
	require.Equal(t, []byte("garbage"), kept.Payload)
	require.Equal(t, "because malformed", kept.Detail)
	require.False(t, kept.Accepted)
}

func TestAnAnchorSaysWhatTheBatchHolds(t *testing.T) {
	s, key := opened(t), newSigner(t)
	items := []spool.Item{item(t, key, "b", 3, "x"), refused("malformed", nil), item(t, key, "a", 1, "y"), item(t, key, "b", 2, "z")}
	items[0].Received, items[2].Received, items[3].Received = 900, 100, 500
	_, err := s.Append(items)
	require.NoError(t, err)
	b, err := s.Seal(10)
	require.NoError(t, err)
	a, err := record.ParseAnchor(b.Anchor)
	require.NoError(t, err)
	leaves := []merkle.Hash{merkle.LeafHash(items[0].Payload), merkle.LeafHash(items[2].Payload), merkle.LeafHash(items[3].Payload)}
	require.Equal(t, record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: stream, Number: 1, Previous: record.ZeroHash,
		Root: merkle.New(leaves).Root().String(), Size: 3,
		BridgeTime: record.Span{First: 100, Last: 900}, DeviceTime: record.Span{First: 1001, Last: 1003},
		Counts: map[string]uint64{record.DeviceSigned: 3}, Gaps: 1, Quarantined: 1,
	}, a)
	rows, err := s.Rows(b)
	require.NoError(t, err)
	require.Equal(t, []spool.Row{
		{Received: 900, Reading: items[0].Payload}, {Received: 100, Reading: items[2].Payload}, {Received: 500, Reading: items[3].Payload},
	}, rows)
}

func TestAClockBefore1970DoesNotMakeAnAnchorThatTheLedgerRefuses(t *testing.T) {
	s, key := opened(t), newSigner(t)
	it := item(t, key, "d", 1, "x")
	it.Received = -5
	accept(t, s, it)
	b, err := s.Seal(1)
	require.NoError(t, err)
	_, err = record.ParseAnchor(b.Anchor)
	require.NoError(t, err)
}

func TestTheNextBatchNamesTheAnchorBeforeIt(t *testing.T) {
	s, key := opened(t), newSigner(t)
	accept(t, s, series(t, key, "d", 1, 5)...)
	one, err := s.Seal(3)
	require.NoError(t, err)
	require.EqualValues(t, 3, one.Size())
	_, err = s.Seal(3)
	require.ErrorIs(t, err, spool.ErrState, "the batch before must be committed")
	commit(t, s, one)
	two, err := s.Seal(3)
	require.NoError(t, err)
	first, err := record.ParseAnchor(one.Anchor)
	require.NoError(t, err)
	second, err := record.ParseAnchor(two.Anchor)
	require.NoError(t, err)
	hash, err := first.HashText()
	require.NoError(t, err)
	require.Equal(t, hash, second.Previous)
	require.EqualValues(t, 2, second.Size)
	commit(t, s, two)
	_, err = s.Seal(3)
	require.ErrorIs(t, err, spool.ErrNotFound)
}

func TestABatchOnlyGoesForward(t *testing.T) {
	s, key := opened(t), newSigner(t)
	accept(t, s, series(t, key, "d", 1, 2)...)
	b, err := s.Seal(2)
	require.NoError(t, err)
	require.ErrorIs(t, s.Receipt(1), spool.ErrState)
	require.ErrorIs(t, s.Prepare(2, nil, spool.Commit{}), spool.ErrNotFound)
	commit(t, s, b)
	require.ErrorIs(t, s.Prepare(1, nil, spool.Commit{}), spool.ErrState)
	require.ErrorIs(t, s.Commit(1, spool.Commit{}), spool.ErrState)
	require.NoError(t, s.Receipt(1))
	require.ErrorIs(t, s.Receipt(1), spool.ErrState)
	got, err := s.Batch(1)
	require.NoError(t, err)
	require.Equal(t, spool.Receipted, got.State)
	require.Nil(t, got.Transaction)
	require.Equal(t, spool.Commit{TransactionID: "ab", Block: 3, Time: 9}, got.Commit)
}

func TestReadingsLeaveTheSpoolWhenTheirBatchIsPreparedOrCommitted(t *testing.T) {
	for title, step := range map[string]func(s *spool.Spool) error{
		"prepared":            func(s *spool.Spool) error { return s.Prepare(1, []byte("tx"), spool.Commit{}) },
		"found on the ledger": func(s *spool.Spool) error { return s.Commit(1, spool.Commit{}) },
	} {
		s, key := opened(t), newSigner(t)
		accept(t, s, series(t, key, "d", 1, 3)...)
		b, err := s.Seal(3)
		require.NoError(t, err)
		require.NoError(t, step(s), title)
		_, err = s.Rows(b)
		require.ErrorIs(t, err, spool.ErrDamaged, title)
	}
}

func TestFindSaysWhereAReadingIs(t *testing.T) {
	s, key := opened(t), newSigner(t)
	accept(t, s, series(t, key, "d", 1, 3)...)
	accept(t, s, item(t, key, "e", 7, "x"))
	b, index, err := s.Find(device("d"), 2)
	require.NoError(t, err)
	require.Nil(t, b, "pending")
	require.Zero(t, index)
	sealed, err := s.Seal(2)
	require.NoError(t, err)
	commit(t, s, sealed)
	_, err = s.Seal(2)
	require.NoError(t, err)
	for _, c := range []struct {
		device             string
		seq, number, place uint64
	}{{"d", 1, 1, 0}, {"d", 2, 1, 1}, {"d", 3, 2, 0}, {"e", 7, 2, 1}} {
		b, index, err := s.Find(device(c.device), c.seq)
		require.NoError(t, err)
		require.Equal(t, c.number, b.Number, "%s %d", c.device, c.seq)
		require.Equal(t, c.place, index, "%s %d", c.device, c.seq)
	}
	_, _, err = s.Find(device("d"), 4)
	require.ErrorIs(t, err, spool.ErrNotFound)
}

func TestOldestIsTheUnfinishedBatchWithTheLowestNumber(t *testing.T) {
	s, key := opened(t), newSigner(t)
	_, err := s.Oldest(spool.Committed)
	require.ErrorIs(t, err, spool.ErrNotFound)
	_, err = s.Latest()
	require.ErrorIs(t, err, spool.ErrNotFound)
	accept(t, s, series(t, key, "d", 1, 4)...)
	for range 3 {
		b, err := s.Seal(1)
		require.NoError(t, err)
		commit(t, s, b)
	}
	require.NoError(t, s.Receipt(1))
	_, err = s.Seal(1)
	require.NoError(t, err)
	b, err := s.Oldest(spool.Committed)
	require.NoError(t, err)
	require.EqualValues(t, 2, b.Number)
	b, err = s.Oldest(spool.Sealed, spool.Prepared)
	require.NoError(t, err)
	require.EqualValues(t, 4, b.Number)
	b, err = s.Latest()
	require.NoError(t, err)
	require.EqualValues(t, 4, b.Number)
}

func gaps(t testing.TB, s *spool.Spool) []spool.Gap {
	t.Helper()
	var out []spool.Gap
	require.NoError(t, s.Gaps(func(g spool.Gap) bool { out = append(out, g); return true }))
	return out
}

func TestLateArrivalsSplitAndCloseGaps(t *testing.T) {
	s, key := opened(t), newSigner(t)
	last := uint64(0)
	seal := func() {
		b, err := s.Seal(100)
		require.NoError(t, err)
		commit(t, s, b)
		last = b.Number
	}
	at := func(id string, seq uint64) { accept(t, s, item(t, key, id, seq, "x")) }
	at("d", 10)
	at("a", 3) // a neighbour on each side must not be touched
	at("da", 4)
	at("Org2MSP/d", 2)
	require.Empty(t, gaps(t, s), "gaps are counted when a batch is sealed")
	seal()
	require.Equal(t, []spool.Gap{{Device: device("a"), From: 1, To: 2}, {Device: device("d"), From: 1, To: 9}, {Device: device("da"), From: 1, To: 3}, {Device: device("Org2MSP/d"), From: 1, To: 1}}, gaps(t, s))
	at("d", 5)
	at("d", 1)
	at("d", 9)
	at("d", 3)
	seal()
	require.Equal(t, []spool.Gap{
		{Device: device("a"), From: 1, To: 2},
		{Device: device("d"), From: 2, To: 2}, {Device: device("d"), From: 4, To: 4}, {Device: device("d"), From: 6, To: 8},
		{Device: device("da"), From: 1, To: 3}, {Device: device("Org2MSP/d"), From: 1, To: 1},
	}, gaps(t, s))
	for _, seq := range []uint64{2, 4, 7, 6, 8} {
		at("d", seq)
	}
	seal()
	require.EqualValues(t, 3, last)
	require.Equal(t, []spool.Gap{{Device: device("a"), From: 1, To: 2}, {Device: device("da"), From: 1, To: 3}, {Device: device("Org2MSP/d"), From: 1, To: 1}}, gaps(t, s))
	books, err := s.Books()
	require.NoError(t, err)
	require.EqualValues(t, 6, books.Gaps)
	var n int
	require.NoError(t, s.Gaps(func(spool.Gap) bool { n++; return false }))
	require.Equal(t, 1, n)
}

func TestAGapIsReportedByOneAnchorUnlessItClosedBeforeThat(t *testing.T) {
	s, key := opened(t), newSigner(t)
	report := func() uint64 {
		b, err := s.Seal(100)
		require.NoError(t, err)
		commit(t, s, b)
		a, err := record.ParseAnchor(b.Anchor)
		require.NoError(t, err)
		return a.Gaps
	}
	accept(t, s, item(t, key, "d", 4, "x")) // misses 1, 2, 3
	accept(t, s, item(t, key, "d", 2, "x")) // but 2 was only late
	require.EqualValues(t, 2, report())
	accept(t, s, item(t, key, "d", 1, "x")) // too late: reported, and not taken back
	require.EqualValues(t, 0, report())
	accept(t, s, item(t, key, "d", 6, "x"))
	accept(t, s, item(t, key, "d", 3, "x"))
	require.EqualValues(t, 1, report(), "that 3 came says nothing about 5")
}

func TestAHugeSkipCountsOneAndLeavesTheFiguresOfOthersAlone(t *testing.T) {
	s, key := opened(t), newSigner(t)
	accept(t, s, item(t, key, "a", reading.MaxNumber, "x"), item(t, key, "b", 4, "x"), item(t, key, "a", 5, "x"))
	b, err := s.Seal(10)
	require.NoError(t, err)
	a, err := record.ParseAnchor(b.Anchor)
	require.NoError(t, err)
	require.EqualValues(t, 1+3, a.Gaps)
	require.Contains(t, gaps(t, s), spool.Gap{Device: device("a"), From: 6, To: reading.MaxNumber - 1})
	books, err := s.Books()
	require.NoError(t, err)
	require.EqualValues(t, 2+3, books.Gaps, "the number that came split the jump")
}

// What the spool anchors, anybody can count again from the readings of the batches alone.
func TestTheGapsOfAnAnchorFollowFromTheBatchesAlone(t *testing.T) {
	s, key := opened(t), newSigner(t)
	memory := gap.NewMemory()
	for _, batch := range [][]uint64{{4, 2}, {1, 9}, {7, 8, 3, 12, 11}, {5}} {
		for _, seq := range batch {
			accept(t, s, item(t, key, "d", seq, "x"), item(t, key, "e", seq+1, "x"))
		}
		b, err := s.Seal(100)
		require.NoError(t, err)
		rows, err := s.Rows(b)
		require.NoError(t, err)
		counter := gap.NewCounter(memory, b.Number)
		for _, row := range rows {
			r, err := reading.Parse(row.Reading)
			require.NoError(t, err)
			require.NoError(t, counter.Add(r.Claims().Device, r.Claims().Sequence))
		}
		a, err := record.ParseAnchor(b.Anchor)
		require.NoError(t, err)
		require.Equal(t, counter.Gaps(), a.Gaps)
		commit(t, s, b)
	}
}

func TestAFailedAppendStoresNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	s, key := open(t, path), newSigner(t)
	accept(t, s, item(t, key, "d", 1, "x"))
	require.NoError(t, s.Close())
	_, err := s.Append([]spool.Item{item(t, key, "d", 2, "x")})
	require.Error(t, err)
	_, err = s.Books()
	require.Error(t, err)
	s = open(t, path)
	defer s.Close()
	_, _, err = s.Find(device("d"), 2)
	require.ErrorIs(t, err, spool.ErrNotFound)
}
