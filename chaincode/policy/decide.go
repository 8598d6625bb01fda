// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Principal is who asks.
type Principal struct {
	entity cedar.Entity
}

// User is a caller: its organisation, its identity, its roles, and the units and attributes of
// its certificate.
func User(msp, identity string, roles []record.Role, units []string, attributes map[string]string) Principal {
	names := make([]cedar.Value, len(roles))
	for i, role := range roles {
		names[i] = cedar.String(role)
	}
	parents := []cedar.EntityUID{organisation(msp)}
	for _, unit := range units {
		parents = append(parents, cedar.NewEntityUID("Unit", cedar.String(msp+"/"+unit)))
	}
	return Principal{entity: cedar.Entity{
		UID:     cedar.NewEntityUID("User", cedar.String(msp+"/"+identity)),
		Parents: cedar.NewEntityUIDSet(parents...),
		Attributes: cedar.NewRecord(cedar.RecordMap{
			"msp": cedar.String(msp), "roles": cedar.NewSet(names...),
		}),
		Tags: tags(attributes),
	}}
}

// Device is a device that asks for itself.
func Device(d record.Device) Principal { return Principal{entity: deviceEntity(d)} }

// Name is "MSP/identity" of a user, the id of a device.
func (p Principal) Name() string { return string(p.entity.UID.ID) }

// deviceEntity is a device as policies see it.
func deviceEntity(d record.Device) cedar.Entity {
	return cedar.Entity{
		UID:     cedar.NewEntityUID("Device", cedar.String(d.ID)),
		Parents: cedar.NewEntityUIDSet(organisation(d.Owner)),
		Attributes: cedar.NewRecord(cedar.RecordMap{
			"id": cedar.String(d.ID), "owner": cedar.String(d.Owner),
			"type": cedar.String(d.DeviceType), "status": cedar.String(d.Status),
			"registered": cedar.NewDatetimeFromMillis(d.Registered),
		}),
		Tags: tags(d.Attributes),
	}
}

// organisation names an organisation.
func organisation(msp string) cedar.EntityUID {
	return cedar.NewEntityUID("Organisation", cedar.String(msp))
}

// tags makes tags of names and values.
func tags(attributes map[string]string) cedar.Record {
	record := cedar.RecordMap{}
	for name, value := range attributes {
		record[cedar.String(name)] = cedar.String(value)
	}
	return cedar.NewRecord(record)
}

// Set is an organisation's policies in force. It is safe for concurrent use.
type Set struct {
	policies  *cedar.PolicySet
	revisions map[string]uint64
}

// NewSet parses policies, which were valid when they were put. The error names the policy.
func NewSet(policies []record.Policy) (*Set, error) {
	set := &Set{policies: cedar.NewPolicySet(), revisions: map[string]uint64{}}
	for _, p := range policies {
		parsed, err := parseOne(p.Text)
		if err != nil {
			return nil, fmt.Errorf("policy %q of %s, revision %d: %w", p.ID, p.Owner, p.Revision, err)
		}
		set.policies.Add(cedar.PolicyID(p.ID), parsed)
		set.revisions[p.ID] = p.Revision
	}
	return set, nil
}

// Decide tells whether a principal may do something to a device at a time in milliseconds. A
// policy that cannot be evaluated, because it adds beyond the range of numbers for instance,
// does not count and is reported; reasons says why, by policy id. They are for people and belong
// on no ledger: a policy with more than one fault may give another reason each time.
func (s *Set) Decide(
	p Principal, action string, d record.Device, c record.AccessContext, now int64,
) (answer record.DeviceDecision, reasons map[string]string) {
	resource := deviceEntity(d)
	decision, diagnostic := cedar.Authorize(s.policies,
		cedar.EntityMap{p.entity.UID: p.entity, resource.UID: resource},
		cedar.Request{
			Principal: p.entity.UID, Action: cedar.NewEntityUID("Action", cedar.String(action)),
			Resource: resource.UID, Context: contextRecord(c, now),
		})
	answer = record.DeviceDecision{
		Device: d.ID, Owner: d.Owner, Allowed: decision == cedar.Allow, Policies: []record.PolicyReference{},
	}
	reasons = map[string]string{}
	for _, reason := range diagnostic.Reasons {
		id := string(reason.PolicyID)
		answer.Policies = append(answer.Policies, record.PolicyReference{ID: id, Revision: s.revisions[id]})
	}
	for _, fault := range diagnostic.Errors {
		id := string(fault.PolicyID)
		answer.Errors = append(answer.Errors, record.PolicyReference{ID: id, Revision: s.revisions[id]})
		reasons[id] = fault.Message
	}
	slices.SortFunc(answer.Policies, byID)
	slices.SortFunc(answer.Errors, byID)
	return answer, reasons
}

// byID orders policies.
func byID(a, b record.PolicyReference) int { return cmp.Compare(a.ID, b.ID) }

// contextRecord is a context as policies see it: what was not stated is absent.
func contextRecord(c record.AccessContext, now int64) cedar.Record {
	values := cedar.RecordMap{"time": cedar.NewDatetimeFromMillis(now)}
	if c.Purpose != "" {
		values["purpose"] = cedar.String(c.Purpose)
	}
	if c.From != 0 {
		values["from"] = cedar.NewDatetimeFromMillis(c.From)
	}
	if c.Until != 0 {
		values["until"] = cedar.NewDatetimeFromMillis(c.Until)
	}
	return cedar.NewRecord(values)
}
