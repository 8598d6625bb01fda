// SPDX-License-Identifier: Apache-2.0

package call

import "github.com/anchorline/anchorline/chaincode/record"

// EventType is the type of every event payload.
const EventType = "event"

// The names of the events.
const (
	DeviceRegistered     = "DeviceRegistered"
	DevicesRegistered    = "DevicesRegistered"
	DeviceChanged        = "DeviceChanged"
	DeviceKeyRotated     = "DeviceKeyRotated"
	DeviceSuspended      = "DeviceSuspended"
	DeviceResumed        = "DeviceResumed"
	DeviceRevoked        = "DeviceRevoked"
	DeviceOffered        = "DeviceOffered"
	DeviceOfferWithdrawn = "DeviceOfferWithdrawn"
	DeviceTransferred    = "DeviceTransferred"
	ManufacturerAdded    = "ManufacturerAdded"
	ManufacturerRemoved  = "ManufacturerRemoved"
	StreamOpened         = "StreamOpened"
	StreamKeyRotated     = "StreamKeyRotated"
	StreamStopped        = "StreamStopped"
	StreamBridgeChanged  = "StreamBridgeChanged"
	Anchored             = "Anchored"
	EquivocationReported = "EquivocationReported"
	RoleGranted          = "RoleGranted"
	RoleRevoked          = "RoleRevoked"
	PolicyPut            = "PolicyPut"
	PolicyRevoked        = "PolicyRevoked"
	AccessRequested      = "AccessRequested"
	ConsortiumApproved   = "ConsortiumApproved"
	ConsortiumChanged    = "ConsortiumChanged"
)

// Event is the payload of every event. It names what changed and carries the record after the
// change, so that a read model needs no query. Exactly one of the records is there, but for
// a transfer, which changes two.
type Event struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// Name is the event's name, repeated so that a stored payload explains itself.
	Name string `json:"name"`
	// ID is the id of what changed.
	ID string `json:"id"`
	// Owner is the MSP ID of the record's owner after the change.
	Owner string `json:"owner"`
	// By is the MSP ID of the caller.
	By string `json:"by"`
	// Time is the transaction's timestamp in milliseconds.
	Time int64 `json:"time"`

	Device *record.Device `json:"device,omitempty"`
	// Former is the record under the former owner of a device that was transferred.
	Former       *record.Device             `json:"former,omitempty"`
	Devices      []string                   `json:"devices,omitempty"`
	Manufacturer *record.Manufacturer       `json:"manufacturer,omitempty"`
	Stream       *record.Stream             `json:"stream,omitempty"`
	Anchor       *record.AnchorEntry        `json:"anchor,omitempty"`
	Equivocation *record.EquivocationReport `json:"equivocation,omitempty"`
	Grant        *record.Grant              `json:"grant,omitempty"`
	Policy       *record.Policy             `json:"policy,omitempty"`
	Access       *record.Access             `json:"access,omitempty"`
	Consortium   *record.Terms              `json:"consortium,omitempty"`
}
