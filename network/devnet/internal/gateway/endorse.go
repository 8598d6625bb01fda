// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/anchorline/anchorline/network/devnet/internal/policy"
	"github.com/anchorline/anchorline/network/devnet/internal/simulate"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// Endorse collects endorsements that satisfy the policies and assembles the transaction.
func (g *Gateway) Endorse(ctx context.Context, request *gateway.EndorseRequest) (*gateway.EndorseResponse, error) {
	signed := request.GetProposedTransaction()
	if len(signed.GetProposalBytes()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "the proposed transaction must contain a signed proposal")
	}
	target, err := parseTarget(signed)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	c := &collection{gateway: g, proposal: signed}
	if organisations := request.GetEndorsingOrganizations(); len(organisations) > 0 {
		peers, missing := g.find(ctx, target.channel, target.chaincode, organisations)
		if len(missing) > 0 {
			return nil, status.Error(codes.Unavailable, "failed to find any endorsing peers for org(s): "+strings.Join(missing, ", "))
		}
		err = c.collect(ctx, [][]*Peer{peers})
	} else {
		err = c.plan(ctx, target)
	}
	if err != nil {
		return nil, err
	}
	envelope, err := assemble(target, c)
	if err != nil {
		return nil, status.Errorf(codes.Aborted, "failed to assemble transaction: %s", err)
	}
	return &gateway.EndorseResponse{PreparedTransaction: envelope}, nil
}

// collection is the endorsements collected for one proposal.
type collection struct {
	gateway      *Gateway
	proposal     *peer.SignedProposal
	payload      []byte // what the first endorser signed; all others must sign the same
	endorsed     map[*Peer]*peer.Endorsement
	failed       map[*Peer]bool
	endorsements []*peer.Endorsement
	details      []*gateway.ErrorDetail
}

