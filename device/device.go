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
	line   *mqtt.Line
	ctx    context.Context
	cancel context.CancelCauseFunc
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
	if _, err := cfg.Broker.Options(clientID(cfg.ID)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	d := &Device{
		cfg: cfg, line: mqtt.NewLine(), ctx: ctx, cancel: cancel,
		sentAt: map[uint64]time.Time{}, settled: make(chan struct{}),
	}
	receipts := make(chan paho.Message, 256)
	d.tasks.Go(func() { d.stayConnected(receipts) })
	d.tasks.Go(func() { d.verifyReceipts(receipts) })
	d.tasks.Go(d.sendAgain)
	return d, nil
}

func clientID(device string) string { return "anchorline-device-" + device }

// stayConnected opens one connection after another.
func (d *Device) stayConnected(receipts chan<- paho.Message) {
	for d.ctx.Err() == nil {
		conn, err := mqtt.Dial(d.ctx, d.cfg.Broker, clientID(d.cfg.ID), func(m paho.Message) { d.take(receipts, m) }, d.cfg.Logger)
		if err != nil {
			if d.ctx.Err() == nil {
				d.cfg.Logger.Error("the device cannot connect", "device", d.cfg.ID, "error", err)
				sleep(d.ctx, connectPause)
			}
			continue
		}
		d.subscribe(conn)
		d.line.Set(conn)
		select {
		case <-conn.Done():
			d.cfg.Logger.Warn("connection lost; connecting again", "device", d.cfg.ID, "error", conn.Err())
		case <-d.ctx.Done():
		}
		d.line.Drop(conn)
		conn.Close()
	}
}

// connectPause follows a fault that is not the broker's, such as a CA file that is gone.
const connectPause = 10 * time.Second

func sleep(ctx context.Context, t time.Duration) {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Close ends the session. What waits in the outbox is sent when the device connects again.
func (d *Device) Close() {
	d.cancel(ErrClosed)
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

// send publishes parcels until the broker has acknowledged every one, over as many connections as
// that takes. Those that it gives up count as not sent.
func (d *Device) send(ctx context.Context, parcels []Parcel) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(d.ctx, func() { cancel(ErrClosed) })()
	for len(parcels) > 0 {
		conn, err := d.line.Wait(ctx)
		if err == nil {
			parcels, err = d.sendOver(ctx, conn, parcels)
		}
		if err != nil {
			d.noteUnsent(parcels)
			return fmt.Errorf("device: publish %d readings of %s: %w", len(parcels), d.cfg.ID, err)
		}
	}
	return nil
}

// sendOver publishes parcels over one connection, all in flight at once, and returns those that
// were not acknowledged.
func (d *Device) sendOver(ctx context.Context, conn *mqtt.Conn, parcels []Parcel) ([]Parcel, error) {
	topic := mqtt.ReadingsTopic(d.cfg.ID)
	acknowledged := make([]func(context.Context) error, len(parcels))
	for i, p := range parcels {
		acknowledged[i] = conn.Publish(topic, p.Reading)
	}
	var left []Parcel
	var done []uint64
	for i, p := range parcels {
		if err := acknowledged[i](ctx); err != nil {
			left = append(left, p)
		} else {
			done = append(done, p.Sequence)
		}
	}
	if err := d.published(done); err != nil {
		return left, err
	}
	if ctx.Err() != nil && len(left) > 0 {
		return left, context.Cause(ctx)
	}
	if len(left) > 0 { // whatever the reason, another connection is needed
		d.line.Drop(conn)
		conn.Close()
	}
	return left, nil
}

// published notes acknowledgements; a reading whose receipt nobody waits for has arrived.
func (d *Device) published(sequences []uint64) error {
	if d.cfg.StreamKeys != nil {
		return d.cfg.Outbox.Published(d.cfg.ID, sequences...)
	}
	if err := d.cfg.Outbox.Release(d.cfg.ID, sequences...); err != nil {
		return err
	}
	d.forget(sequences)
	return nil
}

// forget ends the wait for readings.
func (d *Device) forget(sequences []uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, seq := range sequences {
		delete(d.sentAt, seq)
	}
	close(d.settled)
	d.settled = make(chan struct{})
}

func (d *Device) noteUnsent(parcels []Parcel) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range parcels {
		delete(d.sentAt, p.Sequence)
	}
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
		if !d.line.Up() {
			continue
		}
		due, err := d.due()
		if err != nil {
			d.cfg.Logger.Error("outbox cannot be read", "device", d.cfg.ID, "error", err)
			continue
		}
		if err := d.send(d.ctx, due); err != nil && d.ctx.Err() == nil {
			d.cfg.Logger.Warn("readings not acknowledged yet; they will be sent again", "device", d.cfg.ID, "readings", len(due), "error", err)
		}
	}
}

// due returns readings left over from an earlier run that the broker never acknowledged, and
// those whose receipt is overdue, and counts them as sent now.
func (d *Device) due() ([]Parcel, error) {
	now := time.Now()
	d.storing.Lock()
	defer d.storing.Unlock()
	due, err := d.cfg.Outbox.Waiting(d.cfg.ID, resendLimit, func(seq uint64, published bool) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		at, sent := d.sentAt[seq]
		if sent {
			return d.cfg.StreamKeys != nil && now.Sub(at) > d.cfg.ReceiptTimeout
		}
		if published && d.cfg.StreamKeys != nil {
			d.sentAt[seq] = now // sent by an earlier run; its receipt may be under way
			return false
		}
		return true
	})
	d.noteSent(due)
	return due, err
}
