// SPDX-License-Identifier: Apache-2.0

package anchor

import (
	"context"

	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// A request asks for a receipt once more.
type request struct {
	device   name.Name
	sequence uint64
}

// maxAgain bounds the receipts that wait to be sent once more. What does not fit is dropped: a
// device that still misses its receipt sends its reading again.
const maxAgain = 4096

// Reading a batch from the archive to send a receipt again is dear, so only so many are read a second. What
// does not fit is dropped as well.
const (
	againRate  = 5
	againBurst = 50
)

// Again asks for the receipt of a reading that its device sent a second time: it seems to have
// missed the first. It never blocks.
func (c *Courier) Again(device name.Name, sequence uint64) {
	select {
	case c.again <- request{device, sequence}:
	default:
	}
}

// repeat sends the receipts that wait to be sent once more. Readings that are not yet anchored
// get theirs in due course.
func (c *Courier) repeat(ctx context.Context, first request) {
	wanted := c.locate(append(c.waiting(), first))
	for number, readings := range wanted {
		if !c.budget.Allow() {
			return
		}
		if err := c.resend(ctx, number, readings); err != nil && ctx.Err() == nil {
			c.logger.Warn("receipts not sent again; the devices may ask once more", "batch", number, "receipts", len(readings), "error", err)
		}
	}
}

// waiting takes all requests that are there.
func (c *Courier) waiting() []request {
	var all []request
	for {
		select {
		case r := <-c.again:
			all = append(all, r)
		default:
			return all
		}
	}
}

// locate finds the requested readings: by batch, each with its index there. Asked for twice, a
// reading is there once.
func (c *Courier) locate(requests []request) map[uint64]map[request]uint64 {
	wanted := map[uint64]map[request]uint64{}
	for _, r := range requests {
		b, index, err := c.spool.Find(r.device, r.sequence)
		if err != nil || b == nil || b.State != spool.Receipted {
			continue
		}
		if wanted[b.Number] == nil {
			wanted[b.Number] = map[request]uint64{}
		}
		wanted[b.Number][r] = index
	}
	return wanted
}

func (c *Courier) resend(ctx context.Context, number uint64, readings map[request]uint64) error {
	proofs, err := c.archive.Proofs(number)
	if err != nil {
		return err
	}
	byDevice := map[name.Name][]receipt.Entry{}
	for r, index := range readings {
		data, err := proofs.Receipt(index)
		if err != nil {
			return err
		}
		byDevice[r.device] = append(byDevice[r.device], receipt.Entry{Sequence: r.sequence, Receipt: data})
	}
	messages, err := pack(byDevice)
	if err != nil {
		return err
	}
	return c.publish(ctx, messages)
}
