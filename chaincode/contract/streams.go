// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"

	"github.com/anchorline/anchorline/chaincode/record"
)

// streamRequest is the request of OpenStream.
type streamRequest struct {
	ID    string `json:"id"`
	Key   string `json:"key"`
	Proof string `json:"proof"`
}

func (r streamRequest) validate() error {
	return record.First(record.CheckName("id", r.ID), checkToken("key", r.Key), checkToken("proof", r.Proof))
}

// bridgeRequest is the request of SetBridge.
type bridgeRequest struct {
	ID string `json:"id"`
	// Bridge is the identity as roles:WhoAmI states it.
	Bridge string `json:"bridge"`
}

func (r bridgeRequest) validate() error {
	return record.First(record.CheckName("id", r.ID), record.CheckHash("bridge", r.Bridge))
}

// stream reads a stream that must exist.
func (tx *transaction) stream(id string) (record.Stream, error) {
	if err := record.CheckName("stream", id); err != nil {
		return record.Stream{}, record.Errorf(record.InvalidArgument, "%v", err)
	}
	var s record.Stream
	found, err := tx.get(record.StreamKey(id), &s)
	if err != nil {
		return record.Stream{}, err
	}
	if !found {
		return record.Stream{}, record.Errorf(record.NotFound, "stream %q is not open", id)
	}
	return s, nil
}

// bridgesStream reads a stream that the caller, and nobody else, writes.
func (tx *transaction) bridgesStream(id string) (record.Stream, error) {
	if err := tx.require(record.Bridge); err != nil {
		return record.Stream{}, err
	}
	s, err := tx.stream(id)
	if err != nil {
		return record.Stream{}, err
	}
	if s.Owner != tx.caller.MSP || s.Bridge != tx.caller.Identity {
		return record.Stream{}, record.Errorf(record.Forbidden, "stream %q is written by the bridge %s of %s only", s.ID, s.Bridge, s.Owner)
	}
	return s, nil
}

// adminsStream reads a stream of the organisation of which the caller must be an admin.
func (tx *transaction) adminsStream(id string) (record.Stream, error) {
	if err := tx.require(record.Admin); err != nil {
		return record.Stream{}, err
	}
	s, err := tx.stream(id)
	if err != nil {
		return record.Stream{}, err
	}
	if s.Owner != tx.caller.MSP {
		return record.Stream{}, record.Errorf(record.Forbidden, "stream %q belongs to %s; the caller is of %s", id, s.Owner, tx.caller.MSP)
	}
	return s, nil
}

// openStream handles OpenStream. The same bridge again, with the key that is open now, changes
// nothing and succeeds.
func openStream(tx *transaction, req streamRequest) (record.Stream, error) {
	if err := tx.require(record.Bridge); err != nil {
		return record.Stream{}, err
	}
	var known record.Stream
	found, err := tx.get(record.StreamKey(req.ID), &known)
	if err != nil {
		return record.Stream{}, err
	}
	if found {
		return known, openedBy(known, tx.caller, req.Key)
	}
	key, err := proveKey(req.Key, req.Proof, tx.streamSubject(req.ID, tx.caller.MSP))
	if err != nil {
		return record.Stream{}, err
	}
	key.From = tx.now
	s := record.Stream{
		Type: record.StreamType, Version: record.Version,
		ID: req.ID, Owner: tx.caller.MSP, Bridge: tx.caller.Identity,
		Keys: []record.Key{key}, Opened: tx.now, Updated: tx.now,
	}
	return tx.changeStream(StreamOpened, s)
}

// openedBy refuses whoever opens a stream again that is not theirs, or with a key that is not, or no
// longer, the stream's: its receipts would be worth nothing.
func openedBy(s record.Stream, c caller, key string) error {
	i := slices.IndexFunc(s.Keys, func(k record.Key) bool { return k.Public == key })
	if s.Owner != c.MSP || s.Bridge != c.Identity || i < 0 {
		return record.Errorf(record.AlreadyExists, "stream %q is open already, by %s with other content", s.ID, s.Owner)
	}
	if s.Keys[i].Until != 0 {
		return record.Errorf(record.Conflict, "key %s of stream %q was replaced by key %s; sign with that one", s.Keys[i].ID, s.ID, s.Keys[len(s.Keys)-1].ID)
	}
	return nil
}

// rotateStreamKey handles RotateStreamKey: by the stream's bridge with the old key's consent, or
// by an admin of the owner with a reason.
func rotateStreamKey(tx *transaction, req rotateRequest) (record.Stream, error) {
	read := tx.bridgesStream
	if req.Authorization == "" {
		read = tx.adminsStream
	}
	s, err := read(req.ID)
	if err != nil {
		return record.Stream{}, err
	}
	if current, open := record.CurrentKey(s.Keys); open && current.Public == req.Key {
		return s, nil
	}
	key, err := proveKey(req.Key, req.Proof, tx.streamSubject(s.ID, s.Owner))
	if err != nil {
		return record.Stream{}, err
	}
	if req.Authorization != "" {
		if err := authorizeRotation(req.Authorization, s.Keys, tx.streamSubject(s.ID, s.Owner), key); err != nil {
			return record.Stream{}, err
		}
	}
	if s.Keys, err = rotate(slices.Clone(s.Keys), key, tx.after(s.Updated), req.Reason); err != nil {
		return record.Stream{}, err
	}
	return tx.changeStream(StreamKeyRotated, s)
}

// setBridge handles SetBridge.
func setBridge(tx *transaction, req bridgeRequest) (record.Stream, error) {
	s, err := tx.adminsStream(req.ID)
	if err != nil || s.Bridge == req.Bridge {
		return s, err
	}
	s.Bridge = req.Bridge
	return tx.changeStream(StreamBridgeChanged, s)
}

// changeStream stores a stream and emits the event.
func (tx *transaction) changeStream(name string, s record.Stream) (record.Stream, error) {
	s.Updated = tx.after(s.Updated)
	if err := tx.put(record.StreamKey(s.ID), s, s.Owner); err != nil {
		return record.Stream{}, err
	}
	return s, tx.emit(streamEvent(name, s))
}

// streamListRequest is the request of ListStreams.
type streamListRequest struct {
	PageSize int    `json:"pageSize,omitempty"`
	Bookmark string `json:"bookmark,omitempty"`
}

func (r streamListRequest) paging() paging { return paging{size: r.PageSize, bookmark: r.Bookmark} }

func (r streamListRequest) validate() error { return r.paging().check() }

// streamList is a page of streams.
type streamList struct {
	Streams  []record.Stream `json:"streams"`
	Bookmark string          `json:"bookmark"`
}

// listStreams handles ListStreams.
func listStreams(tx *transaction, req streamListRequest) (streamList, error) {
	found, bookmark, err := collect[record.Stream](tx, req.paging(), record.StreamObject)
	return streamList{Streams: found, Bookmark: bookmark}, err
}
