// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"

	"github.com/cedar-policy/cedar-go"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Decide tells whether a principal may do something to a device at a time in milliseconds. The
// device and the context are within the limits that record and the contract check. A policy that
// cannot be evaluated, because it adds beyond the range of numbers for instance, does not count
// and is reported; reasons says why, by policy id. They are for people and belong on no ledger: a
// policy with more than one fault may give another reason each time.
func (s *Set) Decide(
	p Principal, action string, d record.Device, c record.AccessContext, now int64,
) (answer record.DeviceDecision, reasons map[string]string) {
	pair := entities{principal: p.seenBy(d.Owner), resource: deviceEntity(d)}
	decision, diagnostic := cedar.Authorize(s, pair, cedar.Request{
		Principal: pair.principal.UID, Action: actionOf(action),
		Resource: pair.resource.UID, Context: contextRecord(c, now),
	})
	answer = record.DeviceDecision{
		Device: d.Name(), Allowed: decision == cedar.Allow, Policies: []record.PolicyReference{},
	}
	reasons = map[string]string{}
	for _, reason := range diagnostic.Reasons {
		answer.Policies = append(answer.Policies, s.reference(string(reason.PolicyID)))
	}
	for _, fault := range diagnostic.Errors {
		id := string(fault.PolicyID)
		answer.Errors = append(answer.Errors, s.reference(id))
		reasons[id] = fault.Message
	}
	slices.SortFunc(answer.Policies, byID)
	slices.SortFunc(answer.Errors, byID)
	return answer, reasons
}

// byID orders policies.
func byID(a, b record.PolicyReference) int { return cmp.Compare(a.ID, b.ID) }

// entities are the two entities of a request; the units and organisations are known by name only.
type entities struct{ principal, resource cedar.Entity }

// Get returns an entity. A device that asks about itself is the resource.
func (e entities) Get(uid cedar.EntityUID) (cedar.Entity, bool) {
	switch uid {
	case e.resource.UID:
		return e.resource, true
	case e.principal.UID:
		return e.principal, true
	default:
		return cedar.Entity{}, false
	}
}

// actionOf names an action.
func actionOf(action string) cedar.EntityUID {
	return cedar.NewEntityUID("Action", cedar.String(action))
}

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
