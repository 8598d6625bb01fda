// SPDX-License-Identifier: Apache-2.0

package record

import "slices"

// DeviceType is the type of a Device.
const DeviceType = "device"

// Status is where a device is in its life. Nothing leaves Revoked.
type Status string

// The states of a device.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Revoked   Status = "revoked"
)

// Key is a public key of a device or of a stream, and when it is valid: from From (inclusive)
// until Until (exclusive, 0 while it is open), in milliseconds of transaction time.
type Key struct {
	// ID is the key id: 8 bytes of the COSE Key thumbprint, in hexadecimal.
	ID string `json:"id"`
	// Algorithm is "EdDSA" or "ES256".
	Algorithm string `json:"algorithm"`
	// Public is the COSE_Key in base64url without padding.
	Public string `json:"public"`
	From   int64  `json:"from"`
	Until  int64  `json:"until,omitempty"`
	// Reason says why the key ended, or why it was put in without the old key's signature.
	Reason string `json:"reason,omitempty"`
}

// Period is a span of time from From (inclusive) until Until (exclusive, 0 while it lasts).
type Period struct {
	From  int64 `json:"from"`
	Until int64 `json:"until,omitempty"`
}

// contains reports whether the period holds a time.
func (p Period) contains(at int64) bool {
	return p.From <= at && (p.Until == 0 || at < p.Until)
}

// MaxSuspensions is the number of suspensions that a device may have in its life.
const MaxSuspensions = 256

// Device is a device as its owner registered it. It is never deleted.
type Device struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	ID      string `json:"id"`
	// Owner is the MSP ID of the organisation that governs the device.
	Owner  string `json:"owner"`
	Status Status `json:"status"`
	// StatusReason is what the registrar gave for the last suspension, resumption or revocation.
	StatusReason string `json:"statusReason,omitempty"`
	// Keys are the device's keys, oldest first.
	Keys       []Key             `json:"keys"`
	DeviceType string            `json:"deviceType,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	// Profile is the SHA-256 digest, in hexadecimal, of a document that describes the device.
	Profile string `json:"profile,omitempty"`
	// Offered is the MSP ID of the organisation to which the owner offers the device.
	Offered string `json:"offered,omitempty"`
	// Suspensions are the times during which the device was suspended, oldest first.
	Suspensions []Period `json:"suspensions,omitempty"`
	// Manufacturer names the manufacturer by whose certificate the device registered itself.
	Manufacturer string `json:"manufacturer,omitempty"`
	// Revoked is when the device was revoked, 0 while it is not.
	Revoked int64 `json:"revoked,omitempty"`
	// CompromisedSince is the time from which a revoked device's readings are not to be trusted.
	CompromisedSince int64 `json:"compromisedSince,omitempty"`
	// Registration is the digest of the request that registered the device, so that the same
	// request can be told from another one for the same id.
	Registration string `json:"registration"`
	Registered   int64  `json:"registered"`
	Updated      int64  `json:"updated"`
}

// CurrentKey returns the key that is open, if the device has one.
func (d Device) CurrentKey() (Key, bool) { return CurrentKey(d.Keys) }

// StatusAt returns the status that the device had at a time in milliseconds, and reports false
// for a time before its registration.
func (d Device) StatusAt(at int64) (Status, bool) {
	switch {
	case at < d.Registered:
		return "", false
	case d.Revoked != 0 && at >= d.Revoked:
		return Revoked, true
	case slices.ContainsFunc(d.Suspensions, func(p Period) bool { return p.contains(at) }):
		return Suspended, true
	default:
		return Active, true
	}
}

// CurrentKey returns the open key of keys, if there is one.
func CurrentKey(keys []Key) (Key, bool) {
	if n := len(keys); n > 0 && keys[n-1].Until == 0 {
		return keys[n-1], true
	}
	return Key{}, false
}

// KeyAt returns the key that was valid at a time in milliseconds, if there was one.
func KeyAt(keys []Key, at int64) (Key, bool) {
	i := slices.IndexFunc(keys, func(k Key) bool {
		return Period{k.From, k.Until}.contains(at)
	})
	if i < 0 {
		return Key{}, false
	}
	return keys[i], true
}

// FindKey returns the key with this key id, valid or not.
func FindKey(keys []Key, id string) (Key, bool) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.ID == id })
	if i < 0 {
		return Key{}, false
	}
	return keys[i], true
}
