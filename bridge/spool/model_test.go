// SPDX-License-Identifier: Apache-2.0

package spool_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
)

// model is what a spool must be, in plain maps and slices.
type model struct {
	path   string
	signer cose.Signer
	spool  *spool.Spool

	content     map[string]map[uint64]string // device → sequence → content
	position    map[string]uint64            // "device sequence" → position
	readings    [][]byte                     // by position, from 0
	received    []int64                      // by position, from 0
	books       spool.Books
	batches     []spool.Batch
	sequence    []sequenced                // by position, from 0
	missing     map[string]map[uint64]bool // as of the last batch
	reached     map[string]uint64          // the highest number in a batch
	quarantined uint64                     // since the last seal
	objected    map[uint64]bool            // by position
}

// sequenced is what a gap is found by.
type sequenced struct {
	device string
	number uint64
}

func newModel(t *rapid.T, dir string, signer cose.Signer) *model {
	m := &model{
		path: filepath.Join(dir, "spool.db"), signer: signer,
		content: map[string]map[uint64]string{}, position: map[string]uint64{},
		missing: map[string]map[uint64]bool{}, reached: map[string]uint64{}, books: spool.Books{Quarantined: map[string]uint64{}},
		objected: map[uint64]bool{},
	}
	m.spool = open(t, m.path)
	return m
}

func (m *model) highest(device string) uint64 {
	return slices.Max(append(slices.Collect(maps.Keys(m.content[device])), 0))
}

// expect is the fate that an item must have, and notes it.
func (m *model) expect(device string, seq uint64, content string, it spool.Item) spool.Outcome {
	m.books.Received++
	id := fmt.Sprint(device, " ", seq)
	if had, ok := m.content[device][seq]; ok {
		if had == content {
			m.books.Duplicates++
			return spool.Outcome{Fate: spool.Duplicate, Position: m.position[id]}
		}
		return m.refuse(spool.ReasonReplay)
	}
	if m.content[device] == nil {
		m.content[device], m.missing[device] = map[uint64]string{}, map[uint64]bool{}
	}
	m.content[device][seq] = content
	m.books.Accepted++
	m.position[id] = m.books.Accepted
	m.readings = append(m.readings, it.Payload)
	m.received = append(m.received, it.Received)
	m.sequence = append(m.sequence, sequenced{device, seq})
	return spool.Outcome{Fate: spool.Accepted, Position: m.books.Accepted}
}

func (m *model) refuse(reason string) spool.Outcome {
	m.books.Quarantined[reason]++
	m.quarantined++
	return spool.Outcome{Fate: spool.Quarantined, Reason: reason}
}

// Append stores some messages: new readings, late ones, copies, replays and garbage.
func (m *model) Append(t *rapid.T) {
	var items []spool.Item
	var want []spool.Outcome
	for range rapid.IntRange(0, 6).Draw(t, "messages") {
		if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
			reason := rapid.SampledFrom([]string{"malformed", "bad_signature"}).Draw(t, "reason")
			items = append(items, refused(reason, []byte("garbage")))
			m.books.Received++
			want = append(want, m.refuse(reason))
			continue
		}
		device := rapid.SampledFrom([]string{"d", "da", "d.1", "Org2MSP/d"}).Draw(t, "device")
		seq := rapid.Uint64Range(1, m.highest(device)+4).Draw(t, "sequence")
		content := rapid.SampledFrom([]string{"x", "x", "x", "y"}).Draw(t, "content")
		it := item(t, m.signer, device, seq, content)
		items = append(items, it)
		want = append(want, m.expect(device, seq, content, it))
	}
	got, err := m.spool.Append(items)
	require.NoError(t, err)
	require.Equal(t, want, append([]spool.Outcome(nil), got...))
}

// through is the position up to which all is in a batch or withdrawn.
func (m *model) through() uint64 { return m.books.Sealed + uint64(len(m.objected)) }

