// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// consortium returns the terms in force, nil while there are none.
func (tx *transaction) consortium() (*record.Terms, error) {
	if tx.termsRead {
		return tx.terms, nil
	}
	var c record.Consortium
	found, err := tx.get(record.ConsortiumKey(), &c)
	if err != nil {
		return nil, err
	}
	if found {
		tx.terms = &c.Terms
	}
	tx.termsRead = true
	return tx.terms, nil
}

// approve handles Approve. The terms come into force with the approval that was missing last.
func approve(tx *transaction, req record.Terms) (call.Consortium, error) {
	if err := tx.require(record.Admin); err != nil {
		return call.Consortium{}, err
	}
	terms := record.Terms{Organisations: slices.Sorted(slices.Values(req.Organisations)), Others: req.Others}
	current, err := tx.consortium()
	if err != nil {
		return call.Consortium{}, err
	}
	// An organisation that leaves approves the terms of those that stay.
	if !slices.Contains(concerned(current, terms), tx.caller.MSP) {
		return call.Consortium{}, record.Invalid(record.Faultf("organisations",
			"names neither the caller's own, %s, nor is it in the terms in force", tx.caller.MSP))
	}
	if err := tx.mayBegin(current, terms); err != nil {
		return call.Consortium{}, err
	}
	approvals, err := tx.approvals(current, terms)
	if err != nil {
		return call.Consortium{}, err
	}
	known := slices.IndexFunc(approvals, func(a record.Approval) bool { return a.MSP == tx.caller.MSP })
	if known >= 0 && approvals[known].Terms.Equal(terms) {
		return call.Consortium{Terms: current, Approvals: approvals}, nil
	}
	mine := record.Approval{
		Type: record.ApprovalType, Version: record.Version,
		MSP: tx.caller.MSP, Terms: terms, Updated: tx.now,
	}
	if known >= 0 {
		approvals[known] = mine
	} else {
		approvals = append(approvals, mine)
	}
	return tx.storeApproval(mine, current, approvals)
}

// mayBegin refuses first terms that leave out the organisation whose peer runs this instance. Terms
// that are in force guard themselves, since their next change needs every organisation in them; without
// any, each organisation's peer refuses to sign its own exclusion, so that no fewer than the
// chaincode's own endorsement policy asks for can shut a member out.
func (tx *transaction) mayBegin(current *record.Terms, terms record.Terms) error {
	local := tx.instance.local
	switch {
	case current != nil:
		return nil
	case local == "":
		return record.Errorf(record.Forbidden,
			"this chaincode does not know whose peer it runs for, and so endorses no first terms; start it with CORE_PEER_LOCALMSPID set to the MSP ID of the peer's organisation")
	case !slices.Contains(terms.Organisations, local):
		return &record.Error{Code: record.Forbidden, Field: "organisations", Message: fmt.Sprintf(
			"leaves out %s, whose peer is asked to endorse; the first terms name every organisation whose peers sign for the channel", local)}
	default:
		return nil
	}
}

// storeApproval writes an approval, and the terms if it was the last one missing.
func (tx *transaction) storeApproval(mine record.Approval, current *record.Terms, approvals []record.Approval) (call.Consortium, error) {
	name := call.ConsortiumApproved
	inForce := current
	if agreed(current, mine.Terms, approvals) {
		name, inForce = call.ConsortiumChanged, &mine.Terms
		if err := tx.storeTerms(mine.Terms); err != nil {
			return call.Consortium{}, err
		}
		if err := tx.confirm(mine, approvals); err != nil {
			return call.Consortium{}, err
		}
	}
	// An approval is the organisation's own statement: its peers, and no others, must sign it.
	if err := tx.putGuarded(record.ApprovalKey(mine.MSP), mine, []string{mine.MSP}); err != nil {
		return call.Consortium{}, err
	}
	slices.SortFunc(approvals, byMSP)
	state := call.Consortium{Terms: inForce, Approvals: approvals}
	return state, tx.emit(call.Event{Name: name, ID: mine.MSP, Owner: mine.MSP, Consortium: &mine.Terms})
}

