// SPDX-License-Identifier: Apache-2.0

// Package endorse is a peer's Endorser service: it checks a proposal, has the chaincode
// simulate it, and signs the result.
//
// In: signed proposals. Out: proposal responses, endorsed when the chaincode agreed. Errors
// are told as a peer tells them: in the response, with the gRPC error, or both.
package endorse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/anchorline/anchorline/network/devnet/internal/chaincode"
	"github.com/anchorline/anchorline/network/devnet/internal/channel"
	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/simulate"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// Lifecycle is the namespace where a channel keeps its chaincode definitions. Every call
// reads the definition's sequence, so it is in every read set.
const Lifecycle = "_lifecycle"

// SequenceKey is where the sequence of a chaincode's definition is kept.
func SequenceKey(name string) string { return "namespaces/fields/" + name + "/Sequence" }

// Signer signs as the peer.
type Signer interface {
	Serialize() []byte
	Sign(message []byte) ([]byte, error)
}

// Executor runs chaincode.
type Executor interface {
	Execute(ctx context.Context, call chaincode.Call) (*peer.Response, *peer.ChaincodeEvent, error)
}

// System answers calls of the system chaincodes; they have no read/write set.
type System interface {
	Has(name string) bool
	Invoke(name string, proposal *wire.Proposal) *peer.Response
}

// Config of an endorser.
type Config struct {
	*channel.Channel
	MSPID    string // the peer's organisation
	Signer   Signer
	Executor Executor
	System   System
}

// Endorser is the Endorser service of one peer.
type Endorser struct {
	peer.UnimplementedEndorserServer
	config Config
}

// New makes an endorser.
func New(config Config) *Endorser { return &Endorser{config: config} }

// ProcessProposal simulates a proposal and endorses the result.
func (e *Endorser) ProcessProposal(ctx context.Context, signed *peer.SignedProposal) (*peer.ProposalResponse, error) {
	if err := e.filter(signed); err != nil {
		return nil, err
	}
	proposal, err := wire.ParseProposal(signed)
	if err != nil {
		return refuse(err), err
	}
	if name := proposal.Channel.GetChannelId(); name != "" && name != e.config.Name {
		return refuse(fmt.Errorf("channel '%s' not found", name)), nil
	}
	if err := e.check(proposal); err != nil {
		return refuse(err), err
	}
	response, err := e.process(ctx, proposal)
	if err != nil {
		return refuse(err), nil
	}
	return response, nil
}

// refuse is how a peer puts an error of its own into a response: status 500, no payload.
func refuse(err error) *peer.ProposalResponse {
	return &peer.ProposalResponse{Response: &peer.Response{Status: shim.ERROR, Message: err.Error()}}
}

// filter is what a peer checks before it looks at a proposal: time window and expiry. Such
// errors come without a response.
func (e *Endorser) filter(signed *peer.SignedProposal) error {
	proposal, err := wire.Decode(signed.GetProposalBytes(), &peer.Proposal{})
	if err != nil {
		return fmt.Errorf("failed parsing proposal: %w", err)
	}
	header, err := wire.Decode(proposal.GetHeader(), &common.Header{})
	if err != nil {
		return fmt.Errorf("failed parsing header: %w", err)
	}
	of, err := wire.Decode(header.GetChannelHeader(), &common.ChannelHeader{})
	if err != nil {
		return fmt.Errorf("failed parsing channel header: %w", err)
	}
	signature, err := wire.Decode(header.GetSignatureHeader(), &common.SignatureHeader{})
	if err != nil {
		return fmt.Errorf("failed parsing signature header: %w", err)
	}
	at, now, window := of.GetTimestamp().AsTime().UTC(), e.config.Now().UTC(), e.config.TimeWindow
	if at.Add(window).Before(now) || at.Add(-window).After(now) {
		return fmt.Errorf("request unauthorized due to incorrect timestamp %s, peer time %s, peer.authentication.timewindow %s",
			at.Format(time.RFC3339), now.Format(time.RFC3339), window)
	}
	creator, err := e.config.Members.Parse(signature.GetCreator())
	if err == nil && creator.Expired(now) {
		return errors.New("proposal client identity expired")
	}
	return nil
}

// check refuses what is malformed, not allowed, or already on the ledger.
func (e *Endorser) check(p *wire.Proposal) error {
	if err := e.validate(p); err != nil {
		return fmt.Errorf("error validating proposal: %w", err)
	}
	if p.Channel.GetChannelId() == "" {
		return nil
	}
	if _, err := e.config.Ledger.Transaction(p.Channel.GetTxId()); err == nil {
		return fmt.Errorf("duplicate transaction found [%s]. Creator [%x]", p.Channel.GetTxId(), p.Signature.GetCreator())
	}
	if e.config.System.Has(p.Chaincode) {
		return nil
	}
	return e.config.Members.Application(p.Channel.GetChannelId(), member.Writers, member.Signed{
		Identity: p.Signature.GetCreator(), Data: p.Signed.GetProposalBytes(), Signature: p.Signed.GetSignature(),
	})
}

