// SPDX-License-Identifier: Apache-2.0

package device

import "time"

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
		if !d.conn.Up() {
			continue
		}
		due, err := d.due()
		if err != nil {
			d.cfg.Logger.Error("outbox cannot be read", "device", d.cfg.Device, "error", err)
			continue
		}
		if err := d.send(d.ctx, due); err != nil && d.ctx.Err() == nil {
			d.cfg.Logger.Warn("readings not acknowledged yet; they will be sent again", "device", d.cfg.Device, "readings", len(due), "error", err)
		}
	}
}

// due returns readings left over from an earlier run that the broker never acknowledged, and
// those whose receipt is overdue, and counts them as sent now.
func (d *Device) due() ([]Queued, error) {
	now := time.Now()
	d.storing.Lock()
	defer d.storing.Unlock()
	due, err := d.cfg.Outbox.Waiting(d.cfg.Device, resendLimit, func(seq uint64, published bool) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		at, sent := d.sentAt[seq]
		if sent {
			return d.cfg.Streams != nil && now.Sub(at) > d.cfg.ReceiptTimeout
		}
		if published && d.cfg.Streams != nil {
			d.sentAt[seq] = now // sent by an earlier run; its receipt may be under way
			return false
		}
		return true
	})
	d.noteSent(due)
	return due, err
}
