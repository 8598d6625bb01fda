// SPDX-License-Identifier: Apache-2.0

package anchor_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/anchorline/anchorline/bridge/anchor"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func signer(t testing.TB, seed byte) cose.Signer {
	t.Helper()
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
	require.NoError(t, err)
	return s
}

// faults makes one of the calls fail, counting from 1: before it happened, or after.
type faults struct {
	mu       sync.Mutex
	calls    int
	at       int
	happens  bool
	observed func() // called when it fails
}

func (f *faults) call(kind error, do func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.at == 0 || f.calls != f.at {
		return do()
	}
	if f.happens {
		if err := do(); err != nil {
			return err
		}
	}
	if f.observed != nil {
		f.observed()
	}
	return &ledger.Error{Step: "test", Kind: kind, Err: errors.New("fault")}
}

// chain is a ledger of one stream. refuse, when set, is asked before every call.
type chain struct {
	t      *testing.T
	faults *faults
	refuse func(call string) error

	mu        sync.Mutex
	proposals int
	submits   int
	anchored  []record.AnchorEntry
	reported  []ledger.Equivocation
	blocks    map[string]uint64 // by transaction
	gate      chan struct{}     // when set, Submit waits for it
}

func newChain(t *testing.T, f *faults) *chain {
	return &chain{t: t, faults: f, blocks: map[string]uint64{}}
}

func (c *chain) refused(call string) error {
	if c.refuse == nil {
		return nil
	}
	return c.refuse(call)
}

func hashOf(t *testing.T, a record.Anchor) string {
	hash, err := a.HashText()
	require.NoError(t, err)
	return hash
}

// PrepareAnchor endorses, as the contract does.
func (c *chain) PrepareAnchor(_ context.Context, data []byte) (*ledger.PreparedAnchor, error) {
	var p *ledger.PreparedAnchor
	err := c.faults.call(ledger.ErrUnavailable, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.proposals++
		if err := c.refused("endorse"); err != nil {
			return err
		}
		a, err := record.ParseAnchor(data)
		require.NoError(c.t, err)
		hash := hashOf(c.t, a)
		txID := fmt.Sprintf("%064x", c.proposals)
		p = &ledger.PreparedAnchor{
			Prepared: ledger.Prepared{TxID: txID, Bytes: []byte(txID + " " + string(data))},
			Entry:    record.AnchorEntry{Anchor: a, Hash: hash, TxID: txID, LedgerTime: 1000 + int64(c.proposals)},
		}
		if a.Number <= uint64(len(c.anchored)) {
			p.Entry = c.anchored[a.Number-1]
			require.Equal(c.t, p.Entry.Hash, hash, "equivocation")
		}
		return nil
	})
	return p, err
}

// Submit commits a transaction once.
func (c *chain) Submit(ctx context.Context, transaction []byte) (ledger.Commit, error) {
	c.mu.Lock()
	gate := c.gate
	c.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ledger.Commit{}, ctx.Err()
		}
	}
	var out ledger.Commit
	err := c.faults.call(ledger.ErrUnknownOutcome, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.submits++
		if err := c.refused("submit"); err != nil {
			return err
		}
		txID, data, ok := strings.Cut(string(transaction), " ")
		require.True(c.t, ok, "submitted %q", transaction)
		if block, again := c.blocks[txID]; again {
			out = ledger.Commit{TxID: txID, Block: block}
			return nil
		}
		a, err := record.ParseAnchor([]byte(data))
		require.NoError(c.t, err)
		previous := record.ZeroHash
		if n := len(c.anchored); n > 0 {
			previous = c.anchored[n-1].Hash
		}
		require.EqualValues(c.t, len(c.anchored)+1, a.Number, "anchored twice, or a number left out")
		require.Equal(c.t, previous, a.Previous)
		c.anchored = append(c.anchored, record.AnchorEntry{Anchor: a, Hash: hashOf(c.t, a), TxID: txID, LedgerTime: 77})
		c.blocks[txID] = uint64(100 + len(c.anchored))
		out = ledger.Commit{TxID: txID, Block: c.blocks[txID]}
		return nil
	})
	return out, err
}

// ReportEquivocation keeps the evidence.
func (c *chain) ReportEquivocation(_ context.Context, e ledger.Equivocation) (record.EquivocationReport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refused("report"); err != nil {
		return record.EquivocationReport{}, err
	}
	c.reported = append(c.reported, e)
	return record.EquivocationReport{Reported: record.Moment{Tx: "the report's transaction"}}, nil
}

// Status says where a transaction stands.
func (c *chain) Status(_ context.Context, txID string) (ledger.Commit, error) {
	var out ledger.Commit
	err := c.faults.call(ledger.ErrUnknownOutcome, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		block, ok := c.blocks[txID]
		require.True(c.t, ok, "status of %s", txID)
		out = ledger.Commit{TxID: txID, Block: block}
		return nil
	})
	return out, err
}

// proposed is how many anchors were endorsed.
func (c *chain) proposed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proposals
}

func (c *chain) holds(hash [32]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.anchored {
		if e.Hash == fmt.Sprintf("%x", hash) {
			return true
		}
	}
	return false
}

// mailbox is a broker: it takes receipts and checks that the ledger holds what they say.
type mailbox struct {
	t      *testing.T
	faults *faults
	chain  *chain
	key    cose.Key

	mu       sync.Mutex
	messages int
	largest  int                       // receipts in one message
	longest  int                       // bytes of one message
	got      map[string]map[uint64]int // device → sequence → receipts
	readings map[string][]byte         // "device sequence" → bytes
}