// plan asks the gateway's own peer first, and from its answer learns who else must endorse.
func (c *collection) plan(ctx context.Context, t target) error {
	g := c.gateway
	if !g.runs(t.channel, t.chaincode) {
		if t.transient {
			return status.Error(codes.FailedPrecondition, "no endorsers found in the gateway's organization; retry specifying endorsing organization(s) to protect transient data")
		}
		return status.Errorf(codes.FailedPrecondition, "no combination of peers can be derived which satisfy the endorsement policy: No metadata was found for chaincode %s in channel %s", t.chaincode, t.channel)
	}
	first := g.propose(ctx, g.config.Peers[0], c.proposal)
	if ctx.Err() != nil {
		return fail(codes.DeadlineExceeded, "endorsement timeout expired while collecting first endorsement", nil)
	}
	if first.code != codes.OK {
		return fail(codes.Aborted, "failed to endorse transaction, see attached details for more info", []*gateway.ErrorDetail{first.detail()})
	}
	policies := simulate.Policies(first.response.GetInterest(), g.config.Policy)
	if slices.ContainsFunc(policies, policy.Hopeless) {
		return status.Error(codes.FailedPrecondition, "no combination of peers can be derived which satisfy the endorsement policy: state based endorsement policy cannot be satisfied")
	}
	layouts, err := g.reachable(ctx, g.layouts(policies))
	if err != nil {
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	c.accept(first)
	return c.collect(ctx, layouts)
}

// layouts are the smallest sets of peers that satisfy the policies. A set is a number with a
// bit for each peer, the gateway's own the lowest: of the two peers' sets its own comes first.
func (g *Gateway) layouts(policies []*common.SignaturePolicyEnvelope) (layouts [][]*Peer) {
	var smaller []uint
	for set := uint(1); set < 1<<len(g.config.Peers); set++ {
		peers := g.members(set)
		contains := func(other uint) bool { return other&set == other }
		if !slices.ContainsFunc(smaller, contains) && satisfied(policies, peers) {
			smaller, layouts = append(smaller, set), append(layouts, peers)
		}
	}
	return layouts
}

// reachable drops the layouts that need a peer which cannot be reached.
func (g *Gateway) reachable(ctx context.Context, layouts [][]*Peer) ([][]*Peer, error) {
	if len(layouts) == 0 {
		return nil, errors.New("no combination of peers can be derived which satisfy the endorsement policy: no peer combination can satisfy the endorsement policy")
	}
	var missing []string
	for _, p := range g.config.Peers {
		if !p.available(ctx) {
			missing = append(missing, p.Address)
		}
	}
	gone := func(p *Peer) bool { return slices.Contains(missing, p.Address) }
	layouts = slices.DeleteFunc(layouts, func(layout []*Peer) bool { return slices.ContainsFunc(layout, gone) })
	if len(layouts) == 0 {
		return nil, fmt.Errorf("failed to select a set of endorsers that satisfy the endorsement policy due to unavailability of peers: %v", missing)
	}
	return layouts, nil
}

func (g *Gateway) members(set uint) []*Peer {
	var peers []*Peer
	for i, p := range g.config.Peers {
		if set&(1<<i) != 0 {
			peers = append(peers, p)
		}
	}
	return peers
}

// collect tries one layout after the other until all peers of one have endorsed.
func (c *collection) collect(ctx context.Context, layouts [][]*Peer) error {
	for _, layout := range layouts {
		var missing []*Peer
		hopeless := false
		for _, p := range layout {
			hopeless = hopeless || c.failed[p]
			if c.endorsed[p] == nil {
				missing = append(missing, p)
			}
		}
		if hopeless {
			continue
		}
		answers := make(chan outcome, len(missing))
		for _, p := range missing {
			go func() { answers <- c.gateway.propose(ctx, p, c.proposal) }()
		}
		for range missing {
			select {
			case answer := <-answers:
				c.accept(answer)
			case <-ctx.Done():
				return fail(codes.DeadlineExceeded, "endorsement timeout expired while collecting endorsements", nil)
			}
		}
		if c.complete(layout) {
			return nil
		}
	}
	return fail(codes.Aborted, "failed to collect enough transaction endorsements, see attached details for more info", c.details)
}

// accept keeps an endorsement, or why there is none.
func (c *collection) accept(answer outcome) {
	if c.endorsed == nil {
		c.endorsed, c.failed = make(map[*Peer]*peer.Endorsement), make(map[*Peer]bool)
	}
	switch {
	case answer.code != codes.OK:
	case c.payload == nil:
		c.payload = answer.response.GetPayload()
	case !bytes.Equal(c.payload, answer.response.GetPayload()):
		answer.code, answer.message = codes.Aborted, "ProposalResponsePayloads do not match"
	}
	if answer.code != codes.OK {
		c.failed[answer.peer] = true
		c.details = append(c.details, answer.detail())
		return
	}
	c.endorsed[answer.peer] = answer.response.GetEndorsement()
}

// complete takes the endorsements of a layout when all are there.
func (c *collection) complete(layout []*Peer) bool {
	c.endorsements = nil
	for _, p := range layout {
		endorsement := c.endorsed[p]
		if endorsement == nil {
			return false
		}
		c.endorsements = append(c.endorsements, endorsement)
	}
	return true
}

// assemble builds the transaction that the client signs.
func assemble(t target, c *collection) (*common.Envelope, error) {
	visible, err := wire.VisiblePayload(t.payload)
	if err != nil {
		return nil, err
	}
	var e wire.Encoder
	action := e.Bytes(&peer.ChaincodeActionPayload{
		ChaincodeProposalPayload: visible,
		Action:                   &peer.ChaincodeEndorsedAction{ProposalResponsePayload: c.payload, Endorsements: c.endorsements},
	})
	tx := e.Bytes(&peer.Transaction{Actions: []*peer.TransactionAction{{Header: t.header.GetSignatureHeader(), Payload: action}}})
	return &common.Envelope{Payload: e.Bytes(&common.Payload{Header: t.header, Data: tx})}, e.Err
}
