// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/bridge/verify"
)

// Quarantine is where refused messages are kept, and readings that were accepted and then withdrawn.
func (b *Bridge) Quarantine() *quarantine.Store { return b.spool.Quarantine() }

// A Retry says what became of a message of the quarantine that was judged again.
type Retry struct {
	ID      uint64 `json:"id"`
	Outcome string `json:"outcome"` // "accepted", "duplicate", or the reason why it is refused again
	Detail  string `json:"detail,omitempty"`
}

// ErrCut is returned for a message of which only the beginning was kept.
var ErrCut = errors.New("bridge: only the beginning of the message was kept: it cannot be judged again")

// Retry judges a message of the quarantine again. One that is a good reading by now is accepted like one
// that just came, counted as received once more, and leaves the quarantine; another stays. An error
// means that it cannot be judged now.
func (b *Bridge) Retry(ctx context.Context, id uint64) (Retry, error) {
	m, err := b.Quarantine().Get(id)
	if err != nil {
		return Retry{}, err
	}
	if len(m.Payload) < m.Size {
		return Retry{}, fmt.Errorf("%w: %d", ErrCut, id)
	}
	verdict, err := b.checker.Check(ctx, m.Topic, m.Payload)
	if err != nil {
		return Retry{}, err
	}
	if verdict.Reading == nil {
		return Retry{ID: id, Outcome: verdict.Reason, Detail: verdict.Detail}, b.refile(m, verdict)
	}
	outcomes, err := b.guard.Append([]spool.Item{{
		Topic: m.Topic, Payload: m.Payload, Received: time.Now().UnixMilli(), Reading: verdict.Reading,
	}})
	if err != nil {
		return Retry{}, err
	}
	switch outcomes[0].Fate {
	case spool.Accepted:
		b.anchorer.Notify()
		return Retry{ID: id, Outcome: "accepted"}, b.Quarantine().Remove(id)
	case spool.Duplicate:
		return Retry{ID: id, Outcome: "duplicate"}, b.Quarantine().Remove(id)
	default:
		return Retry{ID: id, Outcome: outcomes[0].Reason}, nil
	}
}

// refile keeps a message that was undecided under the reason that it has now.
func (b *Bridge) refile(m quarantine.Message, v verify.Verdict) error {
	if m.Reason != verify.ReasonUndecided || v.Reason == m.Reason {
		return nil
	}
	err := b.Quarantine().Put([]quarantine.Arrival{{
		Topic: m.Topic, Payload: m.Payload, Received: m.Received, Reason: v.Reason, Detail: v.Detail, Accepted: m.Accepted,
	}})
	if err != nil {
		return err
	}
	return b.Quarantine().Remove(m.ID)
}

// decide judges again what could not be judged while the ledger was away.
func (b *Bridge) decide(ctx context.Context) {
	waiting, err := b.Quarantine().List(quarantine.Filter{Reason: verify.ReasonUndecided})
	accepted := 0
	for _, m := range waiting {
		var r Retry
		if r, err = b.Retry(ctx, m.ID); err != nil {
			break
		}
		if r.Outcome == "accepted" {
			accepted++
		}
	}
	switch {
	case err != nil:
		b.logger.Warn("not all messages of the time without the ledger were judged again; anchorline bridge quarantine retry does it", "error", err)
	case len(waiting) > 0:
		b.logger.Info("judged again what came while the ledger was away", "messages", len(waiting), "accepted", accepted)
	}
}