// Seal seals, unless the batch before is unfinished or nothing is pending. Some readings are objected to.
func (m *model) Seal(t *rapid.T) {
	limit := rapid.Uint64Range(1, 8).Draw(t, "limit")
	selection, err := m.spool.Select(spool.Limit{Readings: limit})
	if m.books.Accepted == m.through() {
		require.ErrorIs(t, err, spool.ErrNotFound)
		return
	}
	require.NoError(t, err)
	first, end := m.through()+1, min(m.books.Accepted, m.through()+limit)
	require.Len(t, selection.Candidates(), int(end-first+1))
	var objections []uint64
	for i, c := range selection.Candidates() {
		require.Equal(t, first+uint64(i), c.Position)
		require.Equal(t, device(m.sequence[c.Position-1].device), c.Device)
		if rapid.IntRange(0, 4).Draw(t, "objection") == 0 {
			selection.Object(c.Position, "device_revoked", "its owner said so")
			objections = append(objections, c.Position)
		}
	}
	b, err := m.spool.SealSelection(selection)
	last := m.latest()
	if last != nil && last.State != spool.Committed && last.State != spool.Receipted {
		require.ErrorIs(t, err, spool.ErrState)
		return
	}
	for _, p := range objections {
		m.withdraw(p)
	}
	if end-first+1 == uint64(len(objections)) {
		require.ErrorIs(t, err, spool.ErrNotFound)
		return
	}
	require.NoError(t, err)
	require.Equal(t, first, b.First)
	require.Equal(t, end, b.Last)
	require.Equal(t, objections, b.Skipped)
	m.checkAnchor(t, b, last)
	m.batches = append(m.batches, *b)
	m.books.Batches, m.quarantined = b.Number, 0
	m.books.Sealed += b.Size()
}

// withdraw forgets a reading that was accepted.
func (m *model) withdraw(position uint64) {
	r := m.sequence[position-1]
	delete(m.content[r.device], r.number)
	m.objected[position] = true
	m.quarantined++
}

func (m *model) checkAnchor(t *rapid.T, b, last *spool.Batch) {
	a, err := record.ParseAnchor(b.Anchor)
	require.NoError(t, err)
	var leaves []merkle.Hash
	for p := b.First; p <= b.Last; p++ {
		if m.objected[p] {
			continue
		}
		leaves = append(leaves, merkle.LeafHash(m.readings[p-1]))
	}
	require.Equal(t, merkle.New(leaves).Root().String(), a.Root)
	require.Equal(t, b.Size(), a.Size)
	require.Equal(t, m.quarantined, a.Quarantined)
	require.EqualValues(t, m.gaps(b), a.Gaps)
	if last != nil {
		before, err := record.ParseAnchor(last.Anchor)
		require.NoError(t, err)
		hash, err := before.HashText()
		require.NoError(t, err)
		require.Equal(t, hash, a.Previous)
	}
}

// gaps is how many numbers the batch skipped that did not come later in it, and notes all that miss.
func (m *model) gaps(b *spool.Batch) int {
	found := map[sequenced]bool{}
	for i, r := range m.sequence[b.First-1 : b.Last] {
		if m.objected[b.First+uint64(i)] {
			continue
		}
		for skipped := m.reached[r.device] + 1; skipped < r.number; skipped++ {
			found[sequenced{r.device, skipped}], m.missing[r.device][skipped] = true, true
		}
		m.reached[r.device] = max(m.reached[r.device], r.number)
		delete(found, r)
		delete(m.missing[r.device], r.number)
	}
	return len(found)
}

func (m *model) latest() *spool.Batch {
	if len(m.batches) == 0 {
		return nil
	}
	return &m.batches[len(m.batches)-1]
}

// Prepare stores a transaction, perhaps once more.
func (m *model) Prepare(t *rapid.T) {
	b := m.latest()
	if b == nil {
		t.Skip("no batch")
	}
	tx := rapid.SliceOfN(rapid.Byte(), 1, 5).Draw(t, "transaction")
	err := m.spool.Prepare(b.Number, tx, spool.Commit{TransactionID: "p", Time: 3})
	if b.State != spool.Sealed && b.State != spool.Prepared {
		require.ErrorIs(t, err, spool.ErrState)
		return
	}
	require.NoError(t, err)
	b.State, b.Transaction, b.Commit = spool.Prepared, tx, spool.Commit{TransactionID: "p", Time: 3}
}

// Commit notes the block.
func (m *model) Commit(t *rapid.T) {
	b := m.latest()
	if b == nil {
		t.Skip("no batch")
	}
	c := spool.Commit{TransactionID: "c", Block: 8, Time: 4}
	err := m.spool.Commit(b.Number, c)
	if b.State != spool.Sealed && b.State != spool.Prepared {
		require.ErrorIs(t, err, spool.ErrState)
		return
	}
	require.NoError(t, err)
	b.State, b.Transaction, b.Commit = spool.Committed, nil, c
	m.books.Anchored += b.Size()
}

