// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// checkRaftPolicy checks that any orderer of any ordering organisation may sign a block alone: the
// channel's BlockValidation policy asks for one organisation's Writers, and each organisation's
// Writers are satisfied by one of its orderers.
func checkRaftPolicy(group *common.ConfigGroup, list []Organisation) error {
	policy := group.GetPolicies()["BlockValidation"].GetPolicy()
	meta := &common.ImplicitMetaPolicy{}
	if policy.GetType() != int32(common.Policy_IMPLICIT_META) {
		return fmt.Errorf("BlockValidation is a policy of type %d; for Raft, ANY Writers is known", policy.GetType())
	}
	if err := proto.Unmarshal(policy.GetValue(), meta); err != nil {
		return fmt.Errorf("BlockValidation: %w", err)
	}
	if one := meta.GetRule() == common.ImplicitMetaPolicy_ANY || len(list) == 1; !one || meta.GetSubPolicy() != "Writers" {
		return fmt.Errorf("BlockValidation is %s %s; for Raft, ANY Writers is known", meta.GetRule(), meta.GetSubPolicy())
	}
	for name, org := range group.GetGroups() {
		config, fabric := &msp.MSPConfig{}, &msp.FabricMSPConfig{}
		if err := errors.Join(value(org, "MSP", config), proto.Unmarshal(config.GetConfig(), fabric)); err != nil {
			return err
		}
		if err := checkWriters(org.GetPolicies()["Writers"].GetPolicy(), fabric.GetName()); err != nil {
			return fmt.Errorf("ordering organisation %s: %w", name, err)
		}
	}
	return nil
}

// checkWriters checks that one orderer of an organisation satisfies a policy.
func checkWriters(policy *common.Policy, mspID string) error {
	rule := &common.SignaturePolicyEnvelope{}
	if policy.GetType() != int32(common.Policy_SIGNATURE) {
		return fmt.Errorf("Writers is a policy of type %d; a signature policy is known", policy.GetType()) //nolint:staticcheck // the policy's name
	}
	if err := proto.Unmarshal(policy.GetValue(), rule); err != nil {
		return fmt.Errorf("policy Writers: %w", err)
	}
	satisfied := make([]bool, len(rule.GetIdentities()))
	for i, principal := range rule.GetIdentities() {
		role := &msp.MSPRole{}
		if principal.GetPrincipalClassification() != msp.MSPPrincipal_ROLE || proto.Unmarshal(principal.GetPrincipal(), role) != nil {
			continue
		}
		satisfied[i] = role.GetMspIdentifier() == mspID &&
			(role.GetRole() == msp.MSPRole_MEMBER || role.GetRole() == msp.MSPRole_ORDERER)
	}
	if !alone(rule.GetRule(), satisfied, maxDepth) {
		return errors.New("one of its orderers alone does not satisfy its policy Writers")
	}
	return nil
}

// maxDepth bounds how deep a policy may nest.
const maxDepth = 32

// alone reports whether one signer who is the principals marked satisfies a rule. A signer counts
// once.
func alone(rule *common.SignaturePolicy, satisfied []bool, depth int) bool {
	switch r := rule.GetType().(type) {
	case *common.SignaturePolicy_SignedBy:
		return r.SignedBy >= 0 && int(r.SignedBy) < len(satisfied) && satisfied[r.SignedBy]
	case *common.SignaturePolicy_NOutOf_:
		if r.NOutOf.GetN() != 1 || depth == 0 {
			return false
		}
		for _, sub := range r.NOutOf.GetRules() {
			if alone(sub, satisfied, depth-1) {
				return true
			}
		}
	}
	return false
}

// checkBFTPolicy checks that BlockValidation asks for a quorum of exactly the consenters, as Fabric
// demands of every configuration of a BFT channel.
func checkBFTPolicy(group *common.ConfigGroup, list []*common.Consenter) error {
	policy := group.GetPolicies()["BlockValidation"].GetPolicy()
	have, want := &common.SignaturePolicyEnvelope{}, &common.SignaturePolicyEnvelope{}
	if policy.GetType() != int32(common.Policy_SIGNATURE) {
		return fmt.Errorf("BlockValidation is a policy of type %d; for BFT, a quorum of the consenters is known", policy.GetType())
	}
	if err := proto.Unmarshal(policy.GetValue(), have); err != nil {
		return fmt.Errorf("BlockValidation: %w", err)
	}
	quorum := &common.SignaturePolicy_NOutOf{N: int32(Quorum(len(list)))}
	for i, c := range list {
		identity, err := proto.Marshal(&msp.SerializedIdentity{Mspid: c.GetMspId(), IdBytes: c.GetIdentity()})
		if err != nil {
			return fmt.Errorf("consenter %d: %w", c.GetId(), err)
		}
		want.Identities = append(want.Identities, &msp.MSPPrincipal{PrincipalClassification: msp.MSPPrincipal_IDENTITY, Principal: identity})
		quorum.Rules = append(quorum.Rules, &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)}})
	}
	want.Rule = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: quorum}}
	if !proto.Equal(have, want) {
		return fmt.Errorf("BlockValidation is not a quorum, %d of the %d consenters", quorum.GetN(), len(list))
	}
	return nil
}