// confirm writes the approvals of the others again, unchanged: so the peers of every organisation that
// approved before must sign that the terms come into force, by the rule that guards them from then on.
func (tx *transaction) confirm(mine record.Approval, approvals []record.Approval) error {
	for _, a := range approvals {
		if a.MSP == mine.MSP {
			continue
		}
		if err := tx.putGuarded(record.ApprovalKey(a.MSP), a, []string{a.MSP}); err != nil {
			return err
		}
	}
	return nil
}

// storeTerms puts terms into force. Every organisation's peers must sign their next change.
func (tx *transaction) storeTerms(terms record.Terms) error {
	c := record.Consortium{Type: record.ConsortiumType, Version: record.Version, Terms: terms, Updated: tx.now}
	return tx.putGuarded(record.ConsortiumKey(), c, terms.Organisations)
}

// putGuarded stores a record whose next change every one of these organisations must endorse.
func (tx *transaction) putGuarded(key string, v any, organisations []string) error {
	data, err := record.Encode(v)
	if err != nil {
		return err
	}
	if err := tx.stub.PutState(key, data); err != nil {
		return record.Errorf(record.Internal, "write %q: %v", key, err)
	}
	policy, err := everyPolicy(organisations)
	if err != nil {
		return err
	}
	return tx.guard(key, policy)
}

// agreed reports whether every organisation of the terms in force and of the next ones approves
// the next ones.
func agreed(current *record.Terms, next record.Terms, approvals []record.Approval) bool {
	for _, msp := range concerned(current, next) {
		if !slices.ContainsFunc(approvals, func(a record.Approval) bool { return a.MSP == msp && a.Terms.Equal(next) }) {
			return false
		}
	}
	return true
}

// concerned returns the organisations of the terms in force and of the next ones, sorted.
func concerned(current *record.Terms, next record.Terms) []string {
	all := slices.Clone(next.Organisations)
	if current != nil {
		all = append(all, current.Organisations...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// approvals reads what the organisations concerned approve, sorted by MSP ID. An organisation's
// own peers alone can change its approval, whatever chaincode they run: so the key says whose it
// is, never the record, and one that says otherwise, or that others guard, approves nothing.
func (tx *transaction) approvals(current *record.Terms, next record.Terms) ([]record.Approval, error) {
	found := []record.Approval{}
	for _, msp := range concerned(current, next) {
		var a record.Approval
		there, err := tx.get(record.ApprovalKey(msp), &a)
		if err != nil {
			return nil, err
		}
		if !there || a.MSP != msp {
			continue
		}
		guarded, err := tx.guardedBy(record.ApprovalKey(msp), msp)
		if err != nil {
			return nil, err
		}
		if guarded {
			found = append(found, a)
		}
	}
	return found, nil
}

// guardedBy reports whether a key's next change needs the peers of this organisation, and no others.
func (tx *transaction) guardedBy(key, msp string) (bool, error) {
	set, err := tx.stub.GetStateValidationParameter(key)
	if err != nil {
		return false, record.Errorf(record.Internal, "read the endorsement policy of %q: %v", key, err)
	}
	want, err := everyPolicy([]string{msp})
	return bytes.Equal(set, want), err
}

// getConsortium handles consortium:Get.
func getConsortium(tx *transaction, _ []string) (call.Consortium, error) {
	terms, err := tx.consortium()
	if err != nil {
		return call.Consortium{}, err
	}
	approvals := []record.Approval{}
	_, err = tx.page(call.Page{PageSize: call.MaxPage}, record.ApprovalObject, nil, func(key string, value []byte) error {
		var a record.Approval
		if err := decodeState(key, value, &a); err != nil {
			return err
		}
		if key == record.ApprovalKey(a.MSP) {
			approvals = append(approvals, a)
		}
		return nil
	})
	return call.Consortium{Terms: terms, Approvals: approvals}, err
}

// byMSP orders approvals.
func byMSP(a, b record.Approval) int { return strings.Compare(a.MSP, b.MSP) }
