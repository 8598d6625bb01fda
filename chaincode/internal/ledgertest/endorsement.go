// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// endorsed reports whether these organisations' peers suffice for everything a transaction
// writes: the key's own policy where there is one, else the chaincode's.
func (l *Ledger) endorsed(s *Stub, endorsers []string) bool {
	chaincodePolicy := len(s.Writes)+len(s.Policies) == 0
	written := map[string]bool{}
	for key := range s.Writes {
		written[key] = true
	}
	for key := range s.Policies {
		written[key] = true
	}
	for key := range written {
		policy := l.state[key].policy
		if policy == nil {
			chaincodePolicy = true
			continue
		}
		if !Satisfied(policy, endorsers) {
			return false
		}
	}
	return !chaincodePolicy || l.majority(endorsers)
}

// majority reports whether more than half of the organisations endorsed.
func (l *Ledger) majority(endorsers []string) bool {
	n := 0
	for _, o := range l.Organisations {
		if slices.Contains(endorsers, o) {
			n++
		}
	}
	return 2*n > len(l.Organisations)
}

// Satisfied reports whether peers of these organisations satisfy a serialized signature policy.
func Satisfied(policy []byte, endorsers []string) bool {
	envelope := &common.SignaturePolicyEnvelope{}
	if err := proto.Unmarshal(policy, envelope); err != nil {
		return false
	}
	// As in Fabric, one signature satisfies one leaf of the rule only.
	_, ok := satisfies(envelope.GetRule(), envelope.GetIdentities(), endorsers, make([]bool, len(endorsers)))
	return ok
}

// satisfies evaluates a rule with the endorsers not yet used, and returns those used after it.
func satisfies(rule *common.SignaturePolicy, principals []*msp.MSPPrincipal, endorsers []string, used []bool) ([]bool, bool) {
	switch r := rule.GetType().(type) {
	case *common.SignaturePolicy_SignedBy:
		role := &msp.MSPRole{}
		if int(r.SignedBy) >= len(principals) || proto.Unmarshal(principals[r.SignedBy].GetPrincipal(), role) != nil {
			return used, false
		}
		for i, endorser := range endorsers {
			if !used[i] && endorser == role.GetMspIdentifier() {
				next := slices.Clone(used)
				next[i] = true
				return next, true
			}
		}
		return used, false
	case *common.SignaturePolicy_NOutOf_:
		met, now := int32(0), slices.Clone(used)
		for _, inner := range r.NOutOf.GetRules() {
			next, ok := satisfies(inner, principals, endorsers, now)
			if ok {
				met++
				now = next
			}
		}
		if met < r.NOutOf.GetN() {
			return used, false
		}
		return now, true
	default:
		return used, false
	}
}
