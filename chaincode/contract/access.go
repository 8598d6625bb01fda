// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// Limits of access decisions.
const (
	// maxSet is the number of devices that one decision may be about, and the number of index
	// entries that may be read to find them.
	maxSet = 500
	// maxDecision is the size in bytes of the largest decision: when it is recorded, it is in the
	// transaction three times, as the record, in the event and as the answer, and Fabric's clients
	// and peers take messages of some MiB.
	maxDecision = 1 << 20
	// defaultTTL and maxTTL are how long a recorded decision holds, in milliseconds: an hour
	// unless the request says otherwise, 30 days at most.
	defaultTTL = 3_600_000
	maxTTL     = 30 * 24 * 3_600_000
)

// Access is the contract "access": decisions by the policies of the device's owner.
type Access struct {
	contractapi.Contract
}

func newAccess() *Access {
	return &Access{Contract: contractapi.Contract{Name: accessName, Info: info(accessName)}}
}

// GetEvaluateTransactions names the functions that only read.
func (*Access) GetEvaluateTransactions() []string { return evaluated(accessName) }

// Decide decides and leaves no trace.
func (*Access) Decide(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, decide)
}

// Request decides and puts the decision on record.
func (*Access) Request(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, requestAccess)
}

// Get returns a recorded decision.
func (*Access) Get(ctx contractapi.TransactionContextInterface, id string) (string, error) {
	return answer(ctx, func(tx *transaction) (record.Access, error) { return getAccess(tx, id) })
}

// List returns a page of recorded decisions.
func (*Access) List(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, listAccess)
}

// decideRequest is the request of Decide.
type decideRequest struct{ record.AccessQuery }

// Validate reports the first fault.
func (r decideRequest) Validate() error {
	if !slices.Contains(policy.Actions(), r.Action) {
		return record.Faultf("action", "must be one of %v", policy.Actions())
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
	return decideRequest{r.AccessQuery}.Validate()
}

// decide handles Decide.
func decide(tx *transaction, req decideRequest) (record.Decision, error) {
	principal, err := tx.principal(req.Device)
	if err != nil {
		return record.Decision{}, err
	}
	devices, owner, err := tx.resources(req.Resource)
	if err != nil {
		return record.Decision{}, err
	}
	set, err := tx.policySet(owner)
	if err != nil {
		return record.Decision{}, err
	}
	set = set.For(principal, req.Action)
	if err := set.Affordable(len(devices)); err != nil {
		return record.Decision{}, &record.Error{Code: record.TooLarge, Field: "resource", Message: err.Error()}
	}
	decision := record.Decision{
		Type: record.DecisionType, Version: record.Version,
		Allowed: len(devices) > 0, Subject: principal.Name(), Query: req.AccessQuery, Time: tx.now,
		Devices: []record.DeviceDecision{},
	}
	for _, d := range devices {
		one, _ := set.Decide(principal, req.Action, d, req.Context, tx.now)
		decision.Allowed = decision.Allowed && one.Allowed
		decision.Devices = append(decision.Devices, one)
	}
	return decision, fits(decision)
}

// fits refuses a decision that is too large to be put on record.
func fits(d record.Decision) error {
	data, err := record.Encode(d)
	if err != nil {
		return err
	}
	if len(data) > maxDecision {
		return &record.Error{Code: record.TooLarge, Field: "resource", Message: fmt.Sprintf(
			"the decision about %d devices has %d bytes, more than %d; ask about fewer at a time", len(d.Devices), len(data), maxDecision)}
	}
	return nil
}

// requestAccess handles access:Request. A refusal goes on record too.
func requestAccess(tx *transaction, req accessRequest) (record.Access, error) {
	decision, err := decide(tx, decideRequest{req.AccessQuery})
	if err != nil {
		return record.Access{}, err
	}
	ttl := req.TTL
	if ttl == 0 {
		ttl = defaultTTL
	}
	a := record.Access{
		Type: record.AccessType, Version: record.Version,
		ID: tx.stub.GetTxID(), MSP: tx.caller.MSP, Decision: decision, Expires: tx.now + ttl,
	}
	owner := req.Resource.Owner
	if len(decision.Devices) > 0 {
		owner = decision.Devices[0].Device.Owner
	}
	if err := tx.put(record.AccessKey(a.ID), a, owner); err != nil {
		return record.Access{}, err
	}
	return a, tx.emit(call.Event{Name: call.AccessRequested, ID: a.ID, Owner: owner, Access: &a})
}

// principal is who asks: the caller, or a device for which a bridge, or a registrar of the
// device's owner, asks.
func (tx *transaction) principal(device name.Name) (policy.Principal, error) {
	if device.IsZero() {
		roles, err := tx.roles()
		if err != nil {
			return policy.Principal{}, err
		}
		user, err := policy.User(tx.caller.MSP, tx.caller.Identity, roles, tx.caller.Units, tx.caller.Attributes)
		if err != nil {
			return policy.Principal{}, record.Errorf(record.Forbidden, "%v", err)
		}
		return user, nil
	}
	if err := tx.require(record.Bridge, record.Registrar); err != nil {
		return policy.Principal{}, err
	}
	d, err := tx.device(device)
	if err != nil {
		return policy.Principal{}, err
	}
	if d.Status != record.Active {
		return policy.Principal{}, record.Errorf(record.Forbidden, "device %s is %s; it may not ask", d.Name(), d.Status)
	}
	return policy.Device(d), nil
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
	return devices, r.Owner, nil
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

// policySet reads an organisation's policies in force, ready to decide.
func (tx *transaction) policySet(owner string) (*policy.Set, error) {
	inForce, err := tx.policiesInForce(owner)
	if err != nil {
		return nil, err
	}
	set, err := tx.instance.policies.Set(inForce)
	if err != nil {
		return nil, record.Errorf(record.Internal, "%v", err)
	}
	return set, nil
}

// policiesInForce reads an organisation's policies in force. The range is checked again at commit,
// so that none is added beyond what policies:Put allows.
func (tx *transaction) policiesInForce(owner string) ([]record.Policy, error) {
	rows, err := tx.stub.GetStateByPartialCompositeKey(record.PolicyObject, []string{owner})
	if err != nil {
		return nil, record.Errorf(record.Internal, "read the policies of %s: %v", owner, err)
	}
	defer rows.Close() //nolint:errcheck // the peer frees it at the end of the transaction anyway
	var inForce []record.Policy
	for rows.HasNext() {
		row, err := rows.Next()
		if err != nil {
			return nil, record.Errorf(record.Internal, "read the policies of %s: %v", owner, err)
		}
		var p record.Policy
		if err := decodeState(row.GetKey(), row.GetValue(), &p); err != nil {
			return nil, err
		}
		if p.Active {
			inForce = append(inForce, p)
		}
	}
	return inForce, nil
}

// getAccess handles access:Get.
func getAccess(tx *transaction, id string) (record.Access, error) {
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
