// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

// policy reads a policy that must exist.
func (tx *transaction) policy(key string) (record.Policy, error) {
	var p record.Policy
	found, err := tx.get(key, &p)
	if err != nil {
		return record.Policy{}, err
	}
	if !found {
		return record.Policy{}, record.Errorf(record.NotFound, "there is no such policy or revision")
	}
	return p, nil
}

// checkPolicy parses a policy, compares it with the schema, and says what it costs and what may
// surprise if the caller's organisation puts it: policies:Check.
func checkPolicy(tx *transaction, args []string) (call.CheckedPolicy, error) {
	text := args[0]
	p, err := policy.Parse(text)
	if err != nil {
		return call.CheckedPolicy{}, invalid("text", err)
	}
	checked := call.CheckedPolicy{Text: p.Text(), Cost: p.Cost(), Warnings: []call.PolicyWarning{}}
	for _, w := range policy.Lint(text, tx.caller.MSP) {
		checked.Warnings = append(checked.Warnings, call.PolicyWarning(w))
	}
	return checked, nil
}

// putPolicy handles policies:Put. The text that is in force already succeeds without a change.
func putPolicy(tx *transaction, req call.PolicyText) (record.Policy, error) {
	if err := tx.require(record.Admin); err != nil {
		return record.Policy{}, err
	}
	if _, err := policy.Parse(req.Text); err != nil {
		return record.Policy{}, invalid("text", err)
	}
	var latest record.Policy
	found, err := tx.get(record.PolicyKey(tx.caller.MSP, req.ID), &latest)
	if err != nil {
		return record.Policy{}, err
	}
	if found && latest.Active && latest.Text == req.Text {
		return latest, nil
	}
	if !latest.Active {
		inForce, err := tx.inForce(tx.caller.MSP)
		if err != nil {
			return record.Policy{}, err
		}
		if len(inForce) >= record.MaxPolicies {
			return record.Policy{}, record.Errorf(record.Conflict, "%s has %d policies in force, which is the most there can be; revoke one first", tx.caller.MSP, len(inForce))
		}
	}
	next := record.Policy{
		Type: record.PolicyType, Version: record.Version,
		Owner: tx.caller.MSP, ID: req.ID, Revision: latest.Revision + 1,
		Text: req.Text, Active: true, Updated: tx.now,
	}
	return tx.storeRevision(call.PolicyPut, latest.Active, next)
}

// revokePolicy handles policies:Revoke.
func revokePolicy(tx *transaction, req call.PolicyRevocation) (record.Policy, error) {
	if err := tx.require(record.Admin); err != nil {
		return record.Policy{}, err
	}
	latest, err := tx.policy(record.PolicyKey(tx.caller.MSP, req.ID))
	if err != nil || !latest.Active {
		return latest, err
	}
	latest.Revision++
	latest.Active, latest.Text, latest.Reason = false, "", req.Reason
	latest.Updated = tx.now
	return tx.storeRevision(call.PolicyRevoked, true, latest)
}

// storeRevision writes a revision for good and as the latest, and sees to it that the index of the
// policies in force says whether it is one.
func (tx *transaction) storeRevision(event string, wasActive bool, p record.Policy) (record.Policy, error) {
	for _, key := range []string{record.PolicyKey(p.Owner, p.ID), record.RevisionKey(p.Owner, p.ID, p.Revision)} {
		if err := tx.put(key, p, p.Owner); err != nil {
			return record.Policy{}, err
		}
	}
	active := record.ActivePolicyKey(p.Owner, p.ID)
	switch {
	case p.Active && !wasActive:
		if err := tx.index(active, p.Owner); err != nil {
			return record.Policy{}, err
		}
	case !p.Active && wasActive:
		if err := tx.unindex(active); err != nil {
			return record.Policy{}, err
		}
	}
	return p, tx.emit(call.Event{Name: event, ID: p.ID, Owner: p.Owner, Policy: &p})
}

// listPolicies handles policies:List: of every organisation unless the request names one.
func listPolicies(tx *transaction, req call.OfOwner) (call.Policies, error) {
	found, bookmark, err := collect[record.Policy](tx, req.Page, record.PolicyObject, given(req.Owner)...)
	return call.Policies{Policies: found, Bookmark: bookmark}, err
}

// getPolicy handles policies:Get.
func getPolicy(tx *transaction, args []string) (record.Policy, error) {
	n, err := parseName("policy", args[0])
	if err != nil {
		return record.Policy{}, err
	}
	return tx.policy(record.PolicyKey(n.Owner, n.ID))
}

// getRevision handles GetRevision.
func getRevision(tx *transaction, args []string) (record.Policy, error) {
	named, err := parseName("policy", args[0])
	if err != nil {
		return record.Policy{}, err
	}
	n, err := parseNumber("revision", args[1])
	if err != nil {
		return record.Policy{}, err
	}
	return tx.policy(record.RevisionKey(named.Owner, named.ID, n))
}

// getSchema handles Schema.
func getSchema(*transaction, []string) (call.PolicySchema, error) {
	return call.PolicySchema{Schema: policy.Schema}, nil
}
