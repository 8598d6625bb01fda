// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/chaincode/record"
)

// ownerPolicy returns the key-level endorsement policy of a record: a peer of its owner, and
// peers of as many other organisations as the terms say. It replaces the chaincode's own policy
// for the key, so naming the owner alone would let it rewrite its past.
func ownerPolicy(terms record.Terms, owner string) ([]byte, error) {
	if !slices.Contains(terms.Organisations, owner) {
		return nil, record.Errorf(record.Forbidden, "%s is not an organisation of the consortium %v; approve terms that name it by consortium:Approve",
			owner, terms.Organisations)
	}
	others := slices.DeleteFunc(slices.Sorted(slices.Values(terms.Organisations)), func(o string) bool { return o == owner })
	rules := []*common.SignaturePolicy{signedBy(0)}
	if terms.Others > 0 {
		var leaves []*common.SignaturePolicy
		for i := range others {
			leaves = append(leaves, signedBy(i+1))
		}
		rules = append(rules, outOf(terms.Others, leaves))
	}
	return marshalPolicy(outOf(len(rules), rules), append([]string{owner}, others...))
}

// everyPolicy returns the endorsement policy that needs a peer of each organisation.
func everyPolicy(organisations []string) ([]byte, error) {
	sorted := slices.Sorted(slices.Values(organisations))
	var leaves []*common.SignaturePolicy
	for i := range sorted {
		leaves = append(leaves, signedBy(i))
	}
	return marshalPolicy(outOf(len(leaves), leaves), sorted)
}

// signedBy is the rule that the i-th principal signed.
func signedBy(i int) *common.SignaturePolicy {
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)}}
}

// outOf is the rule that n of the rules hold.
func outOf(n int, rules []*common.SignaturePolicy) *common.SignaturePolicy {
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{
		NOutOf: &common.SignaturePolicy_NOutOf{N: int32(n), Rules: rules},
	}}
}

// marshalPolicy encodes a rule over the peers of organisations.
func marshalPolicy(rule *common.SignaturePolicy, organisations []string) ([]byte, error) {
	options := proto.MarshalOptions{Deterministic: true}
	envelope := &common.SignaturePolicyEnvelope{Rule: rule}
	for _, o := range organisations {
		role, err := options.Marshal(&msp.MSPRole{MspIdentifier: o, Role: msp.MSPRole_PEER})
		if err != nil {
			return nil, record.Errorf(record.Internal, "encode an endorsement policy: %v", err)
		}
		envelope.Identities = append(envelope.Identities, &msp.MSPPrincipal{
			PrincipalClassification: msp.MSPPrincipal_ROLE, Principal: role,
		})
	}
	data, err := options.Marshal(envelope)
	if err != nil {
		return nil, record.Errorf(record.Internal, "encode an endorsement policy: %v", err)
	}
	return data, nil
}
