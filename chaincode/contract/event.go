// SPDX-License-Identifier: Apache-2.0

package contract

import "github.com/anchorline/anchorline/chaincode/record"

// eventType is the type of every event payload.
const eventType = "event"

// The names of the events.
const (
	DeviceRegistered = "DeviceRegistered"
	DeviceKeyRotated = "DeviceKeyRotated"
	DeviceSuspended  = "DeviceSuspended"
	DeviceResumed    = "DeviceResumed"
	DeviceRevoked    = "DeviceRevoked"
	StreamOpened     = "StreamOpened"
	Anchored         = "Anchored"
)

// event is the payload of every event. It names what changed and carries what a read model
// needs most; the record itself is a query away.
type event struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// Name is the event's name, repeated so that a stored payload explains itself.
	Name string `json:"name"`
	// ID is the device or the stream that changed.
	ID string `json:"id"`
	// Owner is the MSP ID of the record's owner after the change.
	Owner string `json:"owner"`
	// By is the MSP ID of the caller.
	By string `json:"by"`
	// Time is the transaction's timestamp in milliseconds.
	Time int64 `json:"time"`
	// Device is the device after the change.
	Device *record.Device `json:"device,omitempty"`
	// Stream is the stream after the change.
	Stream *record.Stream `json:"stream,omitempty"`
	// Anchor is the entry that was stored.
	Anchor *record.AnchorEntry `json:"anchor,omitempty"`
}

// deviceEvent is the event of a change to a device.
func deviceEvent(name string, d record.Device) event {
	return event{Name: name, ID: d.ID, Owner: d.Owner, Device: &d}
}

// streamEvent is the event of a change to a stream.
func streamEvent(name string, s record.Stream) event {
	return event{Name: name, ID: s.ID, Owner: s.Owner, Stream: &s}
}
