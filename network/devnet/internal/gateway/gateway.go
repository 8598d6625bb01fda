// SPDX-License-Identifier: Apache-2.0

// Package gateway is a peer's Gateway service, which Fabric's client SDK talks to: it
// evaluates, collects endorsements, submits, and tells what became of transactions.
//
// In: the SDK's requests. Out: responses and errors with the codes, texts and details of
// Fabric's own gateway.
package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/anchorline/anchorline/network/devnet/internal/channel"
	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/policy"
)

// Peer is an endorsing peer of the channel: the gateway's own, or a remote one.
type Peer struct {
	MSPID    string
	Address  string
	Identity *member.Member
	Own      peer.EndorserServer // nil for a remote peer
	Remote   *Remote
}

// Config of a gateway.
type Config struct {
	*channel.Channel
	System             []string // names of the system chaincodes
	Peers              []*Peer  // the first is the gateway's own
	Orderer            *Remote
	OrdererMSPID       string
	EndorsementTimeout time.Duration
	BroadcastTimeout   time.Duration
}

// Gateway is the Gateway service of one peer.
type Gateway struct {
	gateway.UnimplementedGatewayServer
	config Config
}

// New makes a gateway.
func New(config Config) *Gateway { return &Gateway{config: config} }

// Close drops the connections to the other nodes.
func (g *Gateway) Close() {
	g.config.Orderer.Close()
	for _, p := range g.config.Peers {
		if p.Remote != nil {
			p.Remote.Close()
		}
	}
}

// process has a peer process a proposal.
func (p *Peer) process(ctx context.Context, proposal *peer.SignedProposal) (*peer.ProposalResponse, error) {
	if p.Own != nil {
		return p.Own.ProcessProposal(ctx, proposal)
	}
	conn, err := p.Remote.connect(ctx)
	if err != nil {
		return nil, err
	}
	return peer.NewEndorserClient(conn).ProcessProposal(ctx, proposal)
}

// available tells whether a peer can be reached.
func (p *Peer) available(ctx context.Context) bool {
	if p.Own != nil {
		return true
	}
	_, err := p.Remote.connect(ctx)
	return err == nil
}

// outcome is what a proposal came to at one peer.
type outcome struct {
	peer     *Peer
	response *peer.ProposalResponse
	code     codes.Code // OK: endorsed or answered
	message  string
	retry    bool // another peer may do better
}

// propose sends a proposal to one peer and classifies the answer as Fabric's gateway does.
func (g *Gateway) propose(ctx context.Context, p *Peer, proposal *peer.SignedProposal) outcome {
	ctx, cancel := context.WithTimeout(ctx, g.config.EndorsementTimeout)
	defer cancel()
	response, err := p.process(ctx, proposal)
	result := outcome{peer: p, response: response}
	switch {
	case err != nil && response == nil:
		result.code, result.message, result.retry = codes.Unavailable, err.Error(), true
		if p.Remote != nil {
			p.Remote.Close()
		}
	case err != nil:
		result.code, result.message = codes.FailedPrecondition, err.Error()
	case succeeded(response):
	case response.Payload == nil && response.GetResponse().GetStatus() == 500:
		result.code, result.message, result.retry = codes.Aborted, response.GetResponse().GetMessage(), true
	default:
		result.code = codes.Unknown
		result.message = fmt.Sprintf("chaincode response %d, %s", response.GetResponse().GetStatus(), response.GetResponse().GetMessage())
	}
	return result
}

func succeeded(response *peer.ProposalResponse) bool {
	code := response.GetResponse().GetStatus()
	return code >= 200 && code < 400
}

func (o outcome) detail() *gateway.ErrorDetail {
	return detail(o.peer.Address, o.peer.MSPID, o.message)
}

func detail(address, mspID, message string) *gateway.ErrorDetail {
	return &gateway.ErrorDetail{Address: address, MspId: mspID, Message: message}
}

// fail makes a gRPC error with details.
func fail(code codes.Code, message string, details []*gateway.ErrorDetail) error {
	st := status.New(code, message)
	converted := make([]protoadapt.MessageV1, len(details))
	for i, d := range details {
		converted[i] = protoadapt.MessageV1Of(d)
	}
	if detailed, err := st.WithDetails(converted...); err == nil {
		return detailed.Err()
	}
	return st.Err()
}

// find returns the peers of organisations, and the organisations that have none.
func (g *Gateway) find(ctx context.Context, on, name string, organisations []string) (found []*Peer, missing []string) {
	for _, mspID := range organisations {
		p := g.peerOf(mspID)
		switch {
		case p == nil || !g.runs(on, name) || !p.available(ctx):
			missing = append(missing, mspID)
		case !slices.Contains(found, p): // named twice, it is asked once
			found = append(found, p)
		}
	}
	return found, missing
}

func (g *Gateway) peerOf(mspID string) *Peer {
	for _, p := range g.config.Peers {
		if p.MSPID == mspID {
			return p
		}
	}
	return nil
}

// runs tells whether the channel's peers have a chaincode: the application's, or a system's.
func (g *Gateway) runs(on, name string) bool {
	return on == g.config.Name && (name == g.config.Chaincode || slices.Contains(g.config.System, name))
}

// satisfied tells whether endorsements of peers would satisfy all policies.
func satisfied(policies []*common.SignaturePolicyEnvelope, peers []*Peer) bool {
	members := make([]*member.Member, len(peers))
	for i, p := range peers {
		members[i] = p.Identity
	}
	for _, p := range policies {
		if policy.Evaluate(p, members) != nil {
			return false
		}
	}
	return true
}
