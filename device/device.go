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

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// Broker says how to reach the MQTT broker.
type Broker = mqtt.Broker

// A Payload is what a reading carries.
type Payload struct {
	ContentType reading.ContentType
	Data        []byte
	Time        time.Time // of the device's clock; zero is now
}

// Streams returns the ledger's record of a stream that the device takes receipts from, with the
// times of its keys, and false for any other stream. It is asked for each receipt: what it returns
// later may be newer.
type Streams func(stream name.Name) (record.Stream, bool)

// Config describes one device.
type Config struct {
	Device         name.Name // the device's name on the ledger
	Signer         cose.Signer
	Broker         Broker
	Outbox         *Outbox
	Streams        Streams       // nil: receipts are not waited for
	ReceiptTimeout time.Duration // how long to wait for a receipt before sending a reading again
	// Heartbeat is the longest time without a reading: after it the device signs an empty one of
	// content type [reading.Heartbeat], so that silence means that it does not work. 0 is never.
	Heartbeat time.Duration
	OnReceipt func(Verified)
	Logger    *slog.Logger
}

// DefaultReceiptTimeout is some twenty times what a healthy bridge and ledger take.
const DefaultReceiptTimeout = 30 * time.Second

// A Device publishes under one name. Its methods may be called concurrently.
type Device struct {
	cfg    Config
	conn   *mqtt.Holder
	ctx    context.Context
	cancel context.CancelCauseFunc
	tasks  sync.WaitGroup

	// storing is held for reading from when a reading is stored until it is noted as sent, so
	// that sendAgain does not take it for one left over.
	storing sync.RWMutex
	mu      sync.Mutex
	sentAt  map[uint64]time.Time // readings sent and not yet verified
	settled chan struct{}        // closed and replaced when a reading is verified
	signed  time.Time            // when the newest reading was, or the session opened
}

// Connect opens a device's session. The broker may be away: it is tried again until Close.
func Connect(cfg Config) (*Device, error) {
	if err := cfg.Device.Validate(); err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	if cfg.ReceiptTimeout <= 0 {
		cfg.ReceiptTimeout = DefaultReceiptTimeout
	}
	if _, err := cfg.Broker.Options(clientID(cfg.Device)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	d := &Device{
		cfg: cfg, conn: mqtt.NewHolder(), ctx: ctx, cancel: cancel,
		sentAt: map[uint64]time.Time{}, settled: make(chan struct{}), signed: time.Now(),
	}
	receipts := make(chan paho.Message, 256)
	d.tasks.Go(func() { d.stayConnected(receipts) })
	d.tasks.Go(func() { d.verifyReceipts(receipts) })
	d.tasks.Go(d.sendAgain)
	if cfg.Heartbeat > 0 {
		d.tasks.Go(d.beat)
	}
	return d, nil
}

// clientID is unique at a broker that several owners share.
func clientID(device name.Name) string { return "anchorline-device-" + device.String() }

// stayConnected opens one connection after another.
func (d *Device) stayConnected(receipts chan<- paho.Message) {
	for d.ctx.Err() == nil {
		conn, err := mqtt.Dial(d.ctx, d.cfg.Broker, clientID(d.cfg.Device), func(m paho.Message) { d.take(receipts, m) }, d.cfg.Logger)
		if err != nil {
			if d.ctx.Err() == nil {
				d.cfg.Logger.Error("the device cannot connect", "device", d.cfg.Device, "error", err)
				sleep(d.ctx, connectPause)
			}
			continue
		}
		d.subscribe(conn)
		d.conn.Set(conn)
		select {
		case <-conn.Done():
			d.cfg.Logger.Warn("connection lost; connecting again", "device", d.cfg.Device, "error", conn.Err())
		case <-d.ctx.Done():
		}
		d.conn.Drop(conn)
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
func (d *Device) Publish(ctx context.Context, payloads ...Payload) ([]Queued, error) {
	d.storing.RLock()
	queued, err := d.store(payloads)
	d.noteSent(queued)
	d.storing.RUnlock()
	if err != nil {
		return nil, err
	}
	return queued, d.send(ctx, queued)
}

// store signs payloads and puts them into the outbox.
func (d *Device) store(payloads []Payload) ([]Queued, error) {
	queued, err := d.cfg.Outbox.Put(d.cfg.Device, len(payloads), func(i int, seq uint64) ([]byte, error) {
		p := payloads[i]
		if p.Time.IsZero() {
			p.Time = time.Now()
		}
		return reading.Sign(d.cfg.Signer, reading.Claims{Device: d.cfg.Device, Sequence: seq, Time: p.Time.UnixMilli()}, p.ContentType, p.Data)
	})
	if err == nil && len(queued) > 0 {
		d.mu.Lock()
		d.signed = time.Now()
		d.mu.Unlock()
	}
	return queued, err
}

func (d *Device) noteSent(queued []Queued) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range queued {
		d.sentAt[p.Sequence] = now
	}
}

// send publishes queued until the broker has acknowledged every one, over as many connections as
// that takes. Those that it gives up count as not sent.
func (d *Device) send(ctx context.Context, queued []Queued) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(d.ctx, func() { cancel(ErrClosed) })()
	for len(queued) > 0 {
		conn, err := d.conn.Wait(ctx)
		if err == nil {
			queued, err = d.sendOver(ctx, conn, queued)
		}
		if err != nil {
			d.noteUnsent(queued)
			return fmt.Errorf("device: publish %d readings of %s: %w", len(queued), d.cfg.Device, err)
		}
	}
	return nil
}

// sendOver publishes queued over one connection, all in flight at once, and returns those that
// were not acknowledged.
func (d *Device) sendOver(ctx context.Context, conn *mqtt.Conn, queued []Queued) ([]Queued, error) {
	topic := mqtt.ReadingsTopic(d.cfg.Device)
	acknowledged := make([]func(context.Context) error, len(queued))
	for i, p := range queued {
		acknowledged[i] = conn.Publish(topic, p.Reading)
	}
	var left []Queued
	var done []uint64
	for i, p := range queued {
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
		d.conn.Drop(conn)
		conn.Close()
	}
	return left, nil
}

// published notes acknowledgements; a reading whose receipt nobody waits for has arrived.
func (d *Device) published(sequences []uint64) error {
	if d.cfg.Streams != nil {
		return d.cfg.Outbox.Published(d.cfg.Device, sequences...)
	}
	if err := d.cfg.Outbox.Release(d.cfg.Device, sequences...); err != nil {
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

func (d *Device) noteUnsent(queued []Queued) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range queued {
		delete(d.sentAt, p.Sequence)
	}
}
