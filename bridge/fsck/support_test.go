// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/bridge/gap"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

func signer(t testing.TB, seed byte) cose.Signer {
	t.Helper()
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
	require.NoError(t, err)
	return s
}

var stream, other, device = name.New("Org1MSP", "s"), name.New("Org1MSP", "s2"), name.New("Org1MSP", "d")

// The seeds of the keys.
const (
	deviceKey = 1
	streamKey = 9
)

// origin is the ledger time of what was there before the first anchor; each anchor is a second later
// than the one before.
const origin = 1_700_000_000_000

// chain is a ledger.
type chain struct {
	streams      map[name.Name]record.Stream
	entries      map[name.Name][]record.AnchorEntry
	devices      map[name.Name]record.Device
	positions    map[string]uint64 // the block of a transaction
	equivocation []record.EquivocationReport
	head         string // when set, in place of the last anchor's hash
	away         error
	meanwhile    func() // done once, right after the head was told
	located      int
	asked        int
}

// Profile names the ledger.
func (c *chain) Profile() ledger.Profile {
	return ledger.Profile{Channel: "c", Chaincode: "cc", Endpoint: "peer0:7051"}
}

// Stream returns a stream.
func (c *chain) Stream(_ context.Context, n name.Name) (record.Stream, error) {
	return c.streams[n], c.away
}

// Head returns the last anchor's number and hash.
func (c *chain) Head(_ context.Context, n name.Name) (record.Head, error) {
	entries := c.entries[n]
	h := record.Head{Stream: n, Number: uint64(len(entries)), Hash: record.ZeroHash}
	if len(entries) > 0 {
		h.Hash = entries[len(entries)-1].Hash
	}
	if c.head != "" {
		h.Hash = c.head
	}
	if then := c.meanwhile; then != nil {
		c.meanwhile = nil
		then()
	}
	return h, c.away
}

// Anchors returns entries.
func (c *chain) Anchors(_ context.Context, n name.Name, from uint64, limit int) ([]record.AnchorEntry, error) {
	entries := c.entries[n][from-1:]
	return entries[:min(limit, len(entries))], c.away
}

// Device returns a device.
func (c *chain) Device(_ context.Context, n name.Name) (record.Device, error) {
	c.asked++
	d, known := c.devices[n]
	if !known {
		return d, ledger.ErrNotFound
	}
	return d, c.away
}

// Equivocations returns all of them.
func (c *chain) Equivocations(context.Context, name.Name) ([]record.EquivocationReport, error) {
	return c.equivocation, c.away
}

// Locate returns a place.
func (c *chain) Locate(_ context.Context, txID string) (uint64, int, error) {
	c.located++
	block, known := c.positions[txID]
	if !known {
		return 0, 0, ledger.ErrNotFound
	}
	return block, 0, c.away
}

// world is a ledger and the archives that belong to its streams: of stream three batches of two
// readings.
type world struct {
	t       testing.TB
	dir     string
	archive *archive.Archive
	chain   *chain
	gaps    map[name.Name]*gap.Memory
	dirs    map[name.Name]string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, gaps: map[name.Name]*gap.Memory{}, dirs: map[name.Name]string{}, chain: &chain{
		streams: map[name.Name]record.Stream{}, entries: map[name.Name][]record.AnchorEntry{}, devices: map[name.Name]record.Device{},
		positions: map[string]uint64{"registered": 1},
	}}
	w.register(device, deviceKey)
	w.archive, w.dir = w.open(stream, streamKey)
	for n := range uint64(3) {
		w.add(stream, w.reading(2*n+1), w.reading(2*n+2))
	}
	return w
}

func registered() record.Moment { return record.Moment{Time: origin, Tx: "registered"} }

func keys(t testing.TB, seed byte) []record.Key {
	k := signer(t, seed).Key()
	return []record.Key{{ID: k.ID().String(), Algorithm: k.Algorithm().String(), Public: k.Text(), From: registered()}}
}

func (w *world) register(n name.Name, seed byte) {
	w.chain.devices[n] = record.Device{Owner: n.Owner, ID: n.ID, Status: record.Active, Keys: keys(w.t, seed), Registered: registered(), Updated: registered()}
}

// open makes a stream with an empty archive.
func (w *world) open(n name.Name, seed byte) (*archive.Archive, string) {
	w.t.Helper()
	w.chain.streams[n] = record.Stream{Owner: n.Owner, ID: n.ID, Keys: keys(w.t, seed), Opened: registered(), Updated: registered()}
	w.gaps[n] = gap.NewMemory()
	w.dirs[n] = w.t.TempDir()
	a, err := archive.Open(w.dirs[n])
	require.NoError(w.t, err)
	return a, w.dirs[n]
}

// reading is one of the device.
func (w *world) reading(seq uint64) []byte {
	return w.signed(device, deviceKey, seq, "[]")
}

