// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

// An orderer tells whether changes of records come before or after the anchors of a stream. The
// anchors are in the ledger's order by their numbers, so between which two of them a change comes says
// all; a change and an anchor are located on the ledger only where that is not known.
type orderer struct {
	ledger Ledger
	stream name.Name
	head   uint64

	mu      sync.Mutex
	changes map[string]*change
	anchors map[uint64]standing.Position
}

// A change is a transaction that changed a record.
type change struct {
	mu       sync.Mutex
	asked    bool
	lost     bool // the peer does not have its block
	position standing.Position
	// The anchors up to before come before it, those from after on come after it.
	before, after uint64
}

func newOrderer(l Ledger, stream name.Name, head uint64) *orderer {
	return &orderer{ledger: l, stream: stream, head: head, changes: map[string]*change{}, anchors: map[uint64]standing.Position{}}
}

// unknown is how many changes have no place.
func (o *orderer) unknown() (n uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.changes {
		if c.lost {
			n++
		}
	}
	return n
}

// at returns the order as seen from an anchor, and what went wrong with the ledger since.
func (o *orderer) at(ctx context.Context, anchor record.AnchorEntry) (order standing.Order, failed func() error) {
	var fault error
	// Only the order of the anchor and a change counts: here it is that of the middle and its sides.
	const earlier, middle, later = 0, 1, 2
	order = func(tx string) (standing.Position, bool) {
		if tx == anchor.TxID {
			return standing.Position{Block: middle}, true
		}
		before, known, err := o.changeBefore(ctx, tx, anchor)
		if err != nil && fault == nil {
			fault = err
		}
		if before {
			return standing.Position{Block: earlier}, known
		}
		return standing.Position{Block: later}, known
	}
	return order, func() error { return fault }
}

// changeBefore reports whether a change comes before an anchor, if that is known.
func (o *orderer) changeBefore(ctx context.Context, tx string, anchor record.AnchorEntry) (before, known bool, err error) {
	o.mu.Lock()
	c := o.changes[tx]
	if c == nil {
		c = &change{after: o.head + 1}
		o.changes[tx] = c
	}
	o.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := o.find(ctx, tx, c); err != nil || c.lost {
		return false, false, err
	}
	n := anchor.Anchor.Number
	if n <= c.before || n >= c.after {
		return n >= c.after, true, nil
	}
	p, known, err := o.anchor(ctx, n, anchor.TxID)
	if err != nil || !known {
		return false, false, err
	}
	if c.position.Before(p) {
		c.after = n
		return true, true, nil
	}
	c.before = n
	return false, true, o.gallop(ctx, c)
}

// find locates a change once.
func (o *orderer) find(ctx context.Context, tx string, c *change) error {
	if c.asked {
		return nil
	}
	p, err := o.locate(ctx, tx)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return err
	}
	c.asked, c.lost, c.position = true, err != nil, p
	return nil
}

// gallop looks in growing steps for an anchor that comes after a change, so that not every anchor
// before it is located.
func (o *orderer) gallop(ctx context.Context, c *change) error {
	for step := uint64(1); c.before+step < c.after; step *= 2 {
		n := c.before + step
		entries, err := o.ledger.Anchors(ctx, o.stream, n, 1)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return fmt.Errorf("the peer's ledger has no anchor %d of stream %s, which is before its head", n, o.stream)
		}
		p, known, err := o.anchor(ctx, n, entries[0].TxID)
		if err != nil || !known {
			return err
		}
		if c.position.Before(p) {
			c.after = n
			return nil
		}
		c.before = n
	}
	return nil
}

// anchor locates an anchor's transaction. A peer that began from a snapshot does not have old blocks:
// the place is not known then, and counts as a change's that is not known.
func (o *orderer) anchor(ctx context.Context, n uint64, tx string) (p standing.Position, known bool, err error) {
	o.mu.Lock()
	p, known = o.anchors[n]
	o.mu.Unlock()
	if known {
		return p, true, nil
	}
	p, err = o.locate(ctx, tx)
	o.mu.Lock()
	defer o.mu.Unlock()
	if errors.Is(err, ledger.ErrNotFound) {
		o.changes[tx] = &change{asked: true, lost: true}
		return p, false, nil
	}
	if err == nil {
		o.anchors[n] = p
	}
	return p, err == nil, err
}

func (o *orderer) locate(ctx context.Context, tx string) (standing.Position, error) {
	block, index, err := o.ledger.Locate(ctx, tx)
	return standing.Position{Block: block, Index: uint64(index)}, err
}
