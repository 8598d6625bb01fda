// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"errors"
	"time"

	"github.com/anchorline/anchorline/bridge/gap"
)

// saveEvery is how often the state is saved while a check goes on.
const saveEvery = 10 * time.Second

// A merger takes the outcomes of a stream's batches in order and knows those before.
type merger struct {
	auditor *auditor
	at      *streamState
	end     *ending
	done    uint64
	read    uint64
	saved   time.Time
}

// merge takes the next batch.
func (m *merger) merge(o *outcome) error {
	m.receipt(o)
	state, a := m.auditor.state, o.entry.Anchor
	if a.Previous != m.at.Hash {
		o.faults.add(ChainPrevious, "the anchor names %s as previous, which is %s", a.Previous, m.at.Hash)
	}
	if o.entry.LedgerTime < m.at.LedgerTime {
		o.faults.add(ChainTime, "the anchor is dated %s, before the one before it, %s", clock(o.entry.LedgerTime), clock(m.at.LedgerTime))
	}
	m.at.Number, m.at.Hash, m.at.LedgerTime = a.Number, o.entry.Hash, o.entry.LedgerTime
	m.at.Quarantined += a.Quarantined
	if err := m.readings(o); err != nil {
		return err
	}
	for device, r := range o.repudiated {
		d := state.device(device)
		d.repudiated += r.readings
		d.why = r.why
	}
	for _, f := range o.faults.list {
		state.note(f)
	}
	return m.step(uint64(len(o.readings)))
}

// readings counts the batch's readings, what they skip and what comes twice.
func (m *merger) readings(o *outcome) error {
	state := m.auditor.state
	gaps := gap.NewCounter(m.at.gaps, o.entry.Anchor.Number)
	var all *gap.Counter
	if state.union != nil {
		all = gap.NewCounter(state.union, o.entry.Anchor.Number)
	}
	for _, r := range o.readings {
		twice, err := seen(state.everything(), r)
		if err != nil {
			return err
		}
		if twice {
			state.again(r)
		}
		if err := gaps.Add(r.device, r.sequence); err != nil {
			return err
		}
		if all != nil {
			if err := all.Add(r.device, r.sequence); err != nil {
				return err
			}
		}
		state.device(r.device).readings++
	}
	m.at.Readings += uint64(len(o.readings))
	if !o.whole && m.at.Blind == 0 {
		m.at.Blind = o.entry.Anchor.Number
	}
	if anchored := o.entry.Anchor.Gaps; m.at.Blind == 0 && gaps.Gaps() != anchored {
		o.faults.add(BatchGaps, "the anchor says that %d sequence numbers are missing; in the archive it is %d", anchored, gaps.Gaps())
	}
	return nil
}

// seen reports whether a device's number was there before.
func seen(s gap.Store, r reference) (bool, error) {
	highest, err := s.Highest(r.device)
	if err != nil || r.sequence > highest {
		return false, err
	}
	_, missing, err := s.Find(r.device, r.sequence)
	return !missing, err
}

// step tells the progress and saves the state now and then.
func (m *merger) step(readings uint64) error {
	a := m.auditor
	m.done++
	m.read += readings
	if a.options.Progress != nil {
		a.options.Progress(Progress{Stream: m.at.Stream, Done: m.done, Total: m.end.head.Number - m.end.resumed, Readings: m.read})
	}
	if m.saved.IsZero() {
		m.saved = time.Now()
	}
	if time.Since(m.saved) < saveEvery {
		return nil
	}
	m.saved = time.Now()
	if err := a.save(); err != nil {
		return errors.Join(errors.New("the state cannot be saved"), err)
	}
	return nil
}
