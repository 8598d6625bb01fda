// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

// Limits of access decisions.
const (
	// maxSet is the number of devices that one decision may be about, and the number of index
	// entries that may be read to find them.
	maxSet = 500
	// maxDecision is the size in bytes of the largest decision that is only answered: Fabric's clients
	// and peers take messages of some MiB.
	maxDecision = 1 << 20
	// maxRecorded is the size in bytes of the largest decision that is recorded. It is in the
	// transaction three times, as the record, in the event and as the answer, and whoever is a member
	// of the channel may have it written by a few bytes.
	maxRecorded = 64 << 10
	// defaultTTL and maxTTL are how long a recorded decision holds, in milliseconds: an hour
	// unless the request says otherwise, 30 days at most.
	defaultTTL = 3_600_000
	maxTTL     = 30 * 24 * 3_600_000
)

// decideRequest is the request of Decide.
type decideRequest struct{ call.AccessQuestion }

// Validate reports the first fault.
func (r decideRequest) Validate() error {
	if !slices.Contains(policy.Actions(), r.Action) {
		return record.Faultf("action", "must be one of %v", policy.Actions())
	}
	if r.Authorization != "" && r.Device.IsZero() {
		return record.Faultf("device", "is required with an authorization: it says which device signed the question")
	}
	return record.First(
		checkResource(r.Resource),
		record.CheckText("context.purpose", r.Context.Purpose, record.MaxText),
		record.CheckTime("context.from", r.Context.From),
		record.CheckTime("context.until", r.Context.Until),
	)
}

// checkResource reports whether a resource is one device or a set of one owner's.
func checkResource(r record.AccessResource) error {
	if !r.Device.IsZero() {
		if r.Owner != "" || r.Attributes != nil {
			return record.Faultf("resource", "give either \"device\", or \"owner\" and \"attributes\"")
		}
		return nil
	}
	return record.First(
		record.CheckMSP("resource.owner", r.Owner),
		record.CheckAttributes("resource.attributes", r.Attributes),
	)
}

// accessRequest is the request of access:Request.
type accessRequest struct{ call.AccessRequest }

// Validate reports the first fault.
func (r accessRequest) Validate() error {
	if r.TTL > maxTTL {
		return record.Faultf("ttl", "must be within 1 and %d milliseconds", int64(maxTTL))
	}
	return decideRequest{r.AccessQuestion}.Validate()
}

// decide handles Decide.
func decide(tx *transaction, req decideRequest) (record.Decision, error) {
	who, err := tx.asker(call.AccessRequest{AccessQuestion: req.AccessQuestion})
	if err != nil {
		return record.Decision{}, err
	}
	return tx.decision(who, req.AccessQuery, maxDecision)
}

// decision asks the policies of the devices' owner. It has at most so many bytes.
func (tx *transaction) decision(who asker, q record.AccessQuery, most int) (record.Decision, error) {
	devices, owner, err := tx.resources(q.Resource)
	if err != nil {
		return record.Decision{}, err
	}
	set, err := tx.policySet(owner)
	if err != nil {
		return record.Decision{}, err
	}
	set = set.For(who.principal, q.Action)
	if err := set.Affordable(len(devices)); err != nil {
		return record.Decision{}, &record.Error{Code: record.TooLarge, Field: "resource", Message: err.Error()}
	}
	decision := record.Decision{
		Type: record.DecisionType, Version: record.Version,
		Allowed: len(devices) > 0, Subject: who.principal.Name(), AskedBy: who.onBehalf, Query: q, Time: tx.now,
		Devices: []record.DeviceDecision{},
	}
	for _, d := range devices {
		one, _ := set.Decide(who.principal, q.Action, d, q.Context, tx.now)
		decision.Allowed = decision.Allowed && one.Allowed
		decision.Devices = append(decision.Devices, one)
	}
	return decision, fits(decision, most)
}

// fits refuses a decision that is too large.
func fits(d record.Decision, most int) error {
	data, err := record.Encode(d)
	if err != nil {
		return err
	}
	if len(data) > most {
		return &record.Error{Code: record.TooLarge, Field: "resource", Message: fmt.Sprintf(
			"the decision about %d devices has %d bytes, more than %d; ask about fewer at a time", len(d.Devices), len(data), most)}
	}
	return nil
}

