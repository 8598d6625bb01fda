// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"time"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// anchorText handles Anchor, whose argument is the anchor itself in canonical form.
func anchorText(tx *transaction, args []string) (record.AnchorEntry, error) {
	a, err := record.ParseAnchor([]byte(args[0]))
	if err != nil {
		return record.AnchorEntry{}, record.Invalid(err)
	}
	return putAnchor(tx, a)
}

// putAnchor stores an anchor: put if absent, and only at the end of an unbroken chain.
func putAnchor(tx *transaction, a record.Anchor) (record.AnchorEntry, error) {
	s, err := tx.bridgesStream(a.Stream)
	if err != nil {
		return record.AnchorEntry{}, err
	}
	hash, err := a.HashText()
	if err != nil {
		return record.AnchorEntry{}, err
	}
	head, err := tx.head(a.Stream)
	if err != nil {
		return record.AnchorEntry{}, err
	}
	if a.Number <= head.Number {
		stored, err := tx.anchor(a.Stream, a.Number)
		if err == nil && stored.Hash != hash {
			err = record.Errorf(record.Equivocation, "stream %s anchored %s as number %d; %s is something else", a.Stream, stored.Hash, a.Number, hash)
		}
		return stored, err
	}
	if _, open := record.CurrentKey(s.Keys); !open {
		return record.AnchorEntry{}, record.Errorf(record.Conflict, "stream %s is stopped by its owner; an admin can put another key in for a reason", s.Name())
	}
	if err := tx.follows(s, head, a); err != nil {
		return record.AnchorEntry{}, err
	}
	return tx.storeAnchor(a, hash)
}

// follows reports whether a is the next anchor after head, and this transaction is not dated before
// it: the ledger time of a stream runs forward.
func (tx *transaction) follows(s record.Stream, head record.Head, a record.Anchor) error {
	if a.Number != head.Number+1 || a.Previous != head.Hash {
		return record.Errorf(record.Conflict, "stream %s expects number %d with previous %s, got number %d with previous %s",
			a.Stream, head.Number+1, head.Hash, a.Number, a.Previous)
	}
	switch {
	case tx.now < head.LedgerTime:
		return record.Errorf(record.Conflict, "stream %s: this transaction is dated %s, before its last anchor's %s; set the clock of the bridge",
			a.Stream, clock(tx.now), clock(head.LedgerTime))
	case tx.now < s.Opened.Time:
		return record.Errorf(record.Conflict, "stream %s: this transaction is dated %s, before its opening at %s; set the clock of the bridge",
			a.Stream, clock(tx.now), clock(s.Opened.Time))
	default:
		return nil
	}
}

// clock writes a time in milliseconds as people read it.
func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// storeAnchor writes the entry, its index and the new head, and emits the event.
func (tx *transaction) storeAnchor(a record.Anchor, hash string) (record.AnchorEntry, error) {
	entry := record.AnchorEntry{
		Type: record.AnchorEntryType, Version: record.Version,
		Anchor: a, Hash: hash,
		TxID: tx.stub.GetTxID(), LedgerTime: tx.now, Creator: tx.caller.MSP,
	}
	head := record.Head{
		Type: record.HeadType, Version: record.Version,
		Stream: a.Stream, Number: a.Number, Hash: hash, LedgerTime: tx.now,
	}
	// Reading the key says whether it has an endorsement policy already: what others may have written
	// beyond the head is no anchor, and is replaced.
	if _, err := tx.get(record.AnchorKey(a.Stream, a.Number), &record.AnchorEntry{}); err != nil {
		return record.AnchorEntry{}, err
	}
	if err := tx.put(record.AnchorKey(a.Stream, a.Number), entry, a.Stream.Owner); err != nil {
		return record.AnchorEntry{}, err
	}
	if err := tx.put(record.HeadKey(a.Stream), head, a.Stream.Owner); err != nil {
		return record.AnchorEntry{}, err
	}
	if err := tx.index(record.AnchorDayKey(a), a.Stream.Owner); err != nil {
		return record.AnchorEntry{}, err
	}
	return entry, tx.emit(call.Event{Name: call.Anchored, ID: a.Stream.ID, Owner: a.Stream.Owner, Anchor: &entry})
}
