// SPDX-License-Identifier: Apache-2.0

package channel

import (
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer/etcdraft"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/policy"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// Organisation is one organisation of a channel. Certificates are PEM.
type Organisation struct {
	MSPID string
	CA    []byte
	TLSCA []byte
	Host  string // of its peer or orderer
	Port  uint32
}

// Params are what the configuration of a channel says.
type Params struct {
	Peers         []Organisation
	Orderer       Organisation
	OrdererTLS    []byte // the orderer's TLS certificate
	BatchTimeout  time.Duration
	MaxMessages   int
	PreferredSize int
	AbsoluteSize  int
}

// OrdererGroup is the name of the orderers' organisation in the configuration. As on many networks it
// is not its MSP ID.
const OrdererGroup = "Orderer"

// builder collects the first error, so that groups can be written as literals.
type builder struct{ wire.Encoder }

// Config returns the configuration.
func Config(p Params) (*common.Config, error) {
	b := &builder{}
	application := b.group(map[string]proto.Message{"Capabilities": capability("V2_5")}, "Endorsement", "LifecycleEndorsement")
	for _, o := range p.Peers {
		org := b.organisation(o, "'%[1]s.admin', '%[1]s.peer', '%[1]s.client'", "'%[1]s.admin', '%[1]s.client'")
		b.signature(org, "Endorsement", fmt.Sprintf("OR('%s.peer')", o.MSPID))
		b.value(org, "AnchorPeers", &peer.AnchorPeers{AnchorPeers: []*peer.AnchorPeer{{Host: o.Host, Port: int32(o.Port)}}})
		application.Groups[o.MSPID] = org
	}
	root := b.group(map[string]proto.Message{
		"Capabilities":              capability("V2_0"),
		"HashingAlgorithm":          &common.HashingAlgorithm{Name: "SHA256"},
		"BlockDataHashingStructure": &common.BlockDataHashingStructure{Width: 1<<32 - 1},
	})
	root.Groups["Application"] = application
	root.Groups["Orderer"] = b.ordering(p)
	return &common.Config{ChannelGroup: root}, b.Err
}

func (b *builder) ordering(p Params) *common.ConfigGroup {
	metadata := b.Bytes(&etcdraft.ConfigMetadata{
		Consenters: []*etcdraft.Consenter{{
			Host: p.Orderer.Host, Port: p.Orderer.Port, ClientTlsCert: p.OrdererTLS, ServerTlsCert: p.OrdererTLS,
		}},
		Options: &etcdraft.Options{TickInterval: "500ms", ElectionTick: 10, HeartbeatTick: 1, MaxInflightBlocks: 5, SnapshotIntervalSize: 16 << 20},
	})
	group := b.group(map[string]proto.Message{
		"Capabilities":        capability("V2_0"),
		"ConsensusType":       &orderer.ConsensusType{Type: "etcdraft", Metadata: metadata},
		"BatchTimeout":        &orderer.BatchTimeout{Timeout: p.BatchTimeout.String()},
		"ChannelRestrictions": &orderer.ChannelRestrictions{},
		"BatchSize": &orderer.BatchSize{
			MaxMessageCount: uint32(p.MaxMessages), AbsoluteMaxBytes: uint32(p.AbsoluteSize), PreferredMaxBytes: uint32(p.PreferredSize),
		},
	}, "BlockValidation")
	org := b.organisation(p.Orderer, "'%s.member'", "'%s.member'")
	b.value(org, "Endpoints", &common.OrdererAddresses{Addresses: []string{fmt.Sprintf("%s:%d", p.Orderer.Host, p.Orderer.Port)}})
	group.Groups[OrdererGroup] = org
	return group
}

// group makes a group whose policies are those of its members.
func (b *builder) group(values map[string]proto.Message, policies ...string) *common.ConfigGroup {
	group := newGroup()
	for name, value := range values {
		b.value(group, name, value)
	}
	meta := func(name, sub string, rule common.ImplicitMetaPolicy_Rule) {
		b.policy(group, name, common.Policy_IMPLICIT_META, &common.ImplicitMetaPolicy{SubPolicy: sub, Rule: rule})
	}
	meta("Readers", "Readers", common.ImplicitMetaPolicy_ANY)
	meta("Writers", "Writers", common.ImplicitMetaPolicy_ANY)
	meta("Admins", "Admins", common.ImplicitMetaPolicy_MAJORITY)
	for _, name := range policies {
		if name == "BlockValidation" {
			meta(name, "Writers", common.ImplicitMetaPolicy_ANY)
		} else {
			meta(name, "Endorsement", common.ImplicitMetaPolicy_MAJORITY)
		}
	}
	return group
}

// organisation makes the group of an organisation; readers and writers are lists of principals.
func (b *builder) organisation(o Organisation, readers, writers string) *common.ConfigGroup {
	group := newGroup()
	b.value(group, "MSP", &msp.MSPConfig{Config: b.Bytes(definition(o))})
	b.signature(group, "Readers", fmt.Sprintf("OR("+readers+")", o.MSPID))
	b.signature(group, "Writers", fmt.Sprintf("OR("+writers+")", o.MSPID))
	b.signature(group, "Admins", fmt.Sprintf("OR('%s.admin')", o.MSPID))
	return group
}

// definition tells how to recognise an organisation's members.
func definition(o Organisation) *msp.FabricMSPConfig {
	unit := func(name string) *msp.FabricOUIdentifier {
		return &msp.FabricOUIdentifier{OrganizationalUnitIdentifier: name, Certificate: o.CA}
	}
	return &msp.FabricMSPConfig{
		Name: o.MSPID, RootCerts: [][]byte{o.CA}, TlsRootCerts: [][]byte{o.TLSCA},
		CryptoConfig: &msp.FabricCryptoConfig{SignatureHashFamily: "SHA2", IdentityIdentifierHashFunction: "SHA256"},
		FabricNodeOus: &msp.FabricNodeOUs{
			Enable: true, ClientOuIdentifier: unit("client"), PeerOuIdentifier: unit("peer"),
			AdminOuIdentifier: unit("admin"), OrdererOuIdentifier: unit("orderer"),
		},
	}
}

func newGroup() *common.ConfigGroup {
	return &common.ConfigGroup{
		Groups: map[string]*common.ConfigGroup{}, Values: map[string]*common.ConfigValue{},
		Policies: map[string]*common.ConfigPolicy{}, ModPolicy: "Admins",
	}
}

func capability(name string) *common.Capabilities {
	return &common.Capabilities{Capabilities: map[string]*common.Capability{name: {}}}
}

func (b *builder) value(group *common.ConfigGroup, name string, value proto.Message) {
	group.Values[name] = &common.ConfigValue{Value: b.Bytes(value), ModPolicy: "Admins"}
}

func (b *builder) signature(group *common.ConfigGroup, name, rule string) {
	parsed, err := policy.Parse(rule)
	if err != nil && b.Err == nil {
		b.Err = err
	}
	b.policy(group, name, common.Policy_SIGNATURE, parsed)
}

func (b *builder) policy(group *common.ConfigGroup, name string, kind common.Policy_PolicyType, value proto.Message) {
	group.Policies[name] = &common.ConfigPolicy{
		Policy: &common.Policy{Type: int32(kind), Value: b.Bytes(value)}, ModPolicy: "Admins",
	}
}