// Receipt notes that the oldest committed batch was delivered.
func (m *model) Receipt(t *rapid.T) {
	i := slices.IndexFunc(m.batches, func(b spool.Batch) bool { return b.State == spool.Committed })
	if i < 0 {
		_, err := m.spool.Oldest(spool.Committed)
		require.ErrorIs(t, err, spool.ErrNotFound)
		return
	}
	b, err := m.spool.Oldest(spool.Committed)
	require.NoError(t, err)
	require.Equal(t, m.batches[i].Number, b.Number)
	require.NoError(t, m.spool.Receipt(b.Number))
	m.batches[i].State = spool.Receipted
	m.books.Receipted += b.Size()
}

// Reopen is a restart.
func (m *model) Reopen(t *rapid.T) {
	require.NoError(t, m.spool.Close())
	m.spool = open(t, m.path)
}

// Check compares everything that can be asked, after every step.
func (m *model) Check(t *rapid.T) {
	var gaps uint64
	for _, missing := range m.missing {
		gaps += uint64(len(missing))
	}
	want := m.books
	want.Gaps = gaps
	got, err := m.spool.Books()
	require.NoError(t, err)
	require.True(t, got.Balance(), "%+v", got)
	require.Equal(t, want.QuarantinedTotal(), got.QuarantinedTotal())
	require.EqualValues(t, len(m.objected), got.WithdrawnTotal())
	require.Equal(t, want.Accepted-want.Anchored-uint64(len(m.objected)), got.Pending())
	totals, err := m.spool.Quarantine().Totals()
	require.NoError(t, err)
	require.LessOrEqual(t, totals.Accepted, uint64(len(m.objected)), "one copy of each")
	want.Quarantined, got.Quarantined, got.Withdrawn = nil, nil, nil
	require.Equal(t, want, got)
	m.checkGaps(t)
	m.checkSnapshot(t, got)
	for i := range m.batches {
		b, err := m.spool.Batch(uint64(i + 1))
		require.NoError(t, err)
		require.Equal(t, m.batches[i], *b)
	}
	m.checkPlaces(t)
}

func (m *model) checkSnapshot(t *rapid.T, books spool.Books) {
	got, err := m.spool.Snapshot()
	require.NoError(t, err)
	require.Positive(t, got.Bytes)
	want := spool.Snapshot{Books: books, InFlight: map[spool.State]uint64{}, Bytes: got.Bytes}
	if m.books.Accepted > m.through() {
		want.OldestPending = m.received[m.through()]
	}
	for _, b := range m.batches {
		switch b.State {
		case spool.Sealed, spool.Prepared:
			want.OldestPending = math.MaxInt64
			for p := b.First; p <= b.Last; p++ {
				if !m.objected[p] {
					want.OldestPending = min(want.OldestPending, m.received[p-1])
				}
			}
		default:
			want.LastAnchor, want.LastAnchored = b.Number, b.Commit.Time
		}
		if b.State != spool.Receipted {
			want.InFlight[b.State]++
		}
	}
	got.Quarantined, got.Withdrawn = nil, nil
	require.Equal(t, want, got)
}

func (m *model) checkGaps(t *rapid.T) {
	left := map[name.Name]map[uint64]bool{}
	for id, missing := range m.missing {
		left[device(id)] = maps.Clone(missing)
	}
	require.NoError(t, m.spool.Gaps(func(g spool.Gap) bool {
		for n := g.From; n <= g.To; n++ {
			require.Contains(t, left[g.Device], n)
			delete(left[g.Device], n)
		}
		return true
	}))
	for _, missing := range left {
		require.Empty(t, missing)
	}
}

func (m *model) checkPlaces(t *rapid.T) {
	for id, contents := range m.content {
		for seq := range contents {
			b, index, err := m.spool.Find(device(id), seq)
			require.NoError(t, err)
			position := m.position[fmt.Sprint(id, " ", seq)]
			if position > m.through() {
				require.Nil(t, b)
				continue
			}
			before := uint64(0)
			for p := b.First; p < position; p++ {
				if !m.objected[p] {
					before++
				}
			}
			require.Equal(t, before, index)
		}
	}
}

func TestWhateverHappensTheSpoolIsWhatAModelOfItIs(t *testing.T) {
	signer := newSigner(t)
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		run, err := os.MkdirTemp(dir, "run")
		require.NoError(t, err)
		m := newModel(t, run, signer)
		defer func() { require.NoError(t, errors.Join(m.spool.Close(), os.RemoveAll(run))) }()
		t.Repeat(map[string]func(*rapid.T){
			"Append": m.Append, "AppendMore": m.Append, "Seal": m.Seal, "Prepare": m.Prepare,
			"Commit": m.Commit, "Receipt": m.Receipt, "Reopen": m.Reopen, "": m.Check,
		})
	})
}
