// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/protobuf/proto"
)

// ErrConfiguration is wrapped by every refusal of a configuration block.
var ErrConfiguration = errors.New("trust: cannot take trust from this configuration")

// FromConfigBlock reads whom to trust from the configuration block, a common.Block, that is in force
// on a channel. ledger is channel/chaincode; attestations of 0 asks for a [Majority] of the
// organisations.
//
// The block's own signatures are not checked: nothing is trusted before. Whoever pins the result
// must have the block from somebody they believe, or compare the certificates by other means.
// Configurations whose rules trust.json cannot express are refused: MSPs of another type than
// Fabric's X.509, units bound to one of several CAs, other rules for the signatures of blocks than
// the usual ones. Errors wrap [ErrConfiguration].
func FromConfigBlock(block []byte, ledger string, attestations int) (Trust, error) {
	t := Trust{Ledger: ledger, Attestations: attestations}
	number, group, err := channelGroup(block, t.Channel())
	if err == nil {
		t.ConfigurationBlock = number
		t.Organisations, err = organisations(group.GetGroups()["Application"], "Application", peerUnit)
	}
	if err == nil {
		err = checkHashing(group)
	}
	if err == nil {
		t.Orderers, err = orderers(group.GetGroups()["Orderer"])
	}
	if err != nil {
		return Trust{}, fmt.Errorf("%w: %w", ErrConfiguration, err)
	}
	if attestations == 0 {
		t.Attestations = Majority(len(t.Organisations))
	}
	if _, wrong := build(t); len(wrong) > 0 {
		return Trust{}, fmt.Errorf("%w: %w", ErrConfiguration, errors.Join(wrong...))
	}
	return t, nil
}

// channelGroup finds the configuration in a block.
func channelGroup(content []byte, channel string) (uint64, *common.ConfigGroup, error) {
	block := &common.Block{}
	if err := proto.Unmarshal(content, block); err != nil {
		return 0, nil, fmt.Errorf("it is not a block: %w", err)
	}
	number, data := block.GetHeader().GetNumber(), block.GetData().GetData()
	if len(data) != 1 {
		return 0, nil, fmt.Errorf("block %d is no configuration block: it has %d transactions", number, len(data))
	}
	envelope, payload, header, config := &common.Envelope{}, &common.Payload{}, &common.ChannelHeader{}, &common.ConfigEnvelope{}
	err := proto.Unmarshal(data[0], envelope)
	if err == nil {
		err = proto.Unmarshal(envelope.GetPayload(), payload)
	}
	if err == nil {
		err = proto.Unmarshal(payload.GetHeader().GetChannelHeader(), header)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("block %d: %w", number, err)
	}
	if header.GetType() != int32(common.HeaderType_CONFIG) {
		return 0, nil, fmt.Errorf("block %d is no configuration block: its transaction is of type %d", number, header.GetType())
	}
	if header.GetChannelId() != channel {
		return 0, nil, fmt.Errorf("block %d is of channel %q, not of %q", number, header.GetChannelId(), channel)
	}
	if err := proto.Unmarshal(payload.GetData(), config); err != nil {
		return 0, nil, fmt.Errorf("block %d: %w", number, err)
	}
	return number, config.GetConfig().GetChannelGroup(), nil
}

// value reads one value of a group. What is not there stays empty.
func value(group *common.ConfigGroup, name string, m proto.Message) error {
	if err := proto.Unmarshal(group.GetValues()[name].GetValue(), m); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// checkHashing checks that blocks are hashed as every channel of today does.
func checkHashing(group *common.ConfigGroup) error {
	hashing, width := &common.HashingAlgorithm{}, &common.BlockDataHashingStructure{}
	if err := errors.Join(value(group, "HashingAlgorithm", hashing), value(group, "BlockDataHashingStructure", width)); err != nil {
		return err
	}
	if hashing.GetName() != "SHA256" || width.GetWidth() != math.MaxUint32 {
		return fmt.Errorf("blocks are hashed with %q in a tree of width %d; SHA256 over all transactions at once is known",
			hashing.GetName(), width.GetWidth())
	}
	return nil
}

// organisations reads the organisations of a group, in the order of their MSP IDs.
func organisations(group *common.ConfigGroup, name string, unit unitOf) ([]Organisation, error) {
	found := make([]Organisation, 0, len(group.GetGroups()))
	for key, org := range group.GetGroups() {
		o, err := organisation(org, unit)
		if err != nil {
			return nil, fmt.Errorf("organisation %s of group %s: %w", key, name, err)
		}
		found = append(found, o)
	}
	slices.SortFunc(found, func(a, b Organisation) int { return strings.Compare(a.MSPID, b.MSPID) })
	return found, nil
}

// orderers reads who signs blocks.
func orderers(group *common.ConfigGroup) (Orderers, error) {
	kind, list := &orderer.ConsensusType{}, &common.Orderers{}
	if err := errors.Join(value(group, "ConsensusType", kind), value(group, "Orderers", list)); err != nil {
		return Orderers{}, err
	}
	o := Orderers{Consensus: kind.GetType(), Signatures: 1}
	var err error
	if o.Organisations, err = organisations(group, "Orderer", ordererUnit); err != nil {
		return Orderers{}, err
	}
	switch o.Consensus {
	case Raft:
		return o, checkRaftPolicy(group, o.Organisations)
	case BFT:
		o.Signatures = Quorum(len(list.GetConsenterMapping()))
		if err := checkBFTPolicy(group, list.GetConsenterMapping()); err != nil {
			return Orderers{}, err
		}
		if o.Consenters, err = consenters(list.GetConsenterMapping()); err != nil {
			return Orderers{}, err
		}
		return o, nil
	default:
		return Orderers{}, fmt.Errorf("consensus is %q; %q and %q are known", o.Consensus, Raft, BFT)
	}
}

// consenters reads the orderers of a BFT channel, in the order of their ids.
func consenters(list []*common.Consenter) ([]Consenter, error) {
	found := make([]Consenter, 0, len(list))
	for _, c := range list {
		certificate, err := certificatePEM(c.GetIdentity())
		if err != nil {
			return nil, fmt.Errorf("consenter %d: %w", c.GetId(), err)
		}
		found = append(found, Consenter{ID: c.GetId(), MSPID: c.GetMspId(), Certificate: certificate})
	}
	slices.SortFunc(found, func(a, b Consenter) int { return cmp.Compare(a.ID, b.ID) })
	return found, nil
}
