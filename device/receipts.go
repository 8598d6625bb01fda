// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/receipt"
)

// Verified is a reading whose receipt was verified: the stream's key signed the root of a tree
// that the reading is in.
type Verified struct {
	Sequence uint64
	Reading  []byte
	Receipt  *receipt.Receipt
}

// ErrUnknownStream is wrapped when a receipt names a stream that [Config.Streams] does not know.
var ErrUnknownStream = errors.New("device: receipts of this stream are not taken")

// ErrStreamKey is wrapped when the key that signed a receipt did not speak for its stream, or must
// not be trusted any more.
var ErrStreamKey = errors.New("device: the receipt's key does not speak for its stream")

// subscribe asks for the device's receipts. Without them readings are sent again, so a refusal is
// reported and the device goes on.
func (d *Device) subscribe(conn *mqtt.Conn) {
	if d.cfg.Streams == nil {
		return
	}
	if err := conn.Subscribe(d.ctx, mqtt.ReceiptsTopic(d.cfg.Device)); err != nil && d.ctx.Err() == nil {
		d.cfg.Logger.Warn("no receipts", "device", d.cfg.Device, "error", err)
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
				d.cfg.Logger.Error("receipt refused", "device", d.cfg.Device, "error", err)
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
		q, waiting, err := d.cfg.Outbox.Queued(d.cfg.Device, e.Sequence)
		if err == nil && !waiting {
			continue // verified before
		}
		var v Verified
		if err == nil {
			v, err = d.verify(q, e.Receipt)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("reading %d: %w", e.Sequence, err))
			continue
		}
		good = append(good, v)
	}
	return errors.Join(failed, d.settle(good))
}

func (d *Device) verify(q Queued, data []byte) (Verified, error) {
	r, err := receipt.Parse(data)
	if err != nil {
		return Verified{}, err
	}
	stream, known := d.cfg.Streams(r.Claims.Stream)
	if !known || stream.Name() != r.Claims.Stream {
		return Verified{}, fmt.Errorf("%w: %s", ErrUnknownStream, r.Claims.Stream)
	}
	key, err := streamKey(stream, r)
	if err == nil {
		err = r.Verify(key, q.Reading)
	}
	return Verified{Sequence: q.Sequence, Reading: q.Reading, Receipt: r}, err
}

// streamKey returns the key that the receipt names, if it stood at the receipt's ledger time and
// nobody disowned it. The ledger time is what the signer says it is, so a key that was replaced for a
// reason is refused whatever time its receipt claims: whoever stole it would claim an earlier one.
func streamKey(stream record.Stream, r *receipt.Receipt) (cose.Key, error) {
	id := r.KeyID.String()
	verdict := standing.Stream(stream, id, record.Moment{Time: r.Claims.LedgerTime, Tx: hex.EncodeToString(r.Claims.Transaction[:])}, nil)
	if !verdict.Trusted() {
		detail := verdict.Detail
		if verdict.Repudiated != nil {
			detail = fmt.Sprintf("%s disowned it: %s", verdict.Repudiated.By, verdict.Repudiated.Reason)
		}
		return cose.Key{}, fmt.Errorf("%w: %s", ErrStreamKey, detail)
	}
	k, _ := record.FindKey(stream.Keys, id)
	if k.Until != nil && k.Reason != "" {
		return cose.Key{}, fmt.Errorf("%w: key %s of stream %s was replaced for this reason: %s", ErrStreamKey, id, stream.Name(), k.Reason)
	}
	key, err := cose.ParseKeyText(k.Public)
	if err != nil {
		return cose.Key{}, fmt.Errorf("%w: key %s of stream %s: %w", ErrStreamKey, id, stream.Name(), err)
	}
	return key, nil
}

func (d *Device) settle(good []Verified) error {
	if len(good) == 0 {
		return nil
	}
	sequences := make([]uint64, len(good))
	for i, v := range good {
		sequences[i] = v.Sequence
	}
	if err := d.cfg.Outbox.Verified(d.cfg.Device, sequences...); err != nil {
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
		waiting, err := d.cfg.Outbox.Waiting(d.cfg.Device, 1, nil)
		if err != nil || len(waiting) == 0 {
			return err
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return fmt.Errorf("device: %s still waits for reading %d: %w", d.cfg.Device, waiting[0].Sequence, ctx.Err())
		case <-d.ctx.Done():
			return ErrClosed
		}
	}
}
