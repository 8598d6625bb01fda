// SPDX-License-Identifier: Apache-2.0

package record

import (
	"slices"

	"github.com/anchorline/anchorline/reading/name"
)

// StopType is the type of a Stop.
const StopType = "stop"

// Stop is an owner's emergency stop of a device. It is written with the device, empty, and from then on
// the owner's own peers suffice to change it. It only ever narrows what the device's record says: see
// [Device.With].
type Stop struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	Owner   string `json:"owner"`
	ID      string `json:"id"`
	// Suspended is when the owner last stopped the device, and Revoked when it did so for good; nil when
	// it did not.
	Suspended *Moment `json:"suspended,omitempty"`
	Revoked   *Moment `json:"revoked,omitempty"`
	// Reason is what the registrar gave for the later of the two.
	Reason string `json:"reason,omitempty"`
	// CompromisedSince is the time from which a revoked device's readings are not to be trusted, in
	// milliseconds, 0 for none.
	CompromisedSince int64 `json:"compromisedSince,omitempty"`
}

// Name returns the device's name.
func (s Stop) Name() name.Name { return name.New(s.Owner, s.ID) }

// Validate reports the first fault. The owner's peers alone may have written the stop, whatever
// chaincode they run.
func (s Stop) Validate() error {
	for field, m := range map[string]*Moment{"suspended": s.Suspended, "revoked": s.Revoked} {
		if m == nil {
			continue
		}
		if err := First(CheckTime(field, m.Time), CheckHash(field, m.Tx)); err != nil {
			return err
		}
	}
	return First(CheckText("reason", s.Reason, MaxText), CheckTime("compromisedSince", s.CompromisedSince))
}

// With returns the device with its owner's stop. A suspension counts until the device's own record ends
// it, by the transaction that brought it; a revocation counts for good. Every change of the device's own
// record takes in the stop as it is by then, so what a stop adds here is later than that record: Updated
// is the stop's moment then.
func (d Device) With(s Stop) Device {
	if s.Suspended != nil && d.Status == Active && !d.suspendedBy(s.Suspended.Tx) {
		d.Status, d.StatusReason = Suspended, s.Reason
		d.Suspensions = append(slices.Clone(d.Suspensions), Period{From: *s.Suspended})
		d.Updated = *s.Suspended
	}
	if s.Revoked != nil && d.Status != Revoked {
		at := *s.Revoked
		d.Status, d.StatusReason, d.CompromisedSince = Revoked, s.Reason, s.CompromisedSince
		d.Revoked, d.Offered, d.Updated = &at, "", at
		d.Keys = CloseKey(d.Keys, at, s.Reason, 0)
	}
	return d
}

// suspendedBy reports whether the device's record tells of the suspension by this transaction.
func (d Device) suspendedBy(tx string) bool {
	return slices.ContainsFunc(d.Suspensions, func(p Period) bool { return p.From.Tx == tx })
}

// CloseKey returns keys with the open one ended, for a reason unless it named its successor itself.
func CloseKey(keys []Key, at Moment, reason string, compromisedSince int64) []Key {
	closed := slices.Clone(keys)
	if _, open := CurrentKey(closed); open {
		last := &closed[len(closed)-1]
		last.Until, last.Reason, last.CompromisedSince = &at, reason, compromisedSince
	}
	return closed
}

// StreamStopType is the type of a StreamStop.
const StreamStopType = "stream-stop"

// StreamStop is an owner's emergency stop of a stream's key, guarded as a [Stop] is. It only ends a key:
// see [Stream.With].
type StreamStop struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	Owner   string `json:"owner"`
	ID      string `json:"id"`
	// Key is the id of the key that ended, and At when; empty and nil while none was stopped.
	Key string  `json:"key,omitempty"`
	At  *Moment `json:"at,omitempty"`
	// Reason is what the admin gave.
	Reason string `json:"reason,omitempty"`
	// CompromisedSince is the time from which what the key signed is not to be trusted, in milliseconds,
	// 0 for none.
	CompromisedSince int64 `json:"compromisedSince,omitempty"`
}

// Name returns the stream's name.
func (s StreamStop) Name() name.Name { return name.New(s.Owner, s.ID) }

// Validate reports the first fault. The owner's peers alone may have written the stop, whatever
// chaincode they run.
func (s StreamStop) Validate() error {
	if s.At != nil {
		if s.Reason == "" {
			return Faultf("reason", "is required")
		}
		if err := First(CheckTime("at", s.At.Time), CheckHash("at", s.At.Tx)); err != nil {
			return err
		}
	}
	return First(CheckText("reason", s.Reason, MaxText), CheckTime("compromisedSince", s.CompromisedSince))
}

// With returns the stream with its owner's stop: the key that the stop names ends, if it is open, and
// Updated is the stop's moment then.
func (s Stream) With(stop StreamStop) Stream {
	if current, open := CurrentKey(s.Keys); open && stop.At != nil && current.ID == stop.Key {
		s.Keys = CloseKey(s.Keys, *stop.At, stop.Reason, stop.CompromisedSince)
		s.Updated = *stop.At
	}
	return s
}
