// SPDX-License-Identifier: Apache-2.0

// Package device is what a device maker imports: it signs readings, publishes them, and verifies
// the receipts that come back.
//
// In come payloads, out go readings over MQTT QoS 1. A reading is stored before it is sent and
// stays stored until its receipt was verified, so it survives a crash of the device, a broker
// that loses messages, and a bridge that is away: it is sent again when nobody acknowledged it,
// and when no receipt came in time. Sent twice, it counts once.
package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
)

// Broker says how to reach the MQTT broker.
type Broker = mqtt.Broker

// A Payload is what a reading carries.
type Payload struct {
	ContentType reading.ContentType
	Data        []byte
	Time        time.Time // of the device's clock; zero is now
}

// StreamKeys returns the pinned keys of a stream: those that may have signed its receipts.
type StreamKeys func(stream string) []cose.Key

// Config describes one device.
type Config struct {
	ID             string
	Signer         cose.Signer
	Broker         Broker
	Outbox         *Outbox
	StreamKeys     StreamKeys    // nil: receipts are not waited for
	ReceiptTimeout time.Duration // how long to wait for a receipt before sending a reading again
	OnReceipt      func(Verified)
	Logger         *slog.Logger
}

// DefaultReceiptTimeout is some twenty times what a healthy bridge and ledger take.
const DefaultReceiptTimeout = 30 * time.Second

// A Device publishes under one id. Its methods may be called concurrently.
type Device struct {
	cfg    Config
	client paho.Client
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	// storing is held for reading from when a reading is stored until it is noted as sent, so
	// that sendAgain does not take it for one left over.
	storing sync.RWMutex
	mu      sync.Mutex
	sentAt  map[uint64]time.Time // readings sent and not yet verified
	settled chan struct{}        // closed and replaced when a reading is verified
}

// Connect opens a device's session. The broker may be away: it is tried again until Close.
func Connect(cfg Config) (*Device, error) {
	if !reading.ValidName(cfg.ID) {
		return nil, fmt.Errorf("device: id %q: want 1 to 64 of A-Z a-z 0-9 . _ : - and a letter or digit first", cfg.ID)
	}
	if cfg.ReceiptTimeout <= 0 {
		cfg.ReceiptTimeout = DefaultReceiptTimeout
	}
	o, err := cfg.Broker.Options("anchorline-device-" + cfg.ID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &Device{
		cfg: cfg, ctx: ctx, cancel: cancel,
		sentAt: map[uint64]time.Time{}, settled: make(chan struct{}),
	}
	receipts := make(chan []byte, 256)
	o.SetOrderMatters(true).SetAutoAckDisabled(true).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { d.take(receipts, m) }).
		SetOnConnectHandler(func(c paho.Client) { d.connected(c) })
	d.client = paho.NewClient(o)
	d.tasks.Go(func() { d.verifyReceipts(receipts) })
	d.tasks.Go(d.sendAgain)
	d.client.Connect()
	return d, nil
}

// Close ends the session. What waits in the outbox is sent when the device connects again.
func (d *Device) Close() {
	d.cancel()
	d.client.Disconnect(100)
	d.tasks.Wait()
}

// ErrClosed is returned by calls of a closed device.
var ErrClosed = errors.New("device: closed")

// Publish signs payloads as the next readings, stores them, sends them, and returns when the
// broker acknowledged all. After an error they are in the outbox, if they were signed at all,
// and will be sent again.
func (d *Device) Publish(ctx context.Context, payloads ...Payload) ([]Parcel, error) {
	d.storing.RLock()
	parcels, err := d.cfg.Outbox.Put(d.cfg.ID, len(payloads), func(i int, seq uint64) ([]byte, error) {
		p := payloads[i]
		if p.Time.IsZero() {
			p.Time = time.Now()
		}
		return reading.Sign(d.cfg.Signer, reading.Claims{
			Device: d.cfg.ID, Subject: d.cfg.ID, Sequence: seq, Time: p.Time.UnixMilli(),
		}, p.ContentType, p.Data)
	})
	d.noteSent(parcels)
	d.storing.RUnlock()
	if err != nil {
		return nil, err
	}
	return parcels, d.send(ctx, parcels)
}

func (d *Device) noteSent(parcels []Parcel) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range parcels {
		d.sentAt[p.Sequence] = now
	}
}

// send publishes parcels, all in flight at once, and waits for every acknowledgement.
func (d *Device) send(ctx context.Context, parcels []Parcel) error {
	tokens := make([]paho.Token, len(parcels))
	for i, p := range parcels {
		tokens[i] = d.client.Publish(mqtt.ReadingsTopic(d.cfg.ID), 1, false, p.Reading)
	}
	acknowledged := make([]uint64, 0, len(parcels))
	var failed error
	for i, t := range tokens {
		select {
		case <-t.Done():
			if err := t.Error(); err != nil {
				failed = fmt.Errorf("device: publish reading %d of %s: %w", parcels[i].Sequence, d.cfg.ID, err)
				continue
			}
			acknowledged = append(acknowledged, parcels[i].Sequence)
		case <-ctx.Done():
			failed = ctx.Err()
		case <-d.ctx.Done():
			failed = ErrClosed
		}
	}
	return errors.Join(failed, d.cfg.Outbox.Published(d.cfg.ID, acknowledged...))
}

// resendLimit bounds the readings that are sent again at once.
const resendLimit = 512

// sendAgain looks, now and then, for readings that nobody acknowledged or proved in time.
func (d *Device) sendAgain() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-t.C:
		}
		if !d.client.IsConnectionOpen() {
			continue
		}
		due, err := d.due()
		if err != nil {
			d.cfg.Logger.Error("outbox cannot be read", "device", d.cfg.ID, "error", err)
			continue
		}
		if len(due) == 0 {
			continue
		}
		d.noteSent(due)
		if err := d.send(d.ctx, due); err != nil && d.ctx.Err() == nil {
			d.cfg.Logger.Warn("readings not acknowledged yet; they will be sent again", "device", d.cfg.ID, "readings", len(due), "error", err)
		}
	}
}

// due returns readings left over from an earlier run that the broker never acknowledged, and
// those whose receipt is overdue.
func (d *Device) due() ([]Parcel, error) {
	d.storing.Lock()
	waiting, err := d.cfg.Outbox.Waiting(d.cfg.ID, resendLimit)
	d.storing.Unlock()
	if err != nil {
		return nil, err
	}
	var due []Parcel
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range waiting {
		at, sent := d.sentAt[p.Sequence]
		if !sent && p.Published {
			d.sentAt[p.Sequence] = time.Now() // sent by an earlier run; its receipt may be under way
			continue
		}
		if !sent || (time.Since(at) > d.cfg.ReceiptTimeout && d.cfg.StreamKeys != nil) {
			due = append(due, p)
		}
	}
	return due, nil
}
