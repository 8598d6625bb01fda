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
	var d Decoder
	proposal := Read(&d, signed.GetProposalBytes(), &peer.Proposal{})
	p := &Proposal{Signed: signed, Header: Read(&d, proposal.GetHeader(), &common.Header{})}
	p.Channel = Read(&d, p.Header.GetChannelHeader(), &common.ChannelHeader{})
	p.Signature = Read(&d, p.Header.GetSignatureHeader(), &common.SignatureHeader{})
	extension := Read(&d, p.Channel.GetExtension(), &peer.ChaincodeHeaderExtension{})
	p.Chaincode = extension.GetChaincodeId().GetName()
	switch {
	case d.Err != nil:
		return nil, d.Err
	case extension.GetChaincodeId() == nil:
		return nil, errors.New("ChaincodeHeaderExtension.ChaincodeId is nil")
	case p.Chaincode == "":
		return nil, errors.New("ChaincodeHeaderExtension.ChaincodeId.Name is empty")
	}
	return p, p.parsePayload(proposal.GetPayload())
}

func (p *Proposal) parsePayload(content []byte) error {
	var d Decoder
	p.Payload = Read(&d, content, &peer.ChaincodeProposalPayload{})
	spec := Read(&d, p.Payload.GetInput(), &peer.ChaincodeInvocationSpec{}).GetChaincodeSpec()
	p.Input = spec.GetInput()
	switch {
	case d.Err != nil:
		return d.Err
	case spec == nil:
		return errors.New("chaincode invocation spec did not contain chaincode spec")
	case p.Input == nil:
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
