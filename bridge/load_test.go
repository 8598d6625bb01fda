// SPDX-License-Identifier: Apache-2.0

package bridge_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/verify"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// flood publishes readings of devices that nobody registered, 500 a second, until ctx ends. Each has another
// id. More would measure how the test and its bridge share the processor.
func (w *world) flood(ctx context.Context, sent *atomic.Int64) {
	w.t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(w.t, err)
	signer, err := cose.NewSigner(private)
	require.NoError(w.t, err)
	conn, err := mqtt.Dial(ctx, w.cfg.Broker, "flood", nil, quiet)
	require.NoError(w.t, err)
	defer conn.Close()
	waits, pace := make(chan func(context.Context) error, 500), rate.NewLimiter(500, 50)
	go func() {
		defer close(waits)
		for i := 0; pace.Wait(ctx) == nil; i++ {
			id := name.New("Org1MSP", fmt.Sprint("made-up-", i))
			data, err := reading.Sign(signer, reading.Claims{Device: id, Sequence: 1, Time: 1}, reading.SenMLJSON, []byte("[]"))
			if err != nil {
				return
			}
			waits <- conn.Publish(mqtt.ReadingsTopic(id), data)
		}
	}()
	for acknowledged := range waits {
		if acknowledged(ctx) == nil {
			sent.Add(1)
		}
	}
}

func TestAFloodOfUnknownDevicesDoesNotHoldUpTheKnown(t *testing.T) {
	w := newWorld(t)
	b, stop := w.start()
	dev, _ := w.device("d", b.Key(), outbox(t))
	warm := func() {
		_, err := dev.Publish(t.Context(), payloads(1)...)
		require.NoError(t, err)
		require.NoError(t, dev.Drain(t.Context()))
	}
	warm()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sent atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.flood(ctx, &sent)
	}()
	w.await(b, "the flood is under way", func(s bridge.Status) bool { return s.Quarantined[verify.ReasonUnknownDevice] > 1000 })
	began := time.Now()
	const n = 500
	for range n / 10 {
		_, err := dev.Publish(t.Context(), payloads(10)...)
		require.NoError(t, err)
	}
	require.NoError(t, dev.Drain(t.Context()))
	elapsed := time.Since(began)
	require.NoError(t, ctx.Err(), "the flood went on meanwhile")
	cancel()
	<-ended
	s, err := b.Status()
	require.NoError(t, err)
	require.True(t, s.Balance())
	require.EqualValues(t, 1+n, s.Accepted)
	require.NoError(t, stop())
	t.Logf("%d readings with their receipts in %s, beside %d messages of unknown devices", n, elapsed, sent.Load())
	require.Less(t, elapsed, patience)
}

func TestMemoryIsBoundedWhateverWaits(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: 120 MB of readings take a while")
	}
	w := newWorld(t)
	w.cfg.Linger, w.cfg.MaxBatchBytes = time.Second, 8<<20
	b, stop := w.start()
	dev, _ := w.device("d", b.Key(), outbox(t))
	large := make([]device.Payload, 20)
	for i := range large {
		large[i] = device.Payload{ContentType: reading.SenMLJSON, Data: make([]byte, 60_000)}
	}
	var peak uint64
	done, measured := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(measured)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	const rounds = 100
	for range rounds {
		_, err := dev.Publish(t.Context(), large...)
		require.NoError(t, err)
	}
	require.NoError(t, dev.Drain(t.Context()))
	close(done)
	<-measured
	s, err := b.Status()
	require.NoError(t, err)
	require.EqualValues(t, rounds*len(large), s.Accepted)
	require.NoError(t, stop())
	t.Logf("%d readings of 60 kB in %d batches: peak heap %d MiB, with network, broker and device in the process", s.Accepted, s.Batches, peak>>20)
	require.Greater(t, s.Batches, uint64(14), "batches are bounded in bytes")
}