func (w *world) signed(d name.Name, seed byte, seq uint64, payload string) []byte {
	w.t.Helper()
	r, err := reading.Sign(signer(w.t, seed), reading.Claims{Device: d, Sequence: seq, Time: int64(5 + seq)}, reading.SenMLJSON, []byte(payload))
	require.NoError(w.t, err)
	return r
}

// forged is a reading with a signature of zeros.
func forged(data []byte) []byte {
	out := append([]byte(nil), data...)
	clear(out[len(out)-64:])
	return out
}

// add archives and anchors a batch as an honest bridge does.
func (w *world) add(n name.Name, readings ...[]byte) { w.lie(n, nil, nil, readings...) }

// lie archives and anchors a batch with an anchor, or receipt, that the bridge changes.
func (w *world) lie(n name.Name, anchor func(*record.Anchor), claims func(*receipt.Claims), readings ...[]byte) {
	w.t.Helper()
	number := uint64(len(w.chain.entries[n]) + 1)
	b, a := w.batch(n, number, readings)
	if anchor != nil {
		anchor(&a)
	}
	var err error
	b.Anchor, err = a.Encode()
	require.NoError(w.t, err)
	hash, err := a.Hash()
	require.NoError(w.t, err)
	tx := [32]byte{byte(len(n.ID)), byte(number >> 8), byte(number)}
	c := receipt.Claims{Stream: n, Ledger: "c/cc", Number: number, Anchor: hash, Transaction: tx, LedgerTime: origin + int64(number)*1000}
	if claims != nil {
		claims(&c)
	}
	signed, err := receipt.Sign(signer(w.t, streamKey), b.Tree().Root(), c)
	require.NoError(w.t, err)
	files, err := archive.Open(w.dirs[n])
	require.NoError(w.t, err)
	require.NoError(w.t, files.Put(b))
	require.NoError(w.t, files.PutReceipt(number, signed))
	w.chain.entries[n] = append(w.chain.entries[n], record.AnchorEntry{
		Anchor: a, Hash: hex.EncodeToString(hash[:]), TxID: hex.EncodeToString(tx[:]), LedgerTime: origin + int64(number)*1000, Creator: n.Owner,
	})
	w.chain.positions[hex.EncodeToString(tx[:])] = 10 * number
}

// batch is a batch with the anchor that is true.
func (w *world) batch(n name.Name, number uint64, readings [][]byte) (*archive.Batch, record.Anchor) {
	w.t.Helper()
	b := &archive.Batch{Number: number}
	gaps := gap.NewCounter(w.gaps[n], number)
	var measured []int64
	for i, r := range readings {
		b.Entries = append(b.Entries, archive.Entry{Received: int64(60 + i), Reading: r})
		parsed, err := reading.Parse(r)
		require.NoError(w.t, err)
		require.NoError(w.t, gaps.Add(parsed.Claims().Device, parsed.Claims().Sequence))
		measured = append(measured, parsed.Claims().Time)
	}
	previous := record.ZeroHash
	if number > 1 {
		previous = w.chain.entries[n][number-2].Hash
	}
	a := record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: n, Number: number, Previous: previous,
		Root: b.Tree().Root().String(), Size: b.Tree().Size(), Counts: map[string]uint64{record.DeviceSigned: b.Tree().Size()},
		BridgeTime: record.Span{First: 60, Last: 60 + int64(len(readings)) - 1},
		DeviceTime: record.Span{First: measured[0], Last: measured[0]}, Gaps: gaps.Gaps(),
	}
	for _, t := range measured {
		a.DeviceTime = record.Span{First: min(a.DeviceTime.First, t), Last: max(a.DeviceTime.Last, t)}
	}
	return b, a
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

// device changes the device's record.
func (w *world) device(change func(*record.Device)) {
	d := w.chain.devices[device]
	change(&d)
	w.chain.devices[device] = d
}

func (w *world) sources(streams ...name.Name) []fsck.Source {
	w.t.Helper()
	var sources []fsck.Source
	for _, n := range streams {
		a, err := archive.Open(w.dirs[n])
		require.NoError(w.t, err)
		sources = append(sources, fsck.Source{Stream: n, Archive: a})
	}
	return sources
}

func (w *world) check() fsck.Report {
	w.t.Helper()
	r, err := fsck.Check(w.t.Context(), w.archive, w.chain, stream)
	require.NoError(w.t, err)
	return r
}

// said is all faults, a line each.
func said(r fsck.Report) (text string) {
	for _, f := range r.Faults {
		text += fmt.Sprintf("%s %s %d-%d %s %d %v: %s\n", f.Check, f.Stream, f.Batches.From, f.Batches.To, f.Device, f.Readings, f.Numbers, f.What)
	}
	return text
}
