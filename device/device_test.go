// SPDX-License-Identifier: Apache-2.0

package device_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

func TestAReadingArrivesAndItsReceiptEndsTheWait(t *testing.T) {
	b := startBroker(t, t.TempDir(), "127.0.0.1:0")
	defer b.Close()
	far, box := newBridge(t, b.URL()), newOutbox(t)
	cfg := config(t, b.URL(), box)
	verified := make(chan device.Verified, 10)
	cfg.OnReceipt = func(v device.Verified) { verified <- v }
	dev := connect(t, cfg)
	queued, err := dev.Publish(t.Context(), payload(1), payload(2))
	require.NoError(t, err)
	require.EqualValues(t, 1, queued[0].Sequence)
	far.await("both arrive", func() bool { return far.times(1) > 0 && far.times(2) > 0 })
	tally, err := box.Tally(d)
	require.NoError(t, err)
	require.Equal(t, device.Tally{Signed: 2, Published: 2}, tally)
	far.answer(d, s, far.key, queued[0].Reading, queued[1].Reading)
	require.NoError(t, dev.Drain(t.Context()))
	require.Equal(t, queued[0].Reading, (<-verified).Reading)
	require.EqualValues(t, 2, (<-verified).Sequence)
	far.answer(d, s, far.key, queued[0].Reading, queued[1].Reading)
	tally, err = box.Tally(d)
	require.NoError(t, err)
	require.Equal(t, device.Tally{Signed: 2, Published: 2, Verified: 2}, tally, "a receipt counts once")
}

func TestAReceiptThatDoesNotProveTheReadingIsRefused(t *testing.T) {
	b := startBroker(t, t.TempDir(), "127.0.0.1:0")
	defer b.Close()
	far, box := newBridge(t, b.URL()), newOutbox(t)
	cfg := config(t, b.URL(), box)
	var mu sync.Mutex
	var log bytes.Buffer
	said := func() string { mu.Lock(); defer mu.Unlock(); return log.String() }
	cfg.Logger = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
	dev := connect(t, cfg)
	queued, err := dev.Publish(t.Context(), payload(1), payload(2))
	require.NoError(t, err)
	one, two := queued[0].Reading, queued[1].Reading
	for title, c := range map[string]struct {
		payload []byte
		want    string
	}{
		"forged signature": {receipts(t, s, signer(t, 98), ledgerTime, one), "does not speak for its stream: key"},
		"unpinned stream":  {receipts(t, name.New("Org2MSP", "s"), far.key, ledgerTime, one), "receipts of this stream are not taken: Org2MSP/s"},
		"garbage":          {[]byte("garbage"), "receipt refused"},
		"changed byte":     {flipped(receipts(t, s, far.key, ledgerTime, one)), "receipt refused"},
	} {
		before := strings.Count(said(), "receipt refused")
		far.send(d, c.payload)
		far.await(title, func() bool { return strings.Count(said(), "receipt refused") > before })
		require.Contains(t, said(), c.want, title)
	}
	tally, err := box.Tally(d)
	require.NoError(t, err)
	require.Zero(t, tally.Verified)
	far.answer(d, s, far.key, one, two)
	require.NoError(t, dev.Drain(t.Context()))
}

