// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/spool"
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

func keyOf(s cose.Signer) record.Key {
	return record.Key{ID: s.Key().ID().String(), Public: s.Key().Text()}
}

// made is a statement as a bridge makes it, and what an auditor pins beforehand.
type made struct {
	statement []byte
	pins      audit.Pins
	entry     record.AnchorEntry
	block     uint64
}

const deviceTime, ledgerTime = 5000, 9000

// bridge takes three readings through spool and archive, and makes the statement of the second.
// change, when set, alters what the stream signs.
func bridge(t testing.TB, change func(c *receipt.Claims)) made {
	t.Helper()
	dir := t.TempDir()
	dev, stream := signer(t, 1), signer(t, 2)
	s, err := spool.Open(filepath.Join(dir, "spool.db"), "s")
	require.NoError(t, err)
	defer s.Close()
	var items []spool.Item
	for seq := uint64(1); seq <= 3; seq++ {
		data, err := reading.Sign(dev, reading.Claims{Device: "d", Sequence: seq, Time: deviceTime}, reading.SenMLJSON, []byte("[]"))
		require.NoError(t, err)
		r, err := reading.Parse(data)
		require.NoError(t, err)
		items = append(items, spool.Item{Payload: data, Received: 6000, Reading: r})
	}
	_, err = s.Append(items)
	require.NoError(t, err)
	b, err := s.Seal(10)
	require.NoError(t, err)
	rows, err := s.Rows(b)
	require.NoError(t, err)
	files, err := archive.Open(filepath.Join(dir, "archive"))
	require.NoError(t, err)
	file := &archive.Batch{Number: 1, Anchor: b.Anchor}
	for _, r := range rows {
		file.Entries = append(file.Entries, archive.Entry(r))
	}
	require.NoError(t, files.Put(file))
	a, err := record.ParseAnchor(b.Anchor)
	require.NoError(t, err)
	claims := receipt.Claims{
		Stream: "s", Ledger: "c/cc", Number: 1, Anchor: a.Hash(), Transaction: [32]byte{7}, Block: 4, LedgerTime: ledgerTime,
	}
	if change != nil {
		change(&claims)
	}
	signed, err := receipt.Sign(stream, file.Tree().Root(), claims)
	require.NoError(t, err)
	require.NoError(t, files.PutReceipt(1, signed))
	statement, err := files.Statement(1, 1)
	require.NoError(t, err)
	return made{
		statement: statement, block: 4,
		pins: audit.Pins{
			Ledger:  "c/cc",
			Devices: []record.Device{{ID: "other"}, {ID: "d", Status: record.Active, Keys: []record.Key{keyOf(dev)}}},
			Streams: []record.Stream{{ID: "other"}, {ID: "s", Keys: []record.Key{keyOf(stream)}}},
		},
		entry: record.AnchorEntry{
			Anchor: a, Hash: a.HashText(), TxID: hex.EncodeToString(append([]byte{7}, make([]byte, 31)...)), LedgerTime: ledgerTime, Creator: "Org1MSP",
		},
	}
}

func names(r *audit.Report) []string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, s.Name)
	}
	return out
}

func TestAStatementOfABridgeIsProven(t *testing.T) {
	m := bridge(t, nil)
	r := audit.Verify(m.statement, m.pins)
	require.NoError(t, r.Err())
	require.True(t, r.OK)
	require.Equal(t, []string{audit.StepFormat, audit.StepDevice, audit.StepReceipt, audit.StepEvidence, audit.StepValidity}, names(r))
	proven := strings.Join(r.Proven, "\n")
	require.Contains(t, proven, "signed exactly these 2 bytes as its reading 2")
	require.Contains(t, proven, "reading 2 of 3")
	require.Contains(t, proven, "the device says 1970-01-01T00:00:05.000Z")
	require.Contains(t, proven, "found no sequence number missing")
	require.Contains(t, strings.Join(r.NotProven, "\n"), "That the ledger holds this anchor")
}

func TestEveryStepThatFailsIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *made)
		claims func(c *receipt.Claims)
		step   string
		want   string
	}{
		"not a statement":         {func(m *made) { m.statement = []byte("x") }, nil, audit.StepFormat, ""},
		"a byte too many":         {func(m *made) { m.statement = append(m.statement, 0) }, nil, audit.StepFormat, ""},
		"device not pinned":       {func(m *made) { m.pins.Devices = m.pins.Devices[:1] }, nil, audit.StepDevice, "no key is pinned for device d"},
		"device's key not pinned": {func(m *made) { m.pins.Devices[1].Keys = []record.Key{} }, nil, audit.StepDevice, "is not pinned"},
		"another key under the pinned id": {func(m *made) {
			m.pins.Devices[1].Keys[0].Public = signer(t, 3).Key().Text()
		}, nil, audit.StepDevice, "has thumbprint"},
		"pinned key unreadable":     {func(m *made) { m.pins.Devices[1].Keys[0].Public = "?" }, nil, audit.StepDevice, ""},
		"stream not pinned":         {func(m *made) { m.pins.Streams = m.pins.Streams[:1] }, nil, audit.StepReceipt, "no key is pinned for stream s"},
		"stream's key not pinned":   {func(m *made) { m.pins.Streams[1].Keys = nil }, nil, audit.StepReceipt, "is not pinned"},
		"another ledger":            {func(m *made) { m.pins.Ledger = "c/other" }, nil, audit.StepEvidence, "the receipt is of ledger c/cc, pinned is c/other"},
		"receipt of another anchor": {nil, func(c *receipt.Claims) { c.Anchor[0] ^= 1 }, audit.StepEvidence, "the anchor is not the one"},
		"receipt of another number": {nil, func(c *receipt.Claims) { c.Number = 2 }, audit.StepEvidence, "batch"},
		"receipt of another stream": {func(m *made) { m.pins.Streams[1].ID = "t" }, func(c *receipt.Claims) { c.Stream = "t" }, audit.StepEvidence, "stream"},
		"key ended before":          {func(m *made) { m.pins.Devices[1].Keys[0].Until = deviceTime }, nil, audit.StepValidity, "ended at 1970-01-01T00:00:05.000Z"},
		"compromised before":        {func(m *made) { m.pins.Devices[1].CompromisedSince = ledgerTime }, nil, audit.StepValidity, "counts as compromised since"},
	} {
		t.Run(name, func(t *testing.T) {
			m := bridge(t, c.claims)
			if c.change != nil {
				c.change(&m)
			}
			r := audit.Verify(m.statement, m.pins)
			require.False(t, r.OK)
			require.ErrorIs(t, r.Err(), audit.ErrFailed)
			last := r.Steps[len(r.Steps)-1]
			require.Equal(t, c.step, last.Name, "%s", last.Detail)
			require.Contains(t, last.Detail, c.want)
			require.ErrorContains(t, r.Err(), fmt.Sprintf("%q", c.step))
			require.Empty(t, r.Proven)
			r.CompareLedger(m.entry, m.block)
			require.False(t, r.OK, "the ledger does not heal it")
		})
	}
}

func TestWhatHappensToAKeyLaterDoesNotHarmAStatement(t *testing.T) {
	m := bridge(t, nil)
	m.pins.Devices[1].Keys[0].Until = deviceTime + 1
	m.pins.Devices[1].CompromisedSince = ledgerTime + 1
	m.pins.Devices[1].Status = record.Revoked
	require.NoError(t, audit.Verify(m.statement, m.pins).Err())
}

func TestTheLedgerMustHoldEveryFieldOfTheReceipt(t *testing.T) {
	m := bridge(t, nil)
	r := audit.Verify(m.statement, m.pins)
	r.CompareLedger(m.entry, m.block)
	require.NoError(t, r.Err())
	require.Equal(t, audit.StepLedger, r.Steps[len(r.Steps)-1].Name)
	require.NotContains(t, strings.Join(r.NotProven, "\n"), "That the ledger holds this anchor")
	require.Contains(t, strings.Join(r.Proven, "\n"), "The ledger holds this anchor")
	for want, change := range map[string]func(e *record.AnchorEntry, block *uint64){
		"the anchor hash":        func(e *record.AnchorEntry, _ *uint64) { e.Hash = record.ZeroHash },
		"the root":               func(e *record.AnchorEntry, _ *uint64) { e.Anchor.Root = record.ZeroHash },
		"the transaction is":     func(e *record.AnchorEntry, _ *uint64) { e.TxID = record.ZeroHash },
		"the block":              func(_ *record.AnchorEntry, b *uint64) { *b = 5 },
		"the transaction's time": func(e *record.AnchorEntry, _ *uint64) { e.LedgerTime++ },
	} {
		r, entry, block := audit.Verify(m.statement, m.pins), m.entry, m.block
		change(&entry, &block)
		r.CompareLedger(entry, block)
		require.ErrorContains(t, r.Err(), want)
		require.ErrorContains(t, r.Err(), `"ledger"`)
		require.False(t, r.OK)
	}
	r = audit.Verify(m.statement, m.pins)
	r.LacksAnchor()
	require.ErrorContains(t, r.Err(), "the ledger has no batch 1 of stream s")
	require.False(t, r.OK)
}

func TestAFlippedBitInAnyByteOfAStatementIsRefused(t *testing.T) {
	m := bridge(t, nil)
	for i := range m.statement {
		data := bytes.Clone(m.statement)
		data[i] ^= 1 << (i % 8)
		r := audit.Verify(data, m.pins)
		require.False(t, r.OK, "byte %d", i)
		require.ErrorIs(t, r.Err(), audit.ErrFailed, "byte %d", i)
	}
	for i := range m.statement {
		require.Error(t, audit.Verify(m.statement[:i], m.pins).Err(), "cut at %d", i)
	}
}

func TestPinsAreReadStrictly(t *testing.T) {
	m := bridge(t, nil)
	text, err := json.Marshal(m.pins)
	require.NoError(t, err)
	got, err := audit.ParsePins(text)
	require.NoError(t, err)
	require.NoError(t, audit.Verify(m.statement, got).Err())
	require.Len(t, got.StreamKeys("s"), 1)
	require.Equal(t, signer(t, 2).Key().ID(), got.StreamKeys("s")[0].ID())
	require.Empty(t, got.StreamKeys("t"))
	for _, bad := range []string{"", "x", `{"ledgr":"x"}`, string(text) + "x", string(text) + string(text)} {
		_, err := audit.ParsePins([]byte(bad))
		require.Error(t, err, bad)
	}
}
