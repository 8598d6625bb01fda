// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"context"
	"time"

	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading"
)

// Exported is a reading on its way from one bridge's folder to another bridge.
type Exported struct {
	Received int64  `json:"received"` // the first bridge's clock, ms
	Reading  []byte `json:"reading"`  // exactly as the device sent it
}

// TakeIn judges readings that another bridge exported and stores them like messages that just came. It
// returns what became of each: "accepted", "duplicate", or the reason why it was refused, which is in
// the quarantine then. After an error none of them was stored.
func (b *Bridge) TakeIn(ctx context.Context, readings []Exported) ([]string, error) {
	items := make([]spool.Item, len(readings))
	for i, e := range readings {
		topic := ""
		if r, err := reading.Parse(e.Reading); err == nil {
			topic = mqtt.ReadingsTopic(r.Claims().Device)
		}
		v, err := b.checker.Check(ctx, topic, e.Reading)
		if err != nil {
			return nil, err
		}
		items[i] = spool.Item{
			Topic: topic, Payload: e.Reading, Received: time.Now().UnixMilli(), Reading: v.Reading, Reason: v.Reason, Detail: v.Detail,
		}
	}
	stored, err := b.guard.Append(items)
	if err != nil {
		return nil, err
	}
	b.anchorer.Notify()
	outcomes := make([]string, len(stored))
	for i, o := range stored {
		switch o.Fate {
		case spool.Accepted:
			outcomes[i] = "accepted"
		case spool.Duplicate:
			outcomes[i] = "duplicate"
		default:
			outcomes[i] = o.Reason
		}
	}
	return outcomes, nil
}
