// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Anchors is the contract "anchors": the streams and their unbroken chains of batches.
type Anchors struct {
	contractapi.Contract
}

func newAnchors() *Anchors {
	return &Anchors{Contract: contractapi.Contract{Name: anchorsName, Info: info(anchorsName)}}
}

// GetEvaluateTransactions names the functions that only read.
func (*Anchors) GetEvaluateTransactions() []string { return evaluated(anchorsName) }

// OpenStream opens a stream that the caller, and nobody else, may write.
func (*Anchors) OpenStream(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, openStream)
}

// GetStream returns a stream.
func (*Anchors) GetStream(ctx contractapi.TransactionContextInterface, id string) (string, error) {
	return answer(ctx, func(tx *transaction) (record.Stream, error) { return tx.stream(id) })
}

// Anchor stores the next anchor of its stream.
func (*Anchors) Anchor(ctx contractapi.TransactionContextInterface, anchor string) (string, error) {
	parsed, err := record.ParseAnchor([]byte(anchor))
	if err != nil {
		return "", record.Errorf(record.InvalidArgument, "%v", err)
	}
	return answer(ctx, func(tx *transaction) (record.AnchorEntry, error) { return putAnchor(tx, parsed) })
}

// Get returns an anchor by its stream and its number in decimal.
func (*Anchors) Get(ctx contractapi.TransactionContextInterface, stream, number string) (string, error) {
	return answer(ctx, func(tx *transaction) (record.AnchorEntry, error) {
		n, err := parseNumber("number", number)
		if err != nil {
			return record.AnchorEntry{}, err
		}
		return tx.anchor(stream, n)
	})
}

// Head returns the last anchor's number and hash.
func (*Anchors) Head(ctx contractapi.TransactionContextInterface, stream string) (string, error) {
	return answer(ctx, func(tx *transaction) (record.Head, error) {
		if _, err := tx.stream(stream); err != nil {
			return record.Head{}, err
		}
		return tx.head(stream)
	})
}

// List returns a page of a stream's anchors.
func (*Anchors) List(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, listAnchors)
}

// openStream handles OpenStream. The same request again, by the same bridge, changes nothing
// and succeeds.
func openStream(tx *transaction, req streamRequest) (record.Stream, error) {
	var known record.Stream
	found, err := tx.get(record.StreamKey(req.ID), &known)
	if err != nil {
		return record.Stream{}, err
	}
	if found {
		if known.Owner == tx.caller.MSP && known.Bridge == tx.caller.Identity && known.Keys[0].Public == req.Key {
			return known, nil
		}
		return record.Stream{}, record.Errorf(record.AlreadyExists, "stream %q is open already, by %s with other content", req.ID, known.Owner)
	}
	key, err := proveKey(req.Key, req.Proof, req.ID, tx)
	if err != nil {
		return record.Stream{}, err
	}
	key.From = tx.now
	s := record.Stream{
		Type: record.StreamType, Version: record.Version,
		ID: req.ID, Owner: tx.caller.MSP, Bridge: tx.caller.Identity,
		Keys: []record.Key{key}, Opened: tx.now, Updated: tx.now,
	}
	if err := tx.put(record.StreamKey(s.ID), s); err != nil {
		return record.Stream{}, err
	}
	return s, tx.emit(streamEvent(StreamOpened, s))
}

// putAnchor handles Anchor: put if absent, and only at the end of an unbroken chain.
func putAnchor(tx *transaction, a record.Anchor) (record.AnchorEntry, error) {
	s, err := tx.stream(a.Stream)
	if err != nil {
		return record.AnchorEntry{}, err
	}
	if s.Owner != tx.caller.MSP || s.Bridge != tx.caller.Identity {
		return record.AnchorEntry{}, record.Errorf(record.Forbidden, "only the bridge of %s that opened stream %q may write it", s.Owner, s.ID)
	}
	var stored record.AnchorEntry
	found, err := tx.get(record.AnchorKey(a.Stream, a.Number), &stored)
	if err != nil {
		return record.AnchorEntry{}, err
	}
	if found {
		return stored, sameAnchor(stored, a)
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

// storeAnchor writes the entry and the new head, and emits the event.
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
	if err := tx.put(record.AnchorKey(a.Stream, a.Number), entry); err != nil {
		return record.AnchorEntry{}, err
	}
	if err := tx.put(record.HeadKey(a.Stream), head); err != nil {
		return record.AnchorEntry{}, err
	}
	return entry, tx.emit(event{Name: Anchored, ID: a.Stream, Owner: s.Owner, Anchor: &entry})
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
