// SPDX-License-Identifier: Apache-2.0

package device_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/network/broker"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// Each step of a model costs an fsync or more, so fewer runs than rapid's hundred, unless asked for.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("15"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

const (
	patience = 30 * time.Second
	tick     = 5 * time.Millisecond
)

// ledgerTime is that of the receipts, in milliseconds.
const ledgerTime = 1_000_000

var (
	d = name.New("Org1MSP", "d")
	s = name.New("Org1MSP", "s")
)

var quiet = slog.New(slog.DiscardHandler)

func signer(t testing.TB, seed byte) cose.Signer {
	t.Helper()
	made, err := cose.NewSigner(ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
	require.NoError(t, err)
	return made
}

func outbox(t testing.TB, path string) *device.Outbox {
	t.Helper()
	o, err := device.OpenOutbox(path)
	require.NoError(t, err)
	return o
}

func startBroker(t *testing.T, dir, listen string) *broker.Broker {
	t.Helper()
	b, err := broker.Start(broker.Config{Dir: dir, Listen: listen, Consumer: "bridge", Filter: mqtt.ReadingsFilter, Logger: quiet})
	require.NoError(t, err)
	return b
}

// bridge stands at the other end: it takes readings and answers what a test tells it to.
type bridge struct {
	t      *testing.T
	client paho.Client
	key    cose.Signer

	mu   sync.Mutex
	got  map[uint64]int // by sequence number
	last map[uint64][]byte
}

func newBridge(t *testing.T, url string) *bridge {
	t.Helper()
	b := &bridge{t: t, key: signer(t, 99), got: map[uint64]int{}, last: map[uint64][]byte{}}
	o, err := mqtt.Broker{URL: url}.Options("bridge")
	require.NoError(t, err)
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		r, err := reading.Parse(m.Payload())
		if err != nil {
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.got[r.Claims().Sequence]++
		b.last[r.Claims().Sequence] = r.Bytes()
	})
	b.client = paho.NewClient(o.SetAutoReconnect(false))
	for _, tok := range []func() paho.Token{b.client.Connect, func() paho.Token { return b.client.Subscribe(mqtt.ReadingsFilter, 1, nil) }} {
		done := tok()
		require.True(t, done.WaitTimeout(patience))
		require.NoError(t, done.Error())
	}
	t.Cleanup(func() { b.client.Disconnect(100) })
	return b
}

func (b *bridge) times(seq uint64) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got[seq]
}

func (b *bridge) bytes(seq uint64) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last[seq]
}

func (b *bridge) await(what string, condition func() bool) {
	b.t.Helper()
	require.Eventually(b.t, condition, patience, tick, what)
}

// answer sends receipts for readings, of one batch, signed by the key.
func (b *bridge) answer(device name.Name, stream name.Name, key cose.Signer, readings ...[]byte) {
	b.t.Helper()
	b.send(device, receipts(b.t, stream, key, ledgerTime, readings...))
}

func (b *bridge) send(device name.Name, payload []byte) {
	b.t.Helper()
	tok := b.client.Publish(mqtt.ReceiptsTopic(device), 1, false, payload)
	require.True(b.t, tok.WaitTimeout(patience))
	require.NoError(b.t, tok.Error())
}

// receipts makes one message of receipts for an anchor of a time.
func receipts(t *testing.T, stream name.Name, key cose.Signer, at int64, readings ...[]byte) []byte {
	t.Helper()
	leaves := make([]merkle.Hash, len(readings))
	for i, r := range readings {
		leaves[i] = merkle.LeafHash(r)
	}
	tree := merkle.New(leaves)
	signed, err := receipt.Sign(key, tree.Root(), receipt.Claims{
		Stream: stream, Ledger: "c/cc", Number: 1, Anchor: sha256.Sum256(nil), LedgerTime: at,
	})
	require.NoError(t, err)
	var entries []receipt.Entry
	for i, r := range readings {
		path, err := tree.Inclusion(uint64(i))
		require.NoError(t, err)
		parsed, err := reading.Parse(r)
		require.NoError(t, err)
		entries = append(entries, receipt.Entry{Sequence: parsed.Claims().Sequence, Receipt: signed.Receipt(tree.Size(), uint64(i), path)})
	}
	data, err := receipt.EncodeBatch(entries)
	require.NoError(t, err)
	return data
}

func config(t *testing.T, url string, o *device.Outbox) device.Config {
	t.Helper()
	return device.Config{
		Device: d, Signer: signer(t, 1), Broker: device.Broker{URL: url}, Outbox: o, Logger: quiet,
		Streams: pinned(record.Stream{
			Owner: s.Owner, ID: s.ID, Keys: []record.Key{streamKey(signer(t, 99).Key())}, Opened: record.Moment{Time: 1},
		}),
	}
}

// pinned takes receipts of one stream.
func pinned(r record.Stream) device.Streams {
	return func(stream name.Name) (record.Stream, bool) { return r, stream == r.Name() }
}

// streamKey is the record of a key that is open.
func streamKey(key cose.Key) record.Key {
	return record.Key{ID: key.ID().String(), Algorithm: key.Algorithm().String(), Public: key.Text(), From: record.Moment{Time: 1}}
}

func connect(t *testing.T, cfg device.Config) *device.Device {
	t.Helper()
	connected, err := device.Connect(cfg)
	require.NoError(t, err)
	t.Cleanup(connected.Close)
	return connected
}

func payload(i int) device.Payload {
	return device.Payload{ContentType: reading.SenMLJSON, Data: fmt.Append(nil, "[", i, "]"), Time: time.UnixMilli(int64(1000 + i))}
}

func newOutbox(t *testing.T) *device.Outbox {
	t.Helper()
	o := outbox(t, filepath.Join(t.TempDir(), "outbox.db"))
	t.Cleanup(func() { require.NoError(t, o.Close()) })
	return o
}
