// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/bridge/gap"
	"github.com/anchorline/anchorline/reading/name"
)

// ErrCheckpoint is wrapped where a checkpoint cannot be gone on from.
var ErrCheckpoint = errors.New("fsck: the checkpoint does not fit; remove it to check from the beginning")

// A Checkpoint is the state of a check: what was found so far, which batch of each stream is next, and
// what is known of each device's numbers. With it a later check verifies only what is new, and relies on
// the earlier one for the rest.
type Checkpoint struct {
	Ledger  string
	Streams []streamState
	// Faults, Omitted and Shared are as in a Report.
	Faults  []Fault
	Omitted uint64
	Shared  uint64

	devices map[name.Name]*deviceState
	// union is what is known of devices over all streams; nil where there is one stream.
	union *gap.Memory
	// twice are numbers that came twice and whose contents are still to be compared. There is room for
	// maxTwice of them; uncompared counts the others.
	twice      map[reference]struct{}
	uncompared uint64
}

// A streamState is how far one stream is.
type streamState struct {
	Stream name.Name `json:"stream"`
	// Number, Hash and LedgerTime are those of the last batch that was verified.
	Number      uint64 `json:"number"`
	Hash        string `json:"hash"`
	LedgerTime  int64  `json:"ledgerTime"`
	Readings    uint64 `json:"readings"`
	Quarantined uint64 `json:"quarantined"`
	// Repudiated and Why are as in a StreamReport.
	Repudiated uint64 `json:"repudiated,omitempty"`
	Why        string `json:"why,omitempty"`
	// Blind is the first batch whose readings are not those that were anchored: from it on the gaps
	// cannot be recomputed. 0 for none.
	Blind uint64 `json:"blind,omitempty"`
	// Owed is the batch whose receipt is still to be verified, 0 for none.
	Owed uint64 `json:"owed,omitempty"`

	gaps *gap.Memory
}

// A deviceState is what was counted of a device.
type deviceState struct {
	readings, repudiated uint64
	why                  string
}

// maxTwice bounds the memory for numbers that came twice.
const maxTwice = 100_000

func newCheckpoint(ledger string, sources []Source) *Checkpoint {
	c := &Checkpoint{Ledger: ledger, devices: map[name.Name]*deviceState{}, twice: map[reference]struct{}{}}
	for _, s := range sources {
		c.Streams = append(c.Streams, streamState{Stream: s.Stream, Hash: zeroHash, gaps: gap.NewMemory()})
	}
	if len(sources) > 1 {
		c.union = gap.NewMemory()
	}
	return c
}

// fits returns an error unless the checkpoint is of this ledger and these streams.
func (c *Checkpoint) fits(ledger string, sources []Source) error {
	if c.Ledger != ledger {
		return fmt.Errorf("%w: it is of ledger %s, this is %s", ErrCheckpoint, c.Ledger, ledger)
	}
	if len(c.Streams) != len(sources) {
		return fmt.Errorf("%w: it is of %d streams, these are %d", ErrCheckpoint, len(c.Streams), len(sources))
	}
	for i, s := range sources {
		if c.Streams[i].Stream != s.Stream {
			return fmt.Errorf("%w: it has stream %s where %s is named now", ErrCheckpoint, c.Streams[i].Stream, s.Stream)
		}
	}
	return nil
}

// Batches is how many batches of all streams were verified.
func (c *Checkpoint) Batches() (n uint64) {
	for _, s := range c.Streams {
		n += s.Number
	}
	return n
}

func (c *Checkpoint) device(n name.Name) *deviceState {
	d := c.devices[n]
	if d == nil {
		d = &deviceState{}
		c.devices[n] = d
	}
	return d
}

// again notes that a number came twice.
func (c *Checkpoint) again(r reference) {
	if _, noted := c.twice[r]; noted || len(c.twice) < maxTwice {
		c.twice[r] = struct{}{}
		return
	}
	c.uncompared++
}

// undecided says what ought to have been checked.
func (c *Checkpoint) undecided() []string {
	list := []string{}
	for _, s := range c.Streams {
		if s.Blind != 0 {
			list = append(list, fmt.Sprintf("Whether the missing numbers that stream %s states are right from batch %d on: "+
				"the readings of that batch are not those that were anchored.", s.Stream, s.Blind))
		}
	}
	if c.uncompared > 0 {
		list = append(list, fmt.Sprintf("Whether %d further readings whose numbers came twice have one content or two.", c.uncompared))
	}
	return list
}