// Publish takes one message of receipts.
func (m *mailbox) Publish(_ context.Context, topic string, payload []byte) error {
	return m.faults.call(errors.New("broker"), func() error {
		entries, err := receipt.DecodeBatch(payload)
		require.NoError(m.t, err)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.messages++
		m.largest = max(m.largest, len(entries))
		m.longest = max(m.longest, len(payload))
		device := strings.TrimSuffix(strings.TrimPrefix(topic, "anchorline/v1/Org1MSP/devices/"), "/receipts")
		require.Equal(m.t, mqtt.ReceiptsTopic(name.New("Org1MSP", device)), topic)
		for _, e := range entries {
			r, err := receipt.Parse(e.Receipt)
			require.NoError(m.t, err)
			require.NoError(m.t, r.Verify(m.key, m.readings[fmt.Sprint(device, " ", e.Sequence)]))
			require.True(m.t, m.chain.holds(r.Claims.Anchor), "a receipt before its anchor was committed")
			if m.got[device] == nil {
				m.got[device] = map[uint64]int{}
			}
			m.got[device][e.Sequence]++
		}
		return nil
	})
}

// sent is how many messages were published.
func (m *mailbox) sent() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.messages
}

// judge is a registry: what it has against devices, by id.
type judge struct {
	mu     sync.Mutex
	reason map[string]string
	err    error
	asked  int
}

// Standing says what the test said.
func (j *judge) Standing(_ context.Context, device name.Name, _ cose.KeyID) (reason, detail string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked++
	reason = j.reason[device.ID]
	return reason, "it is " + reason, j.err
}

func (j *judge) set(err error, reason map[string]string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err, j.reason = err, reason
}

// world is a bridge's folder with a ledger and a broker.
type world struct {
	t       *testing.T
	dir     string
	cfg     anchor.Config
	spool   *spool.Spool
	archive *archive.Archive
	chain   *chain
	mail    *mailbox
	faults  *faults
	judge   *judge
	log     *bytes.Buffer

	anchorer *anchor.Anchorer
	courier  *anchor.Courier
}

func newWorld(t *testing.T, maxBatch uint64) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), faults: &faults{}, judge: &judge{}, log: &bytes.Buffer{}, cfg: anchor.Config{Linger: 50 * time.Millisecond, MaxBatch: maxBatch}}
	w.chain = newChain(t, w.faults)
	w.mail = &mailbox{
		t: t, faults: w.faults, chain: w.chain, key: signer(t, 9).Key(),
		got: map[string]map[uint64]int{}, readings: map[string][]byte{},
	}
	w.open()
	return w
}

// open is a start of the process, without running.
func (w *world) open() {
	w.t.Helper()
	var err error
	w.spool, err = spool.Open(filepath.Join(w.dir, "spool.db"), name.New("Org1MSP", "stream-1"))
	require.NoError(w.t, err)
	w.archive, err = archive.Open(filepath.Join(w.dir, "archive"))
	require.NoError(w.t, err)
	logger := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.courier = anchor.NewCourier(w.spool, w.archive, signer(w.t, 9), "c/cc", w.mail, slog.New(slog.DiscardHandler))
	w.anchorer = anchor.New(w.cfg, w.spool, w.archive, w.chain, w.judge, w.courier, logger)
}

// device is a device of the organisation whose bridge it is.
func device(id string) name.Name { return name.New("Org1MSP", id) }

// accept stores readings of a device.
func (w *world) accept(id string, from, to uint64) {
	w.t.Helper()
	var items []spool.Item
	for seq := from; seq <= to; seq++ {
		data, err := reading.Sign(signer(w.t, 1), reading.Claims{Device: device(id), Sequence: seq, Time: 5}, reading.SenMLJSON, []byte("[]"))
		require.NoError(w.t, err)
		r, err := reading.Parse(data)
		require.NoError(w.t, err)
		items = append(items, spool.Item{Topic: mqtt.ReadingsTopic(device(id)), Payload: data, Received: 6, Reading: r})
		w.mail.mu.Lock()
		w.mail.readings[fmt.Sprint(id, " ", seq)] = data
		w.mail.mu.Unlock()
	}
	_, err := w.spool.Append(items)
	require.NoError(w.t, err)
	w.anchorer.Notify()
}

// run runs anchorer and courier until ctx ends or one of them gives up.
func (w *world) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.anchorer.Run(ctx) })
	g.Go(func() error { return w.courier.Run(ctx) })
	return g.Wait()
}

// start runs in the background and returns what ends it.
func (w *world) start() (stop func() error) {
	ctx, cancel := context.WithCancel(w.t.Context())
	result := make(chan error, 1)
	go func() { result <- w.run(ctx) }()
	return func() error {
		cancel()
		return <-result
	}
}

func (w *world) books() spool.Books {
	w.t.Helper()
	b, err := w.spool.Books()
	require.NoError(w.t, err)
	require.True(w.t, b.Balance())
	return b
}

// until waits for a condition; within a synctest bubble, whose clock it moves.
func (w *world) until(what string, condition func() bool) {
	w.t.Helper()
	for range 10_000 {
		if condition() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	require.Fail(w.t, "never: "+what)
}

func (w *world) allReceipted() bool {
	b := w.books()
	return b.Accepted > 0 && b.Receipted == b.Accepted
}

// said are the warnings and errors that the anchorer logged. It must be at rest.
func (w *world) said() []string {
	return strings.Split(strings.TrimSpace(w.log.String()), "\n")
}

func (w *world) close() { require.NoError(w.t, w.spool.Close()) }
