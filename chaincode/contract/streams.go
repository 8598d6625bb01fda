// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// stream reads a stream that must exist, as it is with its owner's stop.
func (tx *transaction) stream(n name.Name) (record.Stream, error) {
	var s record.Stream
	found, err := tx.get(record.StreamKey(n), &s)
	if err != nil {
		return record.Stream{}, err
	}
	if !found {
		return record.Stream{}, record.Errorf(record.NotFound, "stream %s is not open", n)
	}
	if s.Name() != n { // its owner's peers alone may have written it, whatever chaincode they run
		return record.Stream{}, record.Errorf(record.Internal, "the record of stream %s says that it is %s", n, s.Name())
	}
	stop, err := tx.streamStop(n)
	return s.With(stop), err
}

// bridgesStream reads a stream that the caller, and nobody else, writes.
func (tx *transaction) bridgesStream(n name.Name) (record.Stream, error) {
	if err := tx.require(record.Bridge); err != nil {
		return record.Stream{}, err
	}
	if n.Owner != tx.caller.MSP {
		return record.Stream{}, record.Errorf(record.Forbidden, "stream %s belongs to %s; the caller is of %s", n, n.Owner, tx.caller.MSP)
	}
	s, err := tx.stream(n)
	if err != nil {
		return record.Stream{}, err
	}
	if s.Bridge != tx.caller.Identity {
		return record.Stream{}, record.Errorf(record.Forbidden, "stream %s is written by the bridge %s only", n, s.Bridge)
	}
	return s, nil
}

// adminsStream reads a stream of the caller's organisation, of which the caller must be an admin.
func (tx *transaction) adminsStream(n name.Name) (record.Stream, error) {
	if err := tx.require(record.Admin); err != nil {
		return record.Stream{}, err
	}
	return tx.stream(n)
}

// openStream handles OpenStream. The same bridge again, with the key that is open now, changes
// nothing and succeeds. The head is written with the stream: from then on the peers of the owner must
// sign whatever extends the stream.
func openStream(tx *transaction, req call.StreamRegistration) (record.Stream, error) {
	if err := tx.require(record.Bridge); err != nil {
		return record.Stream{}, err
	}
	stream := name.New(tx.caller.MSP, req.ID)
	known, err := tx.stream(stream)
	if err == nil {
		return known, openedBy(known, tx.caller, req.Key)
	}
	if record.CodeOf(err) != record.NotFound {
		return record.Stream{}, err
	}
	key, err := proveKey(req.Key, req.Proof, tx.streamSubject(stream))
	if err != nil {
		return record.Stream{}, err
	}
	now := tx.moment()
	key.From = now
	head := record.Head{Type: record.HeadType, Version: record.Version, Stream: stream, Hash: record.ZeroHash}
	if err := tx.put(record.HeadKey(stream), head, stream.Owner); err != nil {
		return record.Stream{}, err
	}
	return tx.changeStream(call.StreamOpened, record.Stream{
		Type: record.StreamType, Version: record.Version,
		Owner: stream.Owner, ID: stream.ID, Bridge: tx.caller.Identity, Keys: []record.Key{key}, Opened: now,
	})
}

// openedBy refuses whoever opens a stream again that is another bridge's, or with a key that is not,
// or no longer, the stream's: its receipts would be worth nothing.
func openedBy(s record.Stream, c caller, key string) error {
	i := slices.IndexFunc(s.Keys, func(k record.Key) bool { return k.Public == key })
	if s.Bridge != c.Identity || i < 0 {
		return record.Errorf(record.AlreadyExists, "stream %s is open already, with other content", s.Name())
	}
	if s.Keys[i].Until != nil && i == len(s.Keys)-1 {
		return record.Errorf(record.Conflict, "key %s of stream %s was stopped, for this reason: %s; an admin can replace it for a reason", s.Keys[i].ID, s.Name(), s.Keys[i].Reason)
	}
	if s.Keys[i].Until != nil {
		return record.Errorf(record.Conflict, "key %s of stream %s was replaced by key %s; sign with that one", s.Keys[i].ID, s.Name(), s.Keys[len(s.Keys)-1].ID)
	}
	return nil
}

// rotateStreamKey handles RotateStreamKey: by the stream's bridge with the old key's consent, or
// by an admin of the owner with a reason.
func rotateStreamKey(tx *transaction, req call.Rotation) (record.Stream, error) {
	read := tx.bridgesStream
	if req.Authorization == "" {
		read = tx.adminsStream
	}
	stream, err := tx.named(req)
	if err != nil {
		return record.Stream{}, err
	}
	s, err := read(stream)
	if err != nil {
		return record.Stream{}, err
	}
	if current, open := record.CurrentKey(s.Keys); open && current.Public == req.Key {
		return s, nil
	}
	if s.Keys, err = tx.rotated(s.Keys, req, tx.streamSubject(stream)); err != nil {
		return record.Stream{}, err
	}
	return tx.changeStream(call.StreamKeyRotated, s)
}

// setBridge handles SetBridge.
func setBridge(tx *transaction, req call.BridgeChange) (record.Stream, error) {
	s, err := tx.adminsStream(name.New(tx.caller.MSP, req.ID))
	if err != nil || s.Bridge == req.Bridge {
		return s, err
	}
	s.Bridge = req.Bridge
	return tx.changeStream(call.StreamBridgeChanged, s)
}

// changeStream stores a stream and emits the event.
func (tx *transaction) changeStream(event string, s record.Stream) (record.Stream, error) {
	s.Updated = tx.moment()
	if err := tx.put(record.StreamKey(s.Name()), s, s.Owner); err != nil {
		return record.Stream{}, err
	}
	if err := tx.prepareStreamStop(s.Name()); err != nil {
		return record.Stream{}, err
	}
	return s, tx.emit(streamEvent(event, s))
}

// listStreams handles ListStreams.
func listStreams(tx *transaction, req call.Page) (call.Streams, error) {
	found, bookmark, err := collect[record.Stream](tx, req, record.StreamObject)
	if err != nil {
		return call.Streams{}, err
	}
	found, err = tx.stoppedStreams(found)
	return call.Streams{Streams: found, Bookmark: bookmark}, err
}

// getStream handles GetStream.
func getStream(tx *transaction, args []string) (record.Stream, error) {
	n, err := parseName("stream", args[0])
	if err != nil {
		return record.Stream{}, err
	}
	return tx.stream(n)
}
