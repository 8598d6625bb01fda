// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// streamStop reads the stop of a stream, an empty one when there is none or when it cannot be used.
func (tx *transaction) streamStop(stream name.Name) (record.StreamStop, error) {
	values, err := tx.getMany([]string{record.StreamStopKey(stream)})
	if err != nil {
		return record.StreamStop{}, err
	}
	tx.present[record.StreamStopKey(stream)] = values[0] != nil
	return readStreamStop(stream, values[0]), nil
}

// readStreamStop is the stop that is stored for a stream, an empty one when it cannot be used.
func readStreamStop(stream name.Name, value []byte) record.StreamStop {
	none := record.StreamStop{Type: record.StreamStopType, Version: record.Version, Owner: stream.Owner, ID: stream.ID}
	if value == nil {
		return none
	}
	var s record.StreamStop
	if err := decodeState(record.StreamStopKey(stream), value, &s); err != nil || s.Validate() != nil || s.Name() != stream {
		return none
	}
	return s
}

// stoppedStreams returns streams, in their order, with their owners' stops.
func (tx *transaction) stoppedStreams(streams []record.Stream) ([]record.Stream, error) {
	keys := make([]string, len(streams))
	for i, s := range streams {
		keys[i] = record.StreamStopKey(s.Name())
	}
	if len(keys) == 0 {
		return streams, nil
	}
	values, err := tx.getMany(keys)
	if err != nil {
		return nil, err
	}
	merged := make([]record.Stream, len(streams))
	for i, s := range streams {
		merged[i] = s.With(readStreamStop(s.Name(), values[i]))
	}
	return merged, nil
}

// prepareStreamStop writes the empty stop of a stream that has none, as prepareStop does of a device.
func (tx *transaction) prepareStreamStop(stream name.Name) error {
	s, err := tx.streamStop(stream)
	if err != nil {
		return err
	}
	key := record.StreamStopKey(stream)
	if !tx.present[key] {
		return tx.putOwn(key, s, stream.Owner)
	}
	return tx.guardOwn(key, stream.Owner)
}

// stopStream handles StopStream: it ends the open key of a stream, which takes no anchors until an admin
// puts another key in for a reason.
func stopStream(tx *transaction, req call.Revocation) (record.Stream, error) {
	s, err := tx.adminsStream(name.New(tx.caller.MSP, req.ID))
	if err != nil {
		return record.Stream{}, err
	}
	current, open := record.CurrentKey(s.Keys)
	if !open {
		last := s.Keys[len(s.Keys)-1]
		if last.Reason == req.Reason && last.CompromisedSince == req.CompromisedSince {
			return s, nil
		}
		return record.Stream{}, record.Errorf(record.Conflict, "stream %s is stopped already, for this reason: %s", s.Name(), last.Reason)
	}
	if err := within("compromisedSince", req.CompromisedSince, current.From.Time, tx.now); err != nil {
		return record.Stream{}, err
	}
	stop, err := tx.streamStop(s.Name())
	if err != nil {
		return record.Stream{}, err
	}
	now := tx.moment()
	stop.Key, stop.At, stop.Reason, stop.CompromisedSince = current.ID, &now, req.Reason, req.CompromisedSince
	if err := tx.putOwn(record.StreamStopKey(s.Name()), stop, s.Owner); err != nil {
		return record.Stream{}, err
	}
	s = s.With(stop)
	return s, tx.emit(streamEvent(call.StreamStopped, s))
}
