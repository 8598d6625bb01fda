// SPDX-License-Identifier: Apache-2.0

package fabrictest

import (
	"math"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/audit/trust"
)

// ConfigBlock makes the block with the channel's configuration, as a peer keeps it; edit may change
// the configuration before.
func (n *Network) ConfigBlock(t testing.TB, edit ...func(root *common.ConfigGroup)) []byte {
	t.Helper()
	root := group()
	Set(t, root, "HashingAlgorithm", &common.HashingAlgorithm{Name: "SHA256"})
	Set(t, root, "BlockDataHashingStructure", &common.BlockDataHashingStructure{Width: math.MaxUint32})
	root.Groups["Application"], root.Groups["Orderer"] = group(), n.ordering(t)
	for _, o := range n.Trust.Organisations {
		root.Groups["Application"].Groups[o.MSPID] = organisation(t, o)
	}
	for _, e := range edit {
		e(root)
	}
	envelope := Encode(t, &common.Envelope{Payload: Encode(t, &common.Payload{
		Header: &common.Header{ChannelHeader: Encode(t, &common.ChannelHeader{Type: int32(common.HeaderType_CONFIG), ChannelId: n.Trust.Channel()})},
		Data:   Encode(t, &common.ConfigEnvelope{Config: &common.Config{ChannelGroup: root}}),
	})})
	return n.Block(t, n.Trust.ConfigurationBlock, [][]byte{envelope})
}

func (n *Network) ordering(t testing.TB) *common.ConfigGroup {
	t.Helper()
	g, o := group(), n.Trust.Orderers
	for _, org := range o.Organisations {
		g.Groups[org.MSPID] = organisation(t, org)
	}
	Set(t, g, "ConsensusType", &orderer.ConsensusType{Type: o.Consensus})
	SetPolicy(t, g, "BlockValidation", common.Policy_IMPLICIT_META, &common.ImplicitMetaPolicy{SubPolicy: "Writers"})
	if o.Consensus != trust.BFT {
		return g
	}
	list, rule, quorum := &common.Orderers{}, &common.SignaturePolicyEnvelope{}, &common.SignaturePolicy_NOutOf{N: int32(o.Signatures)}
	for i, c := range o.Consenters {
		list.ConsenterMapping = append(list.ConsenterMapping, &common.Consenter{Id: c.ID, MspId: c.MSPID, Identity: []byte(c.Certificate)})
		rule.Identities = append(rule.Identities, &msp.MSPPrincipal{
			PrincipalClassification: msp.MSPPrincipal_IDENTITY,
			Principal:               Encode(t, &msp.SerializedIdentity{Mspid: c.MSPID, IdBytes: []byte(c.Certificate)}),
		})
		quorum.Rules = append(quorum.Rules, signedBy(i))
	}
	rule.Rule = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: quorum}}
	Set(t, g, "Orderers", list)
	SetPolicy(t, g, "BlockValidation", common.Policy_SIGNATURE, rule)
	return g
}

// organisation makes the group of an organisation, whose members may write.
func organisation(t testing.TB, o trust.Organisation) *common.ConfigGroup {
	t.Helper()
	g := group()
	unit := func(name string) *msp.FabricOUIdentifier {
		return &msp.FabricOUIdentifier{OrganizationalUnitIdentifier: name}
	}
	SetMSP(t, g, &msp.FabricMSPConfig{
		Name: o.MSPID, RootCerts: list(o.Roots), IntermediateCerts: list(o.Intermediates), RevocationList: list(o.Revoked),
		FabricNodeOus: &msp.FabricNodeOUs{
			Enable: o.Unit != "", ClientOuIdentifier: unit("client"), AdminOuIdentifier: unit("admin"),
			PeerOuIdentifier: unit("peer"), OrdererOuIdentifier: unit("orderer"),
		},
	})
	SetPolicy(t, g, "Writers", common.Policy_SIGNATURE, Role(t, o.MSPID, msp.MSPRole_MEMBER))
	return g
}

// Role is a policy that one holder of a role satisfies.
func Role(t testing.TB, mspID string, role msp.MSPRole_MSPRoleType) *common.SignaturePolicyEnvelope {
	t.Helper()
	return &common.SignaturePolicyEnvelope{
		Identities: []*msp.MSPPrincipal{{Principal: Encode(t, &msp.MSPRole{MspIdentifier: mspID, Role: role})}},
		Rule: &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{
			NOutOf: &common.SignaturePolicy_NOutOf{N: 1, Rules: []*common.SignaturePolicy{signedBy(0)}},
		}},
	}
}

// Set sets a value of a group.
func Set(t testing.TB, g *common.ConfigGroup, name string, m proto.Message) {
	t.Helper()
	g.Values[name] = &common.ConfigValue{Value: Encode(t, m)}
}

// SetMSP sets the MSP of an organisation's group.
func SetMSP(t testing.TB, g *common.ConfigGroup, config *msp.FabricMSPConfig) {
	t.Helper()
	Set(t, g, "MSP", &msp.MSPConfig{Config: Encode(t, config)})
}

// SetPolicy sets a policy of a group.
func SetPolicy(t testing.TB, g *common.ConfigGroup, name string, kind common.Policy_PolicyType, m proto.Message) {
	t.Helper()
	g.Policies[name] = &common.ConfigPolicy{Policy: &common.Policy{Type: int32(kind), Value: Encode(t, m)}}
}

func signedBy(i int) *common.SignaturePolicy {
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)}}
}

func group() *common.ConfigGroup {
	return &common.ConfigGroup{
		Groups: map[string]*common.ConfigGroup{}, Values: map[string]*common.ConfigValue{}, Policies: map[string]*common.ConfigPolicy{},
	}
}

func list(texts []string) [][]byte {
	var out [][]byte
	for _, text := range texts {
		out = append(out, []byte(text))
	}
	return out
}
