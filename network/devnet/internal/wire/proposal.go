// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// Proposal is a signed proposal taken out of its envelopes.
type Proposal struct {
	Signed    *peer.SignedProposal
	Header    *common.Header
	Channel   *common.ChannelHeader
	Signature *common.SignatureHeader
	Chaincode string
	Payload   *peer.ChaincodeProposalPayload
	Input     *peer.ChaincodeInput
	Hash      []byte // what a response to this proposal must carry
}

// ParseProposal takes a signed proposal apart and computes its hash.
func ParseProposal(signed *peer.SignedProposal) (*Proposal, error) {
	proposal, err := Decode(signed.GetProposalBytes(), &peer.Proposal{})
	if err != nil {
		return nil, err
	}
	p := &Proposal{Signed: signed}
	if p.Header, err = Decode(proposal.GetHeader(), &common.Header{}); err != nil {
		return nil, err
	}
	if p.Channel, err = Decode(p.Header.GetChannelHeader(), &common.ChannelHeader{}); err != nil {
		return nil, err
	}
	if p.Signature, err = Decode(p.Header.GetSignatureHeader(), &common.SignatureHeader{}); err != nil {
		return nil, err
	}
	extension, err := Decode(p.Channel.GetExtension(), &peer.ChaincodeHeaderExtension{})
	if err != nil {
		return nil, err
	}
	if extension.GetChaincodeId() == nil {
		return nil, errors.New("ChaincodeHeaderExtension.ChaincodeId is nil")
	}
	if p.Chaincode = extension.GetChaincodeId().GetName(); p.Chaincode == "" {
		return nil, errors.New("ChaincodeHeaderExtension.ChaincodeId.Name is empty")
	}
	return p, p.parsePayload(proposal.GetPayload())
}

func (p *Proposal) parsePayload(content []byte) (err error) {
	if p.Payload, err = Decode(content, &peer.ChaincodeProposalPayload{}); err != nil {
		return err
	}
	spec, err := Decode(p.Payload.GetInput(), &peer.ChaincodeInvocationSpec{})
	if err != nil {
		return err
	}
	if spec.GetChaincodeSpec() == nil {
		return errors.New("chaincode invocation spec did not contain chaincode spec")
	}
	if p.Input = spec.GetChaincodeSpec().GetInput(); p.Input == nil {
		return errors.New("chaincode input did not contain any input")
	}
	visible, err := VisiblePayload(p.Payload)
	if err != nil {
		return err
	}
	p.Hash = Hash(p.Header.GetChannelHeader(), p.Header.GetSignatureHeader(), visible)
	return nil
}

// VisiblePayload is a proposal's payload without its transient data: what goes on the ledger.
func VisiblePayload(payload *peer.ChaincodeProposalPayload) ([]byte, error) {
	content, err := proto.Marshal(&peer.ChaincodeProposalPayload{Input: payload.GetInput()})
	if err != nil {
		return nil, fmt.Errorf("could not marshal non-transient portion of payload: %w", err)
	}
	return content, nil
}

func errActions(count int) error {
	return fmt.Errorf("only one action per transaction is supported, tx contains %d", count)
}