// requestAccess handles access:Request. A refusal goes on record too.
func requestAccess(tx *transaction, req accessRequest) (record.Access, error) {
	who, err := tx.asker(req.AccessRequest)
	if err != nil {
		return record.Access{}, err
	}
	decision, err := tx.decision(who, req.AccessQuery, maxRecorded)
	if err != nil {
		return record.Access{}, err
	}
	ttl := req.TTL
	if ttl == 0 {
		ttl = defaultTTL
	}
	a := record.Access{
		Type: record.AccessType, Version: record.Version,
		ID: tx.stub.GetTxID(), MSP: who.msp, Decision: decision, Expires: tx.now + ttl,
	}
	owner := req.Resource.Owner
	if len(decision.Devices) > 0 {
		owner = decision.Devices[0].Device.Owner
	}
	if err := tx.put(record.AccessKey(a.ID), a, owner); err != nil {
		return record.Access{}, err
	}
	if err := tx.use(who, a); err != nil {
		return record.Access{}, err
	}
	return a, tx.emit(call.Event{Name: call.AccessRequested, ID: a.ID, Owner: owner, Access: &a})
}

// resources reads the devices that a decision is about, in the order of their names, and their
// owner.
func (tx *transaction) resources(r record.AccessResource) ([]record.Device, string, error) {
	if !r.Device.IsZero() {
		d, err := tx.device(r.Device)
		return []record.Device{d}, d.Owner, err
	}
	object, attributes := record.DeviceObject, []string{r.Owner}
	if names := sortedNames(r.Attributes); len(names) > 0 {
		object, attributes = record.DeviceAttributeIndex, []string{names[0], r.Attributes[names[0]], r.Owner}
	}
	keys, err := tx.scan(object, attributes)
	if err != nil {
		return nil, "", err
	}
	var devices []record.Device
	for _, key := range keys {
		var d record.Device
		found, err := tx.get(deviceKeyOf(key), &d)
		if err != nil {
			return nil, "", err
		}
		if found && d.Owner == r.Owner && hasAttributes(d, r.Attributes) {
			devices = append(devices, d)
		}
	}
	devices, err = tx.stopped(devices)
	return devices, r.Owner, err
}

// hasAttributes reports whether a device has all these attributes.
func hasAttributes(d record.Device, want map[string]string) bool {
	for name, value := range want {
		if !hasAttribute(d, name, value) {
			return false
		}
	}
	return true
}

// scan returns the keys under a partial composite key, of which there may be maxSet. The range
// is checked again at commit, so that a recorded decision left out no device.
func (tx *transaction) scan(object string, attributes []string) ([]string, error) {
	rows, err := tx.stub.GetStateByPartialCompositeKey(object, attributes)
	if err != nil {
		return nil, record.Errorf(record.Internal, "read %s: %v", object, err)
	}
	defer rows.Close() //nolint:errcheck // the peer frees it at the end of the transaction anyway
	var keys []string
	for rows.HasNext() {
		row, err := rows.Next()
		if err != nil {
			return nil, record.Errorf(record.Internal, "read %s: %v", object, err)
		}
		if len(keys) == maxSet {
			return nil, &record.Error{Code: record.TooLarge, Field: "resource", Message: fmt.Sprintf("matches more than %d devices; narrow it down", maxSet)}
		}
		keys = append(keys, row.GetKey())
	}
	return keys, nil
}

// getAccess handles access:Get.
func getAccess(tx *transaction, args []string) (record.Access, error) {
	id := args[0]
	if err := record.CheckHash("id", id); err != nil {
		return record.Access{}, record.Invalid(err)
	}
	var a record.Access
	found, err := tx.get(record.AccessKey(id), &a)
	if err != nil {
		return record.Access{}, err
	}
	if !found {
		return record.Access{}, record.Errorf(record.NotFound, "no decision was recorded by transaction %s", id)
	}
	return a, nil
}

// listAccess handles access:List.
func listAccess(tx *transaction, req call.Page) (call.Decisions, error) {
	found, bookmark, err := collect[record.Access](tx, req, record.AccessObject)
	return call.Decisions{Decisions: found, Bookmark: bookmark}, err
}
