// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// beyond looks at the batches that the ledger does not have: a bridge archives one, and anchors it
// before the next. last is how far the archive went before the head was asked for.
func (e *ending) beyond(s Source, last uint64) error {
	next := e.head.Number + 1
	if last > e.head.Number {
		e.pending = last - e.head.Number
	}
	switch {
	case e.pending == 0:
		return nil
	case e.pending > 1:
		e.fault(s.Stream, BatchFollows, next, "the archive goes on to batch %d, the ledger's stream %s stands at %d: "+
			"is it the archive of this stream, and has the peer every block?", last, s.Stream, e.head.Number)
		return nil
	}
	b, err := s.Archive.Get(next)
	if errors.Is(err, archive.ErrDamaged) {
		e.fault(s.Stream, BatchDamaged, next, "%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	filed, err := record.ParseAnchor(b.Anchor)
	if err != nil || filed.Stream != s.Stream || filed.Previous != e.head.Hash || filed.Number != next {
		e.fault(s.Stream, BatchFollows, next, "the archive's newest batch does not follow the ledger's last anchor of stream %s: "+
			"is it the archive of this stream?", s.Stream)
	}
	return nil
}

// equivocations are what was proved against the stream on the ledger, by whomever.
func (e *ending) equivocations(ctx context.Context, l Ledger, stream name.Name) error {
	reports, err := l.Equivocations(ctx, stream)
	if err != nil {
		return err
	}
	for _, r := range reports {
		if r.Stream != stream {
			continue
		}
		e.fault(stream, Equivocation, r.Number, "%s; %s reported it on %s, and the evidence is on the ledger%s",
			contradiction(r), r.By, clock(r.Reported.Time), stolen(r))
	}
	return nil
}

func contradiction(r record.EquivocationReport) string {
	switch r.Contradiction {
	case record.OtherAnchor:
		return fmt.Sprintf("the stream stands for another anchor than the ledger's: hash %s, root %s", r.Claimed, r.Root)
	case record.OtherTransaction:
		return "the stream signed a receipt that names another transaction than the one that brought the anchor"
	case record.OtherTime:
		return "the stream signed a receipt that states another time than the ledger's"
	case record.NotAnchored:
		return fmt.Sprintf("the stream signed a receipt for an anchor that the ledger does not have: hash %s, root %s", r.Claimed, r.Root)
	default:
		return fmt.Sprintf("the stream contradicts the ledger (%s)", r.Contradiction)
	}
}

// stolen says that the key of the evidence was replaced for a reason.
func stolen(r record.EquivocationReport) string {
	if r.KeyReason == "" {
		return ""
	}
	return fmt.Sprintf("; key %s was replaced for this reason: %s", r.Key, r.KeyReason)
}

// owed verifies the receipt that was not there when its batch was checked.
func (m *merger) owed(ctx context.Context, w *worker) error {
	n := m.at.Owed
	if n == 0 {
		return nil
	}
	entries, err := m.auditor.ledger.Anchors(ctx, m.at.Stream, n, 1)
	if err != nil {
		return err
	}
	if len(entries) != 1 || entries[0].Anchor.Number != n {
		return fmt.Errorf("the peer's ledger has no anchor %d, and a head at %d", n, w.head)
	}
	o := &outcome{entry: entries[0], faults: faults{stream: m.at.Stream, batch: n}}
	if err := w.checkReceipt(ctx, o); err != nil {
		return err
	}
	m.at.Owed = 0
	m.receipt(o)
	for _, f := range o.faults.list {
		m.auditor.state.note(f)
	}
	return nil
}

// receipt notes that a batch's receipt is not there yet, or is by a key that was disowned.
func (m *merger) receipt(o *outcome) {
	if o.unreceipted {
		m.at.Owed, m.end.unreceipted = o.entry.Anchor.Number, o.entry.Anchor.Number
	}
	if o.disowned != "" {
		m.at.Repudiated++
		m.at.Why = o.disowned
	}
}

// unchecked says what a check of archives does not tell.
func (a *auditor) unchecked() []string {
	list := []string{
		"What the ledger holds is taken as the peer at " + a.ledger.Profile().Endpoint + " hands it out. What the organisations signed themselves is not verified here but by 'anchorline audit verify'.",
		"Messages that a bridge refused are not in its archive: their number is the bridge's word.",
		"When a bridge received a reading is its own clock's word; so is what a device's clock says.",
		"What a device sent after its highest number here, and no bridge received, does not show.",
	}
	for _, e := range a.ends {
		if e.resumed > 0 {
			list = append(list, fmt.Sprintf("The first %d batches of stream %s were verified in an earlier run. Their files were not read again, and what owners "+
				"said later of their devices and keys was not applied to them.", e.resumed, e.head.Stream))
		}
	}
	if a.unknown > 0 {
		list = append(list, fmt.Sprintf("The peer does not have the blocks of %d transactions: they are ordered by the times that their clients claimed.", a.unknown))
	}
	return list
}
