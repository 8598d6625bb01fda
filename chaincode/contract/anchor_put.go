// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/record"
)

// putAnchor handles Anchor: put if absent, and only at the end of an unbroken chain.
func putAnchor(tx *transaction, a record.Anchor) (record.AnchorEntry, error) {
	s, err := tx.bridgesStream(a.Stream)
	if err != nil {
		return record.AnchorEntry{}, err
	}
	var stored record.AnchorEntry
	found, err := tx.get(record.AnchorKey(a.Stream, a.Number), &stored)
	if err != nil {
		return record.AnchorEntry{}, err
	}
	if found {
		if err := sameAnchor(stored, a); err != nil {
			return record.AnchorEntry{}, err
		}
		return stored, nil
	}
	head, err := tx.head(a.Stream)
	if err != nil {
		return record.AnchorEntry{}, err
	}
	if err := follows(head, a); err != nil {
		return record.AnchorEntry{}, err
	}
	return tx.storeAnchor(s, a)
}

// storeAnchor writes the entry, its index and the new head, and emits the event.
func (tx *transaction) storeAnchor(s record.Stream, a record.Anchor) (record.AnchorEntry, error) {
	entry := record.AnchorEntry{
		Type: record.AnchorEntryType, Version: record.Version,
		Anchor: a, Hash: a.HashText(),
		TxID: tx.stub.GetTxID(), LedgerTime: tx.now, Creator: tx.caller.MSP,
	}
	head := record.Head{
		Type: record.HeadType, Version: record.Version,
		Stream: a.Stream, Number: a.Number, Hash: entry.Hash,
	}
	if err := tx.put(record.AnchorKey(a.Stream, a.Number), entry, s.Owner); err != nil {
		return record.AnchorEntry{}, err
	}
	if err := tx.put(record.HeadKey(a.Stream), head, s.Owner); err != nil {
		return record.AnchorEntry{}, err
	}
	if err := tx.index(record.AnchorDayKey(a), s.Owner); err != nil {
		return record.AnchorEntry{}, err
	}
	return entry, tx.emit(Event{Name: Anchored, ID: a.Stream, Owner: s.Owner, Anchor: &entry})
}

// sameAnchor reports equivocation unless a is what is stored under its number.
func sameAnchor(stored record.AnchorEntry, a record.Anchor) error {
	if hash := a.HashText(); hash != stored.Hash {
		return record.Errorf(record.Equivocation, "stream %q anchored %s as number %d; %s is something else", a.Stream, stored.Hash, a.Number, hash)
	}
	return nil
}

// follows reports whether a is the next anchor after head.
func follows(head record.Head, a record.Anchor) error {
	if a.Number != head.Number+1 || a.Previous != head.Hash {
		return record.Errorf(record.Conflict, "stream %q expects number %d with previous %s, got number %d with previous %s",
			a.Stream, head.Number+1, head.Hash, a.Number, a.Previous)
	}
	return nil
}
