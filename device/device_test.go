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

	"github.com/anchorline/anchorline/device"
)

func TestAReadingArrivesAndItsReceiptEndsTheWait(t *testing.T) {
	b := startBroker(t, t.TempDir(), "127.0.0.1:0")
	defer b.Close()
	far, box := newBridge(t, b.URL()), newOutbox(t)
	cfg := config(t, b.URL(), box)
	verified := make(chan device.Verified, 10)
	cfg.OnReceipt = func(v device.Verified) { verified <- v }
	d := connect(t, cfg)
	parcels, err := d.Publish(t.Context(), payload(1), payload(2))
	require.NoError(t, err)
	require.EqualValues(t, 1, parcels[0].Sequence)
	far.await("both arrive", func() bool { return far.times(1) > 0 && far.times(2) > 0 })
	tally, err := box.Tally("d")
	require.NoError(t, err)
	require.Equal(t, device.Tally{Signed: 2, Published: 2}, tally)
	far.answer("d", "s", far.key, parcels[0].Reading, parcels[1].Reading)
	require.NoError(t, d.Drain(t.Context()))
	require.Equal(t, parcels[0].Reading, (<-verified).Reading)
	require.EqualValues(t, 2, (<-verified).Sequence)
	far.answer("d", "s", far.key, parcels[0].Reading, parcels[1].Reading)
	tally, err = box.Tally("d")
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
	d := connect(t, cfg)
	parcels, err := d.Publish(t.Context(), payload(1), payload(2))
	require.NoError(t, err)
	one, two := parcels[0].Reading, parcels[1].Reading
	for name, c := range map[string]struct {
		payload []byte
		want    string
	}{
		"forged signature": {receipts(t, "s", signer(t, 98), one), "no key is pinned"},
		"unpinned stream":  {receipts(t, "other", far.key, one), "no key is pinned for this stream: other"},
		"garbage":          {[]byte("garbage"), "receipt refused"},
		"changed byte":     {flipped(receipts(t, "s", far.key, one)), "receipt refused"},
	} {
		before := strings.Count(said(), "receipt refused")
		far.send("d", c.payload)
		far.await(name, func() bool { return strings.Count(said(), "receipt refused") > before })
		require.Contains(t, said(), c.want, name)
	}
	tally, err := box.Tally("d")
	require.NoError(t, err)
	require.Zero(t, tally.Verified)
	far.answer("d", "s", far.key, one, two)
	require.NoError(t, d.Drain(t.Context()))
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
	d := connect(t, cfg)
	parcels, err := d.Publish(t.Context(), payload(1))
	require.NoError(t, err)
	far.await("it is sent again", func() bool { return far.times(1) >= 2 })
	far.answer("d", "s", far.key, parcels[0].Reading)
	require.NoError(t, d.Drain(t.Context()))
}

func TestPublishOutlivesABrokerThatRestarts(t *testing.T) {
	dir := t.TempDir()
	b := startBroker(t, dir, "127.0.0.1:0")
	url := b.URL()
	box := newOutbox(t)
	d := connect(t, config(t, url, box))
	_, err := d.Publish(t.Context(), payload(1))
	require.NoError(t, err)
	require.NoError(t, b.Close())

	published := make(chan error, 1)
	go func() {
		_, err := d.Publish(context.Background(), payload(2), payload(3))
		published <- err
	}()
	require.Eventually(t, func() bool {
		tally, err := box.Tally("d")
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
			cfg.StreamKeys = nil
		}
		d := connect(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := d.Publish(ctx, payload(1))
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		d.Close()
	}
	b = startBroker(t, dir, strings.TrimPrefix(url, "tcp://"))
	defer b.Close()
	far := newBridge(t, url)
	cfg := config(t, url, box)
	cfg.StreamKeys = nil
	d := connect(t, cfg)
	require.NoError(t, d.Drain(t.Context()), "without receipts the broker's word is the end")
	far.await("both arrive", func() bool { return far.times(1) > 0 && far.times(2) > 0 })
	tally, err := box.Tally("d")
	require.NoError(t, err)
	require.Equal(t, device.Tally{Signed: 2, Published: 2}, tally)
}

func TestWhatAPublisherGaveUpIsSentInTheSameRun(t *testing.T) {
	box, dir := newOutbox(t), t.TempDir()
	b := startBroker(t, dir, "127.0.0.1:0")
	url := b.URL()
	require.NoError(t, b.Close())
	cfg := config(t, url, box)
	cfg.StreamKeys = nil
	d := connect(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := d.Publish(ctx, payload(1))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	b = startBroker(t, dir, strings.TrimPrefix(url, "tcp://"))
	defer b.Close()
	limit, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	require.NoError(t, d.Drain(limit))
}

func TestALongBacklogIsSentToItsEnd(t *testing.T) {
	box := newOutbox(t)
	const n = 1300 // more than are sent again at once
	_, err := box.Put("d", n, func(i int, seq uint64) ([]byte, error) { return signed(t, seq, i) })
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
	d := connect(t, config(t, b.URL(), box))
	waits := make(chan error, 1)
	_, err := d.Publish(t.Context(), payload(1))
	require.NoError(t, err)
	go func() { waits <- d.Drain(context.Background()) }()
	d.Close()
	require.ErrorIs(t, <-waits, device.ErrClosed)
	_, err = d.Publish(t.Context(), payload(2))
	require.ErrorIs(t, err, device.ErrClosed)
	tally, err := box.Tally("d")
	require.NoError(t, err)
	require.EqualValues(t, 2, tally.Signed, "stored, and sent by the next run")
}

func TestADeviceThatCannotBeIsRefused(t *testing.T) {
	_, err := device.Connect(device.Config{ID: "a/b", Broker: device.Broker{URL: "tcp://127.0.0.1:1"}})
	require.ErrorContains(t, err, `"a/b"`)
	_, err = device.Connect(device.Config{ID: "d", Broker: device.Broker{URL: "x"}})
	require.Error(t, err)
	_, err = device.OpenOutbox(filepath.Join(t.TempDir(), "missing", "outbox.db"))
	require.Error(t, err)
}
