// SPDX-License-Identifier: Apache-2.0

package record

import (
	"slices"

	"github.com/anchorline/anchorline/reading/name"
)

// DeviceType is the type of a Device.
const DeviceType = "device"

// Status is where a device is in its life. Nothing leaves Revoked, and Transferred leads to Revoked
// only.
type Status string

// The states of a device.
const (
	Active      Status = "active"
	Suspended   Status = "suspended"
	Transferred Status = "transferred" // another organisation has it now, under a name of its own
	Revoked     Status = "revoked"
)

// Statuses returns every status, in alphabetical order.
func Statuses() []Status { return []Status{Active, Revoked, Suspended, Transferred} }

// Key is a public key of a device or of a stream, and when it is valid: from From (inclusive)
// until Until (exclusive; nil while it is open).
type Key struct {
	// ID is the key id: 8 bytes of the COSE Key thumbprint, in hexadecimal.
	ID string `json:"id"`
	// Algorithm is "EdDSA" or "ES256".
	Algorithm string `json:"algorithm"`
	// Public is the COSE_Key in base64url without padding.
	Public string  `json:"public"`
	From   Moment  `json:"from"`
	Until  *Moment `json:"until,omitempty"`
	// Reason says why the key ended without naming its successor itself: it was lost, stolen, or
	// its device was revoked. A key that authorised its successor has none.
	Reason string `json:"reason,omitempty"`
	// CompromisedSince is the time from which what the key signed is not to be trusted, in
	// milliseconds, 0 for none. It is never before From.
	CompromisedSince int64 `json:"compromisedSince,omitempty"`
}

// MaxSuspensions is the number of suspensions that a device may have in its life.
const MaxSuspensions = 256

// Device is a device as its owner registered it. Its name never changes, and so neither does its
// owner: a device that is transferred gets another record, under its new owner. A record is never
// deleted.
type Device struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// Owner is the MSP ID of the organisation that governs the device; ID is unique within it.
	Owner  string `json:"owner"`
	ID     string `json:"id"`
	Status Status `json:"status"`
	// StatusReason is what the registrar gave for the last suspension, resumption or revocation.
	StatusReason string `json:"statusReason,omitempty"`
	// Keys are the device's keys, oldest first.
	Keys       []Key             `json:"keys"`
	DeviceType string            `json:"deviceType,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	// Profile is the SHA-256 digest, in hexadecimal, of a document that describes the device.
	Profile string `json:"profile,omitempty"`
	// ReportingPeriod is the longest time in milliseconds that the device stays silent while it
	// works, 0 when nothing is expected of it.
	ReportingPeriod int64 `json:"reportingPeriod,omitempty"`
	// Offered is the MSP ID of the organisation to which the owner offers the device.
	Offered string `json:"offered,omitempty"`
	// Suspensions are the times during which the device was suspended, oldest first.
	Suspensions []Period `json:"suspensions,omitempty"`
	// Manufacturer names the manufacturer by whose certificate the device registered itself.
	Manufacturer string `json:"manufacturer,omitempty"`
	// TransferredTo is the device's name under its new owner, TransferredFrom under its former one.
	TransferredTo   name.Name `json:"transferredTo,omitzero"`
	TransferredFrom name.Name `json:"transferredFrom,omitzero"`
	// Transferred is when the new owner accepted the device, nil while it has not.
	Transferred *Moment `json:"transferred,omitempty"`
	// Revoked is when the device was revoked, nil while it is not.
	Revoked *Moment `json:"revoked,omitempty"`
	// CompromisedSince is the time from which a revoked device's readings are not to be trusted, in
	// milliseconds, 0 for none. It is never before Registered.
	CompromisedSince int64 `json:"compromisedSince,omitempty"`
	// Registration is the digest of the request that registered the device, so that the same
	// request can be told from another one for the same name.
	Registration string `json:"registration"`
	Registered   Moment `json:"registered"`
	Updated      Moment `json:"updated"`
}

// Name returns the device's name.
func (d Device) Name() name.Name { return name.New(d.Owner, d.ID) }

// CurrentKey returns the key that is open, if the device has one.
func (d Device) CurrentKey() (Key, bool) { return CurrentKey(d.Keys) }

// CurrentKey returns the open key of keys, if there is one.
func CurrentKey(keys []Key) (Key, bool) {
	if n := len(keys); n > 0 && keys[n-1].Until == nil {
		return keys[n-1], true
	}
	return Key{}, false
}

// FindKey returns the key with this key id, valid or not.
func FindKey(keys []Key, id string) (Key, bool) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.ID == id })
	if i < 0 {
		return Key{}, false
	}
	return keys[i], true
}
