// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"fmt"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading/receipt"
)

// Verified is a reading whose receipt was verified: the stream's key signed the root of a tree
// that the reading is in.
type Verified struct {
	Sequence uint64
	Reading  []byte
	Receipt  *receipt.Receipt
}

// ErrUnpinned is wrapped when a receipt names a stream whose key the device does not know.
var ErrUnpinned = errors.New("device: no key is pinned for this stream")

// subscribe asks for the device's receipts. Without them readings are sent again, so a refusal is
// reported and the device goes on.
func (d *Device) subscribe(conn *mqtt.Conn) {
	if d.cfg.StreamKeys == nil {
		return
	}
	if err := conn.Subscribe(d.ctx, mqtt.ReceiptsTopic(d.cfg.ID)); err != nil && d.ctx.Err() == nil {
		d.cfg.Logger.Warn("no receipts", "device", d.cfg.ID, "error", err)
	}
}

// take hands a message on without ever blocking the connection. What does not fit is not
// acknowledged: the broker delivers it again over the next connection, and the bridge sends the
// receipt again when the reading comes again.
func (d *Device) take(receipts chan<- paho.Message, m paho.Message) {
	select {
	case receipts <- m:
	default:
	}
}

// verifyReceipts acknowledges a message after what it proves was stored. One that proves nothing is
// acknowledged too: its reading is sent again and answered again.
func (d *Device) verifyReceipts(receipts <-chan paho.Message) {
	for {
		select {
		case <-d.ctx.Done():
			return
		case m := <-receipts:
			if err := d.accept(m.Payload()); err != nil {
				d.cfg.Logger.Error("receipt refused", "device", d.cfg.ID, "error", err)
			}
			m.Ack()
		}
	}
}

// accept verifies the receipts of one message, each against the reading that it is for.
func (d *Device) accept(payload []byte) error {
	entries, err := receipt.DecodeBatch(payload)
	if err != nil {
		return err
	}
	var good []Verified
	var failed error
	for _, e := range entries {
		p, waiting, err := d.cfg.Outbox.Parcel(d.cfg.ID, e.Sequence)
		if err == nil && !waiting {
			continue // verified before
		}
		var v Verified
		if err == nil {
			v, err = d.verify(p, e.Receipt)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("reading %d: %w", e.Sequence, err))
			continue
		}
		good = append(good, v)
	}
	return errors.Join(failed, d.settle(good))
}

func (d *Device) verify(p Parcel, data []byte) (Verified, error) {
	r, err := receipt.Parse(data)
	if err != nil {
		return Verified{}, err
	}
	err = fmt.Errorf("%w: %s", ErrUnpinned, r.Claims.Stream)
	for _, key := range d.cfg.StreamKeys(r.Claims.Stream) {
		if key.ID() == r.KeyID {
			err = r.Verify(key, p.Reading)
		}
	}
	return Verified{Sequence: p.Sequence, Reading: p.Reading, Receipt: r}, err
}

func (d *Device) settle(good []Verified) error {
	if len(good) == 0 {
		return nil
	}
	sequences := make([]uint64, len(good))
	for i, v := range good {
		sequences[i] = v.Sequence
	}
	if err := d.cfg.Outbox.Verified(d.cfg.ID, sequences...); err != nil {
		return err
	}
	d.forget(sequences)
	if d.cfg.OnReceipt != nil {
		for _, v := range good {
			d.cfg.OnReceipt(v)
		}
	}
	return nil
}

// Drain waits until every reading of the outbox has its receipt, or, when receipts are not waited
// for, until the broker acknowledged it.
func (d *Device) Drain(ctx context.Context) error {
	for {
		d.mu.Lock()
		settled := d.settled
		d.mu.Unlock()
		waiting, err := d.cfg.Outbox.Waiting(d.cfg.ID, 1, nil)
		if err != nil || len(waiting) == 0 {
			return err
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return fmt.Errorf("device: %s still waits for reading %d: %w", d.cfg.ID, waiting[0].Sequence, ctx.Err())
		case <-d.ctx.Done():
			return ErrClosed
		}
	}
}