// A key file that outlived its key is the worst case for a device: whoever has it signs whatever they
// like and claims a time at which the key was good.
func TestAReceiptIsTakenOnlyFromAKeyThatSpokeForTheStreamThen(t *testing.T) {
	const until, day = ledgerTime + 1000, int64(standing.Grace / time.Millisecond)
	retired, current := signer(t, 98), signer(t, 99)
	ended := func(change func(k *record.Key)) record.Stream {
		k := streamKey(retired.Key())
		k.Until = &record.Moment{Time: until}
		change(&k)
		next := streamKey(current.Key())
		next.From = *k.Until
		return record.Stream{Owner: s.Owner, ID: s.ID, Keys: []record.Key{k, next}, Opened: record.Moment{Time: 1}}
	}
	replaced := ended(func(*record.Key) {})
	stolen := ended(func(k *record.Key) { k.Reason = "stolen" })
	compromised := ended(func(k *record.Key) { k.Reason, k.CompromisedSince = "stolen", ledgerTime })
	unreadable := ended(func(k *record.Key) { k.Public = "AAAA" })
	another := replaced
	another.ID = "t"
	for title, c := range map[string]struct {
		stream record.Stream
		key    cose.Signer
		at     int64
		want   string // empty: it is taken
	}{
		"the current key":                          {replaced, current, until + 1, ""},
		"the key before, for its own time":         {replaced, retired, ledgerTime, ""},
		"the key before, within its grace":         {replaced, retired, until + day - 1, ""},
		"the key before, after its grace":          {replaced, retired, until + day, "ended at"},
		"a stolen key, after it was replaced":      {stolen, retired, until, "was replaced at"},
		"a stolen key that claims an earlier time": {stolen, retired, ledgerTime - 1, "was replaced for this reason: stolen"},
		"a stolen key, since it was compromised":   {compromised, retired, ledgerTime, "Org1MSP disowned it: stolen"},
		"the key after a stolen one":               {stolen, current, until, ""},
		"a time before the stream":                 {replaced, current, 0, "was opened at"},
		"a key that cannot be read":                {unreadable, retired, ledgerTime, "does not speak for its stream"},
		"the record of another stream":             {another, current, until, "not taken"},
	} {
		t.Run(title, func(t *testing.T) {
			b := startBroker(t, t.TempDir(), "127.0.0.1:0")
			defer b.Close()
			far, box := newBridge(t, b.URL()), newOutbox(t)
			cfg := config(t, b.URL(), box)
			cfg.Streams = func(name.Name) (record.Stream, bool) { return c.stream, true }
			var mu sync.Mutex
			var log bytes.Buffer
			said := func() string { mu.Lock(); defer mu.Unlock(); return log.String() }
			cfg.Logger = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
			dev := connect(t, cfg)
			queued, err := dev.Publish(t.Context(), payload(1))
			require.NoError(t, err)
			far.send(d, receipts(t, s, c.key, c.at, queued[0].Reading))
			if c.want == "" {
				require.NoError(t, dev.Drain(t.Context()))
				return
			}
			far.await(title, func() bool { return strings.Contains(said(), "receipt refused") })
			require.Contains(t, said(), c.want)
			_, waiting, err := box.Queued(d, 1)
			require.NoError(t, err)
			require.True(t, waiting)
		})
	}
}

func TestASilentDeviceSignsHeartbeatsAndABusyOneDoesNot(t *testing.T) {
	b := startBroker(t, t.TempDir(), "127.0.0.1:0")
	defer b.Close()
	far, box := newBridge(t, b.URL()), newOutbox(t)
	cfg := config(t, b.URL(), box)
	cfg.Heartbeat = 20 * time.Millisecond
	connect(t, cfg)
	far.await("heartbeats arrive", func() bool { return far.times(1) > 0 && far.times(2) > 0 })
	r, err := reading.Parse(far.bytes(1))
	require.NoError(t, err)
	require.NoError(t, r.Verify(cfg.Signer.Key()))
	require.Equal(t, reading.Heartbeat, r.ContentType())
	require.Empty(t, r.Payload())
	require.Equal(t, d, r.Claims().Device)

	busy := config(t, b.URL(), newOutbox(t))
	busy.Device, busy.Heartbeat = name.New("Org1MSP", "busy"), time.Hour
	dev := connect(t, busy)
	queued, err := dev.Publish(t.Context(), payload(1))
	require.NoError(t, err)
	far.answer(busy.Device, s, far.key, queued[0].Reading)
	require.NoError(t, dev.Drain(t.Context()))
	tally, err := busy.Outbox.Tally(busy.Device)
	require.NoError(t, err)
	require.EqualValues(t, 1, tally.Signed)
}

