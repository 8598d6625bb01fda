// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// Evaluate runs a proposal on one peer and returns the chaincode's response.
func (g *Gateway) Evaluate(ctx context.Context, request *gateway.EvaluateRequest) (*gateway.EvaluateResponse, error) {
	target, err := parseTarget(request.GetProposedTransaction())
	if err == nil {
		err = target.complete()
	}
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "failed to unpack transaction proposal: %s", err)
	}
	if target.channel != g.config.Name {
		return nil, status.Errorf(codes.Unavailable, "failed to get config for channel [%[1]s]: could not get last config for channel %[1]s", target.channel)
	}
	candidates, err := g.evaluators(ctx, target, request.GetTargetOrganizations())
	if err != nil {
		return nil, err
	}
	var details []*gateway.ErrorDetail
	var last outcome
	for _, candidate := range candidates {
		last = g.propose(ctx, candidate, request.GetProposedTransaction())
		if ctx.Err() != nil {
			return nil, fail(codes.DeadlineExceeded, "evaluate timeout expired", nil)
		}
		if last.code == codes.OK {
			return &gateway.EvaluateResponse{Result: result(last.response)}, nil
		}
		details = append(details, last.detail())
		if !last.retry {
			return nil, fail(last.code, "evaluate call to endorser returned error: "+last.message, details)
		}
	}
	return nil, fail(last.code, "failed to evaluate transaction, see attached details for more info", details)
}

// evaluators are the peers to try, the gateway's own organisation first.
func (g *Gateway) evaluators(ctx context.Context, t target, organisations []string) ([]*Peer, error) {
	protected := t.transient && organisations == nil
	switch {
	case protected:
		organisations = []string{g.config.Peers[0].MSPID}
	case len(organisations) == 0:
		for _, p := range g.config.Peers {
			organisations = append(organisations, p.MSPID)
		}
	}
	found, _ := g.find(ctx, t.channel, t.chaincode, organisations)
	if len(found) > 0 {
		return found, nil
	}
	err := fmt.Errorf("no peers available to evaluate chaincode %s in channel %s", t.chaincode, t.channel)
	if protected {
		err = fmt.Errorf("no endorsers found in the gateway's organization; retry specifying target organization(s) to protect transient data: %w", err)
	}
	return nil, status.Error(codes.FailedPrecondition, err.Error())
}

// result is the response with the payload that was endorsed.
func result(response *peer.ProposalResponse) *peer.Response {
	out := response.GetResponse()
	var d wire.Decoder
	payload := wire.Read(&d, response.GetPayload(), &peer.ProposalResponsePayload{})
	action := wire.Read(&d, payload.GetExtension(), &peer.ChaincodeAction{})
	if d.Err != nil {
		return out
	}
	out.Payload = action.GetResponse().GetPayload()
	return out
}

// target is where a proposal wants to go.
type target struct {
	header    *common.Header
	payload   *peer.ChaincodeProposalPayload
	spec      *peer.ChaincodeInvocationSpec
	channel   string
	chaincode string
	transient bool
}

func parseTarget(signed *peer.SignedProposal) (t target, err error) {
	if len(signed.GetProposalBytes()) == 0 {
		return t, errors.New("a signed proposal is required")
	}
	var d wire.Decoder
	proposal := wire.Read(&d, signed.GetProposalBytes(), &peer.Proposal{})
	t.header = wire.Read(&d, proposal.GetHeader(), &common.Header{})
	t.channel = wire.Read(&d, t.header.GetChannelHeader(), &common.ChannelHeader{}).GetChannelId()
	t.payload = wire.Read(&d, proposal.GetPayload(), &peer.ChaincodeProposalPayload{})
	t.spec = wire.Read(&d, t.payload.GetInput(), &peer.ChaincodeInvocationSpec{})
	t.chaincode = t.spec.GetChaincodeSpec().GetChaincodeId().GetName()
	t.transient = len(t.payload.GetTransientMap()) > 0
	return t, d.Err
}

// complete checks that the target names everything an evaluation needs.
func (t target) complete() error {
	spec := t.spec.GetChaincodeSpec()
	switch {
	case t.channel == "":
		return errors.New("no channel id provided")
	case spec == nil:
		return fmt.Errorf("no chaincode spec is provided, channel id [%s]", t.channel)
	case spec.GetChaincodeId() == nil:
		return fmt.Errorf("no chaincode id is provided, channel id [%s]", t.channel)
	case t.chaincode == "":
		return fmt.Errorf("no chaincode name is provided, channel id [%s]", t.channel)
	}
	return nil
}
