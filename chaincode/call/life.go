// SPDX-License-Identifier: Apache-2.0

package call

import (
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// Rotation replaces a key of a device (devices:RotateKey) or of a stream (anchors:RotateStreamKey):
// authorised by the old key, or with a reason why the old key cannot do that.
type Rotation struct {
	// Owner is the MSP ID of the owner, empty for the caller's organisation. A stream's is always the
	// caller's.
	Owner string `json:"owner,omitempty"`
	ID    string `json:"id"`
	// Key is the new COSE_Key and Proof a proof of possession of it, in base64url.
	Key   string `json:"key"`
	Proof string `json:"proof"`
	// Authorization is the old key's consent, in base64url.
	Authorization string `json:"authorization,omitempty"`
	Reason        string `json:"reason,omitempty"`
	// CompromisedSince is the time in milliseconds from which what the old key signed is not to be
	// trusted, 0 for none. It needs a reason.
	CompromisedSince int64 `json:"compromisedSince,omitempty"`
}

// Validate reports the first fault.
func (r Rotation) Validate() error {
	if (r.Authorization == "") == (r.Reason == "") {
		return either("give either \"authorization\", signed by the old key, or a \"reason\" why there is none")
	}
	if r.Authorization != "" && r.CompromisedSince != 0 {
		return record.Faultf("compromisedSince", "needs a reason: a key that is compromised authorises nothing")
	}
	return record.First(
		optional("owner", r.Owner, record.CheckMSP),
		record.CheckName("id", r.ID),
		checkToken("key", r.Key),
		checkToken("proof", r.Proof),
		optional("authorization", r.Authorization, checkToken),
		optional("reason", r.Reason, checkReason),
		record.CheckTime("compromisedSince", r.CompromisedSince),
	)
}

// StatusChange suspends or resumes a device (devices:Suspend, devices:Resume).
type StatusChange struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
}

// Validate reports the first fault.
func (r StatusChange) Validate() error {
	return record.First(record.CheckName("id", r.ID), optional("reason", r.Reason, checkReason))
}

// Revocation ends a device for good (devices:Revoke), or a stream's key (anchors:StopStream).
type Revocation struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
	// CompromisedSince is the time in milliseconds from which the device's readings are not to be
	// trusted, 0 for none.
	CompromisedSince int64 `json:"compromisedSince,omitempty"`
}

// Validate reports the first fault.
func (r Revocation) Validate() error {
	return record.First(
		record.CheckName("id", r.ID),
		checkReason("reason", r.Reason),
		record.CheckTime("compromisedSince", r.CompromisedSince),
	)
}

// Offer offers a device to another organisation (devices:Offer).
type Offer struct {
	ID string `json:"id"`
	// To is the MSP ID of that organisation.
	To string `json:"to"`
}

// Validate reports the first fault.
func (r Offer) Validate() error {
	return record.First(record.CheckName("id", r.ID), record.CheckMSP("to", r.To))
}

// ID names one record of the caller's organisation, where nothing else is to be said
// (devices:WithdrawOffer).
type ID struct {
	ID string `json:"id"`
}

// Validate reports the first fault.
func (r ID) Validate() error { return record.CheckName("id", r.ID) }

// Acceptance takes over a device that is offered to the caller's organisation (devices:Accept).
type Acceptance struct {
	// From is the device's name under its owner so far.
	From name.Name `json:"from"`
	// ID is its id in the caller's organisation; empty for the same as before.
	ID string `json:"id,omitempty"`
	// Key is the device's COSE_Key and Proof a proof of possession of it for the new name, in
	// base64url.
	Key   string `json:"key"`
	Proof string `json:"proof"`
}

// Validate reports the first fault.
func (r Acceptance) Validate() error {
	return record.First(
		checkFullName("from", r.From),
		optional("id", r.ID, record.CheckName),
		checkToken("key", r.Key),
		checkToken("proof", r.Proof),
	)
}

// NewID is the device's id in the caller's organisation.
func (r Acceptance) NewID() string {
	if r.ID == "" {
		return r.From.ID
	}
	return r.ID
}
