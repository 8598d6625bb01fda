// SPDX-License-Identifier: Apache-2.0

// Package gap counts the sequence numbers that a batch's devices skipped (docs/formats.md, "Anchor").
// Whoever has the batches from the first one on, with their readings in order, gets the figure that the
// bridge anchored: the spool counts over its file, an auditor over memory, with the same code.
//
// In come the readings of a batch, by device and sequence number, in the batch's order; out goes the
// count, and a [Store] is brought up to date. What holds after a crash is what the store keeps.
package gap

import (
	"fmt"

	"github.com/anchorline/anchorline/reading/name"
)

// MaxCounted is the most numbers that are counted one by one when a device skips them at once. A jump
// over more counts 1, however far it goes: a device that sends 2^53-1 once must not drown what the
// others miss.
const MaxCounted = 1_000_000

// Missing is a run of sequence numbers of a device that have not arrived, both ends included.
type Missing struct {
	From, To uint64
	// Batch is the number of the batch in which the run was found missing.
	Batch uint64
	// Jump says that the run is of a jump over more than MaxCounted numbers.
	Jump bool
}

// weight is what the run adds to the number of gaps that are open.
func (m Missing) weight() uint64 {
	if m.Jump {
		return 1
	}
	return m.To - m.From + 1
}

// Store keeps what is known of each device after the batches that were counted.
type Store interface {
	// Highest returns the highest sequence number of a device, 0 before its first.
	Highest(device name.Name) (uint64, error)
	// SetHighest stores it.
	SetHighest(device name.Name, sequence uint64) error
	// Find returns the run that the number is in, and false if it is in none.
	Find(device name.Name, sequence uint64) (Missing, bool, error)
	// Replace takes the run that begins at from away, if there is one, and stores others, which
	// touch no run that is left.
	Replace(device name.Name, from uint64, with ...Missing) error
}

// Counter counts the gaps of one batch. Use one for each batch, in the order of their numbers.
type Counter struct {
	store          Store
	batch          uint64
	found          uint64
	opened, closed uint64
}

// NewCounter begins the batch of this number.
func NewCounter(s Store, batch uint64) *Counter { return &Counter{store: s, batch: batch} }

// Gaps is the batch's count: the numbers that its readings skipped, less those of them that came
// later in the batch.
func (c *Counter) Gaps() uint64 { return c.found }

// Open returns how many gaps are open after the batch, given how many were before it.
func (c *Counter) Open(before uint64) uint64 { return before + c.opened - c.closed }

// Add takes the next reading of the batch. An error is the store's; the count is worthless then.
func (c *Counter) Add(device name.Name, sequence uint64) error {
	highest, err := c.store.Highest(device)
	if err != nil {
		return fmt.Errorf("gaps of %s: %w", device, err)
	}
	if sequence > highest {
		err = c.advance(device, highest, sequence)
	} else {
		err = c.arrived(device, sequence)
	}
	if err != nil {
		return fmt.Errorf("gaps of %s: %w", device, err)
	}
	return nil
}

// advance takes a number beyond the highest. Numbers count from 1, so a device first heard of at 5
// misses four.
func (c *Counter) advance(device name.Name, highest, sequence uint64) error {
	if skipped := sequence - highest - 1; skipped > 0 {
		m := Missing{From: highest + 1, To: sequence - 1, Batch: c.batch, Jump: skipped > MaxCounted}
		if err := c.store.Replace(device, m.From, m); err != nil {
			return err
		}
		c.found += m.weight()
		c.opened += m.weight()
	}
	return c.store.SetHighest(device, sequence)
}

// arrived takes a number that is not beyond the highest out of the run that it is in, if it is in one.
func (c *Counter) arrived(device name.Name, sequence uint64) error {
	m, missing, err := c.store.Find(device, sequence)
	if err != nil || !missing {
		return err
	}
	before, after := m, m
	before.To, after.From = sequence-1, sequence+1
	var left []Missing
	for _, part := range []Missing{before, after} {
		if part.From <= part.To {
			left = append(left, part)
			c.opened += part.weight()
		}
	}
	c.closed += m.weight()
	if m.Batch == c.batch && !m.Jump {
		c.found--
	}
	return c.store.Replace(device, m.From, left...)
}
