// SPDX-License-Identifier: Apache-2.0

package call

import (
	"fmt"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading/name"
)

// MaxRegistrations is the number of devices that one transaction registers at most: a transaction
// must end long before the peer's 30 s, and its writes must fit into a block.
const MaxRegistrations = 200

// Registration registers a device for the caller's organisation (devices:Register). Key and Proof
// are base64url without padding: a COSE_Key, and a proof that its owner holds the private key
// (docs/formats.md).
type Registration struct {
	ID         string            `json:"id"`
	Key        string            `json:"key"`
	Proof      string            `json:"proof"`
	Type       string            `json:"type,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	// Profile is the SHA-256 digest, in hexadecimal, of a document that describes the device.
	Profile string `json:"profile,omitempty"`
	// ReportingPeriod is the longest time in milliseconds that the device stays silent while it
	// works, 0 when nothing is expected of it.
	ReportingPeriod int64 `json:"reportingPeriod,omitempty"`
}

// Validate reports the first fault.
func (r Registration) Validate() error {
	return record.First(
		record.CheckName("id", r.ID),
		checkToken("key", r.Key),
		checkToken("proof", r.Proof),
		checkDescription(r.Type, r.Attributes, r.Profile, r.ReportingPeriod),
	)
}

// checkDescription checks what is said of a device.
func checkDescription(kind string, attributes map[string]string, profile string, period int64) error {
	return record.First(
		optional("type", kind, record.CheckName),
		record.CheckAttributes("attributes", attributes),
		optional("profile", profile, record.CheckHash),
		record.CheckTime("reportingPeriod", period),
	)
}

// Registrations registers several devices in one transaction, all or none (devices:RegisterMany).
type Registrations struct {
	Devices []Registration `json:"devices"`
}

// Validate reports the first fault.
func (r Registrations) Validate() error {
	if n := len(r.Devices); n == 0 || n > MaxRegistrations {
		return record.Faultf("devices", "must have 1 to %d elements", MaxRegistrations)
	}
	seen := map[string]bool{}
	for i, d := range r.Devices {
		at := fmt.Sprintf("devices[%d]", i)
		if err := record.Within(at, d.Validate()); err != nil {
			return err
		}
		if seen[d.ID] {
			return record.Faultf(at+".id", "%q comes twice", d.ID)
		}
		seen[d.ID] = true
	}
	return nil
}

// Registered says what became of several registrations: the ids that are new, and those that were
// registered with the same content before, both in the order of the request.
type Registered struct {
	Registered []string `json:"registered"`
	Unchanged  []string `json:"unchanged"`
}

// Description is what a registrar says of a device (devices:SetAttributes). What it leaves out is
// removed.
type Description struct {
	ID              string            `json:"id"`
	Type            string            `json:"type,omitempty"`
	Attributes      map[string]string `json:"attributes,omitempty"`
	Profile         string            `json:"profile,omitempty"`
	ReportingPeriod int64             `json:"reportingPeriod,omitempty"`
}

// Validate reports the first fault.
func (r Description) Validate() error {
	return record.First(record.CheckName("id", r.ID), checkDescription(r.Type, r.Attributes, r.Profile, r.ReportingPeriod))
}

// DeviceFilter narrows a list of devices. Every filter that is given must hold.
type DeviceFilter struct {
	Owner     string            `json:"owner,omitempty"`
	Type      string            `json:"type,omitempty"`
	Status    record.Status     `json:"status,omitempty"`
	Attribute *record.Attribute `json:"attribute,omitempty"`
}

// Validate reports the first fault.
func (f DeviceFilter) Validate() error {
	if a := f.Attribute; a != nil {
		if err := record.CheckAttributes("attribute", map[string]string{a.Name: a.Value}); err != nil {
			return err
		}
	}
	return record.First(
		optional("owner", f.Owner, record.CheckMSP),
		optional("type", f.Type, record.CheckName),
		optional("status", string(f.Status), checkStatus),
	)
}

func checkStatus(field, s string) error {
	for _, known := range record.Statuses() {
		if s == string(known) {
			return nil
		}
	}
	return record.Faultf(field, "must be one of %v", record.Statuses())
}

// DeviceList is the request of devices:List.
type DeviceList struct {
	DeviceFilter
	Page
}

// Validate reports the first fault.
func (r DeviceList) Validate() error {
	return record.First(r.DeviceFilter.Validate(), r.Page.Validate())
}

// Devices is a page of devices. With more than one filter it may hold fewer than asked for; the list
// ends where the bookmark is empty.
type Devices struct {
	Devices  []record.Device `json:"devices"`
	Bookmark string          `json:"bookmark"`
}

// DeviceKey is the answer of devices:KeyAt: the key and the status that a device had at a time.
type DeviceKey struct {
	Device name.Name `json:"device"`
	// Time is the time that was asked about, in milliseconds.
	Time int64 `json:"time"`
	// Status is the device's status at that time.
	Status record.Status `json:"status"`
	// Key is the key that was open then; nil when none was.
	Key *record.Key `json:"key,omitempty"`
	// Standing is what that key was worth then, by the ledger's times; nil without a key.
	Standing *standing.Verdict `json:"standing,omitempty"`
	// Trusted is true when the key vouched for the device then and its owner did not disown it since.
	Trusted bool `json:"trusted"`
}

// History is the request of devices:History. After is the transaction id on which the page before
// ended.
type History struct {
	Device   name.Name `json:"device"`
	PageSize int       `json:"pageSize,omitempty"`
	After    string    `json:"after,omitempty"`
}

// Validate reports the first fault.
func (r History) Validate() error {
	return record.First(
		checkFullName("device", r.Device),
		optional("after", r.After, record.CheckHash),
		Page{PageSize: r.PageSize}.Validate(),
	)
}

// DeviceChange is what a device was after one transaction.
type DeviceChange struct {
	TxID string `json:"txId"`
	// Time is the timestamp of the transaction, in milliseconds.
	Time   int64         `json:"time"`
	Device record.Device `json:"device"`
}

// Changes is a page of changes, newest first. After is what the next page's request names, empty at
// the end.
type Changes struct {
	Changes []DeviceChange `json:"changes"`
	After   string         `json:"after"`
}