func (e *Endorser) validate(p *wire.Proposal) error {
	switch kind := common.HeaderType(p.Channel.GetType()); kind {
	case common.HeaderType_ENDORSER_TRANSACTION, common.HeaderType_CONFIG:
	default:
		return fmt.Errorf("invalid header type %s", kind)
	}
	switch {
	case p.Channel.GetEpoch() != 0:
		return errors.New("epoch is non-zero")
	case len(p.Signature.GetNonce()) == 0:
		return errors.New("nonce is empty")
	case len(p.Signature.GetCreator()) == 0:
		return errors.New("creator is empty")
	}
	if expected := wire.TransactionID(p.Signature.GetNonce(), p.Signature.GetCreator()); p.Channel.GetTxId() != expected {
		return fmt.Errorf("incorrectly computed txid '%s' -- expected '%s'", p.Channel.GetTxId(), expected)
	}
	if len(p.Signed.GetSignature()) == 0 {
		return errors.New("empty signature bytes")
	}
	creator, err := e.config.Members.Parse(p.Signature.GetCreator())
	local := p.Channel.GetChannelId() == "" // then only the peer's own organisation is known
	if err != nil || (local && creator.MSPID != e.config.MSPID) {
		return fmt.Errorf("access denied: channel [%s] creator org unknown, creator is malformed", p.Channel.GetChannelId())
	}
	if creator.Validate() != nil || creator.Verify(p.Signed.GetProposalBytes(), p.Signed.GetSignature()) != nil {
		return fmt.Errorf("access denied: channel [%s] creator org [%s]", p.Channel.GetChannelId(), creator.MSPID)
	}
	return nil
}

func (e *Endorser) process(ctx context.Context, p *wire.Proposal) (*peer.ProposalResponse, error) {
	if e.config.System.Has(p.Chaincode) {
		return e.system(p)
	}
	snapshot, err := e.config.Ledger.Snapshot()
	if err != nil {
		return nil, err
	}
	sim := simulate.New(snapshot, p.Channel.GetTxId())
	defer sim.Close()
	if missing := e.undefined(p); missing != nil {
		return nil, fmt.Errorf("make sure the chaincode %s has been successfully defined on channel %s and try again: %w",
			p.Chaincode, p.Channel.GetChannelId(), missing)
	}
	if _, err := sim.Get(Lifecycle, SequenceKey(p.Chaincode)); err != nil {
		return nil, err
	}
	response, event, err := e.config.Executor.Execute(ctx, chaincode.Call{
		Channel: p.Channel.GetChannelId(), TxID: p.Channel.GetTxId(), Input: p.Input, Proposal: p.Signed, Simulator: sim,
	})
	if err != nil {
		return nil, fmt.Errorf("error in simulation: %w", err)
	}
	if response.GetStatus() >= shim.ERRORTHRESHOLD {
		event = nil
	}
	results, err := sim.Result()
	if err != nil {
		return nil, fmt.Errorf("error in simulation: %w", err)
	}
	interest, err := sim.Interest(Lifecycle)
	if err != nil {
		return nil, fmt.Errorf("error in simulation: %w", err)
	}
	return e.respond(p, response, event, results, interest)
}

// undefined tells why a proposal's chaincode is not there, nil when it is.
func (e *Endorser) undefined(p *wire.Proposal) error {
	switch {
	case p.Channel.GetChannelId() == "":
		return errors.New("could not get channel config for channel ''")
	case p.Chaincode != e.config.Chaincode:
		return fmt.Errorf("chaincode %s not found", p.Chaincode)
	}
	return nil
}

// system answers a system chaincode: endorsed, but with nothing to write.
func (e *Endorser) system(p *wire.Proposal) (*peer.ProposalResponse, error) {
	response := e.config.System.Invoke(p.Chaincode, p)
	if p.Channel.GetChannelId() == "" {
		return &peer.ProposalResponse{Response: response}, nil
	}
	return e.respond(p, response, nil, nil, nil)
}

// respond wraps a response, and endorses it when the chaincode agreed.
func (e *Endorser) respond(p *wire.Proposal, response *peer.Response, event *peer.ChaincodeEvent, results []byte, interest *peer.ChaincodeInterest) (*peer.ProposalResponse, error) {
	payload, err := e.payload(p, response, event, results)
	if err != nil {
		return nil, fmt.Errorf("failed to create the proposal response: %w", err)
	}
	switch {
	case response.GetStatus() >= shim.ERROR:
		return &peer.ProposalResponse{Response: response, Payload: payload, Interest: interest}, nil
	case response.GetStatus() >= shim.ERRORTHRESHOLD:
		return &peer.ProposalResponse{Response: response}, nil
	}
	endorser := e.config.Signer.Serialize()
	signature, err := e.config.Signer.Sign(slices.Concat(payload, endorser))
	if err != nil {
		return nil, fmt.Errorf("endorsing with plugin failed: %w", err)
	}
	return &peer.ProposalResponse{
		Version: 1, Response: response, Payload: payload, Interest: interest,
		Endorsement: &peer.Endorsement{Endorser: endorser, Signature: signature},
	}, nil
}

func (e *Endorser) payload(p *wire.Proposal, response *peer.Response, event *peer.ChaincodeEvent, results []byte) ([]byte, error) {
	var encoder wire.Encoder
	var events []byte
	if event != nil {
		events = encoder.Bytes(event)
	}
	version := e.config.Version
	if p.Chaincode != e.config.Chaincode {
		version = "syscc"
	}
	action := encoder.Bytes(&peer.ChaincodeAction{
		Events: events, Results: results, Response: response,
		ChaincodeId: &peer.ChaincodeID{Name: p.Chaincode, Version: version},
	})
	return encoder.Bytes(&peer.ProposalResponsePayload{Extension: action, ProposalHash: p.Hash}), encoder.Err
}
