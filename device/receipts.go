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

func (d *Device) connected(c paho.Client) {
	if d.cfg.StreamKeys == nil {
		return
	}
	tok := c.Subscribe(mqtt.ReceiptsTopic(d.cfg.ID), 1, nil)
	select {
	case <-tok.Done():
		if err := tok.Error(); err != nil {
			d.cfg.Logger.Warn("no receipts: subscription failed", "device", d.cfg.ID, "error", err)
		}
	case <-d.ctx.Done():
	}
}

// take hands a message on without ever blocking the connection; what does not fit is not
// acknowledged, and the broker delivers it again.
func (d *Device) take(receipts chan<- []byte, m paho.Message) {
	select {
	case receipts <- m.Payload():
		m.Ack()
	default:
	}
}

func (d *Device) verifyReceipts(receipts <-chan []byte) {
	for {
		select {
		case <-d.ctx.Done():
			return
		case payload := <-receipts:
			if err := d.accept(payload); err != nil {
				d.cfg.Logger.Error("receipt refused", "device", d.cfg.ID, "error", err)
			}
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
	d.mu.Lock()
	for _, seq := range sequences {
		delete(d.sentAt, seq)
	}
	close(d.settled)
	d.settled = make(chan struct{})
	d.mu.Unlock()
	if d.cfg.OnReceipt != nil {
		for _, v := range good {
			d.cfg.OnReceipt(v)
		}
	}
	return nil
}

// Drain waits until every reading of the outbox has its receipt.
func (d *Device) Drain(ctx context.Context) error {
	for {
		d.mu.Lock()
		settled := d.settled
		d.mu.Unlock()
		waiting, err := d.cfg.Outbox.Waiting(d.cfg.ID, 1)
		if err != nil || len(waiting) == 0 {
			return err
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return fmt.Errorf("device: %s still waits for the receipt of reading %d: %w", d.cfg.ID, waiting[0].Sequence, ctx.Err())
		case <-d.ctx.Done():
			return ErrClosed
		}
	}
}
