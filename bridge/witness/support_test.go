// SPDX-License-Identifier: Apache-2.0

package witness_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/fabric/fabrictest"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/bridge/witness"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var stream = name.New("Org1MSP", "s")

const interval = 5 * time.Second

// chain is a ledger with the stream's anchors, which also keeps the bridge's batches.
type chain struct {
	t       *testing.T
	network *fabrictest.Network

	mu       sync.Mutex
	batches  []*spool.Batch
	entries  []record.AnchorEntry
	blocks   map[string][]byte // by transaction
	members  []string
	unknown  error           // who attests is not known
	noBlocks error           // no block is served
	apart    error           // no two organisations sign together
	away     map[string]bool // organisations whose peers do not answer
	lie      func(a *record.Attestation)
	asked    []ledger.AttestRequest
	signed   [][]string
	fetched  int
}

// Snapshot says how many batches are anchored.
func (c *chain) Snapshot() (spool.Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return spool.Snapshot{LastAnchor: uint64(len(c.batches))}, nil
}

// Batch returns a batch.
func (c *chain) Batch(number uint64) (*spool.Batch, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.batches[number-1], nil
}

// BlockOf serves a block as a peer keeps it.
func (c *chain) BlockOf(_ context.Context, txID string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fetched++
	if block, there := c.blocks[txID]; there || c.noBlocks != nil {
		return block, c.noBlocks
	}
	return nil, fmt.Errorf("block of %s: %w", txID, ledger.ErrNotFound)
}

// EndorseOnly answers as anchors:Attest does.
func (c *chain) EndorseOnly(_ context.Context, organisations []string, function string, args ...string) (envelope, result []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Equal(c.t, "anchors:Attest", function)
	require.Len(c.t, args, 1)
	var r ledger.AttestRequest
	require.NoError(c.t, json.Unmarshal([]byte(args[0]), &r))
	require.NoError(c.t, r.Validate())
	c.asked = append(c.asked, r)
	if len(organisations) > 1 && c.apart != nil {
		return nil, nil, c.apart
	}
	for _, o := range organisations {
		if c.away[o] {
			return nil, nil, ledger.ErrUnavailable
		}
	}
	a := record.Attestation{
		Type: record.AttestationType, Version: record.Version, Ledger: "c/cc", Nonce: r.Nonce,
		Stream:        record.Stream{Type: record.StreamType, Version: record.Version, Owner: stream.Owner, ID: stream.ID, Keys: []record.Key{}},
		Head:          record.Head{Type: record.HeadType, Version: record.Version, Stream: stream, Number: uint64(len(c.entries)), Hash: c.entries[len(c.entries)-1].Hash},
		Anchors:       slices.Clone(c.entries[r.From-1 : r.To]),
		Devices:       []record.Device{},
		Equivocations: []record.EquivocationReport{},
	}
	if c.lie != nil {
		c.lie(&a)
	}
	answer, err := record.Encode(a)
	require.NoError(c.t, err)
	c.signed = append(c.signed, organisations)
	return fmt.Appendf(nil, "%s sign %d to %d", strings.Join(organisations, " and "), r.From, r.To), answer, nil
}

func (c *chain) set(change func(c *chain)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

// world is an archive with its ledger.
type world struct {
	t       *testing.T
	chain   *chain
	archive *archive.Archive
	log     *log
}

type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps what is logged.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), s)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	a, err := archive.Open(t.TempDir())
	require.NoError(t, err)
	return &world{t: t, archive: a, log: &log{}, chain: &chain{
		t: t, network: fabrictest.NewNetwork(t, 0), blocks: map[string][]byte{}, away: map[string]bool{}, members: []string{"Org1MSP", "Org2MSP"},
	}}
}

// anchor archives and anchors batches with one reading of each device.
func (w *world) anchor(batches int, devices ...name.Name) {
	w.t.Helper()
	signer, err := cose.NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)))
	require.NoError(w.t, err)
	for range batches {
		number := uint64(len(w.chain.batches) + 1)
		file := &archive.Batch{Number: number}
		for _, d := range devices {
			r, err := reading.Sign(signer, reading.Claims{Device: d, Sequence: number, Time: 5}, reading.SenMLJSON, []byte("[]"))
			require.NoError(w.t, err)
			file.Entries = append(file.Entries, archive.Entry{Received: 6, Reading: r})
		}
		a := record.Anchor{
			Type: record.AnchorType, Version: record.Version, Stream: stream, Number: number, Previous: record.ZeroHash,
			Root: file.Tree().Root().String(), Size: uint64(len(devices)), Counts: map[string]uint64{record.DeviceSigned: uint64(len(devices))},
		}
		file.Anchor, err = a.Encode()
		require.NoError(w.t, err)
		require.NoError(w.t, w.archive.Put(file))
		hash, err := a.HashText()
		require.NoError(w.t, err)
		envelope := w.chain.network.Envelope(w.t, fabrictest.Call{Args: []string{string(file.Anchor)}}, w.chain.network.Peer1)
		tx, err := fabric.ParseTransaction(envelope)
		require.NoError(w.t, err)
		w.chain.set(func(c *chain) {
			c.blocks[tx.ID] = c.network.Block(w.t, number+10, [][]byte{envelope}, c.network.Orderers[0])
			c.entries = append(c.entries, record.AnchorEntry{
				Type: record.AnchorEntryType, Version: record.Version, Anchor: a, Hash: hash, TxID: tx.ID, Creator: "Org1MSP",
			})
			c.batches = append(c.batches, &spool.Batch{Number: number, State: spool.Committed, Anchor: file.Anchor, Commit: spool.Commit{TransactionID: tx.ID}})
		})
	}
}

// start runs a witness, as at a start of the process.
func (w *world) start() (stop func()) {
	wit := witness.New(witness.Config{
		Stream: stream, Interval: interval,
		Organisations: func(context.Context) ([]string, error) {
			w.chain.mu.Lock()
			defer w.chain.mu.Unlock()
			return w.chain.members, w.chain.unknown
		},
	}, w.chain, w.archive, w.chain, slog.New(slog.NewTextHandler(w.log, nil)))
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); wit.Run(ctx) }()
	return func() { cancel(); <-done }
}

// attestations are those of a batch.
func (w *world) attestations(number uint64) []string {
	w.t.Helper()
	e, err := w.archive.Evidence(number)
	require.NoError(w.t, err)
	var out []string
	for _, a := range e.Attestations {
		out = append(out, string(a))
	}
	slices.Sort(out)
	return out
}

func (w *world) blocks(number uint64) int {
	w.t.Helper()
	e, err := w.archive.Evidence(number)
	require.NoError(w.t, err)
	return len(e.Blocks)
}