func TestHeartbeatsAreSignedWhileTheBrokerIsAway(t *testing.T) {
	box, dir := newOutbox(t), t.TempDir()
	b := startBroker(t, dir, "127.0.0.1:0")
	url := b.URL()
	require.NoError(t, b.Close())
	cfg := config(t, url, box)
	cfg.Heartbeat = 5 * time.Millisecond
	dev := connect(t, cfg)
	require.Eventually(t, func() bool {
		tally, err := box.Tally(d)
		return err == nil && tally.Signed >= 3
	}, patience, tick)
	dev.Close()
	b = startBroker(t, dir, strings.TrimPrefix(url, "tcp://"))
	defer b.Close()
	far := newBridge(t, url)
	cfg.Heartbeat = 0
	connect(t, cfg)
	far.await("they are sent later", func() bool { return far.times(1) > 0 && far.times(2) > 0 && far.times(3) > 0 })
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func flipped(data []byte) []byte {
	out := bytes.Clone(data)
	out[len(out)-1] ^= 1 // in the signature
	return out
}

func TestAReadingWithoutAReceiptIsSentAgain(t *testing.T) {
	b := startBroker(t, t.TempDir(), "127.0.0.1:0")
	defer b.Close()
	far, box := newBridge(t, b.URL()), newOutbox(t)
	cfg := config(t, b.URL(), box)
	cfg.ReceiptTimeout = time.Millisecond
	dev := connect(t, cfg)
	queued, err := dev.Publish(t.Context(), payload(1))
	require.NoError(t, err)
	far.await("it is sent again", func() bool { return far.times(1) >= 2 })
	far.answer(d, s, far.key, queued[0].Reading)
	require.NoError(t, dev.Drain(t.Context()))
}

func TestPublishOutlivesABrokerThatRestarts(t *testing.T) {
	dir := t.TempDir()
	b := startBroker(t, dir, "127.0.0.1:0")
	url := b.URL()
	box := newOutbox(t)
	dev := connect(t, config(t, url, box))
	_, err := dev.Publish(t.Context(), payload(1))
	require.NoError(t, err)
	require.NoError(t, b.Close())

	published := make(chan error, 1)
	go func() {
		_, err := dev.Publish(context.Background(), payload(2), payload(3))
		published <- err
	}()
	require.Eventually(t, func() bool {
		tally, err := box.Tally(d)
		return err == nil && tally.Signed == 3
	}, patience, tick)
	b = startBroker(t, dir, strings.TrimPrefix(url, "tcp://"))
	defer func() { require.NoError(t, b.Close()) }()
	require.NoError(t, <-published)
	far := newBridge(t, url)
	far.await("all arrive", func() bool { return far.times(1) > 0 && far.times(2) > 0 && far.times(3) > 0 })
}

func TestWhatWasNeverAcknowledgedIsSentByTheNextRun(t *testing.T) {
	box := newOutbox(t)
	dir := t.TempDir()
	b := startBroker(t, dir, "127.0.0.1:0")
	url := b.URL()
	require.NoError(t, b.Close())
	for _, receiptsWanted := range []bool{true, false} {
		cfg := config(t, url, box)
		if !receiptsWanted {
			cfg.Streams = nil
		}
		dev := connect(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := dev.Publish(ctx, payload(1))
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		dev.Close()
	}
	b = startBroker(t, dir, strings.TrimPrefix(url, "tcp://"))
	defer b.Close()
	far := newBridge(t, url)
	cfg := config(t, url, box)
	cfg.Streams = nil
	dev := connect(t, cfg)
	require.NoError(t, dev.Drain(t.Context()), "without receipts the broker's word is the end")
	far.await("both arrive", func() bool { return far.times(1) > 0 && far.times(2) > 0 })
	tally, err := box.Tally(d)
	require.NoError(t, err)
	require.Equal(t, device.Tally{Signed: 2, Published: 2}, tally)
}

func TestWhatAPublisherGaveUpIsSentInTheSameRun(t *testing.T) {
	box, dir := newOutbox(t), t.TempDir()
	b := startBroker(t, dir, "127.0.0.1:0")
	url := b.URL()
	require.NoError(t, b.Close())
	cfg := config(t, url, box)
	cfg.Streams = nil
	dev := connect(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := dev.Publish(ctx, payload(1))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	b = startBroker(t, dir, strings.TrimPrefix(url, "tcp://"))
	defer b.Close()
	limit, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	require.NoError(t, dev.Drain(limit))
}

func TestALongBacklogIsSentToItsEnd(t *testing.T) {
	box := newOutbox(t)
	const n = 1300 // more than are sent again at once
	_, err := box.Put(d, n, func(i int, seq uint64) ([]byte, error) { return signed(t, seq, i) })
	require.NoError(t, err)
	b := startBroker(t, t.TempDir(), "127.0.0.1:0")
	defer b.Close()
	far := newBridge(t, b.URL())
	connect(t, config(t, b.URL(), box)) // which waits for receipts that never come
	far.await("all arrive", func() bool {
		far.mu.Lock()
		defer far.mu.Unlock()
		return len(far.got) == n
	})
}

func TestAClosedDeviceSaysSo(t *testing.T) {
	b := startBroker(t, t.TempDir(), "127.0.0.1:0")
	defer b.Close()
	box := newOutbox(t)
	dev := connect(t, config(t, b.URL(), box))
	waits := make(chan error, 1)
	_, err := dev.Publish(t.Context(), payload(1))
	require.NoError(t, err)
	go func() { waits <- dev.Drain(context.Background()) }()
	dev.Close()
	require.ErrorIs(t, <-waits, device.ErrClosed)
	_, err = dev.Publish(t.Context(), payload(2))
	require.ErrorIs(t, err, device.ErrClosed)
	tally, err := box.Tally(d)
	require.NoError(t, err)
	require.EqualValues(t, 2, tally.Signed, "stored, and sent by the next run")
}

func TestADeviceThatCannotBeIsRefused(t *testing.T) {
	_, err := device.Connect(device.Config{Device: name.New("Org1MSP", "a/b"), Broker: device.Broker{URL: "tcp://127.0.0.1:1"}})
	require.ErrorContains(t, err, `"a/b"`)
	_, err = device.Connect(device.Config{Device: d, Broker: device.Broker{URL: "x"}})
	require.Error(t, err)
	_, err = device.OpenOutbox(filepath.Join(t.TempDir(), "missing", "outbox.db"))
	require.Error(t, err)
}
