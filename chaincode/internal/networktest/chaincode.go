// SPDX-License-Identifier: Apache-2.0

package networktest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
)

// Chaincode is a chaincode on a channel, as one test sees it.
type Chaincode struct {
	t       testing.TB
	channel *Channel
	name    string
	// reader is who reads the ledger's blocks.
	reader ledgertest.Identity
}

var _ ledgertest.Network = (*Chaincode)(nil)

// Chaincode returns a chaincode of the channel for a test. reader is a member of the first
// organisation.
func (c *Channel) Chaincode(t testing.TB, name string, reader ledgertest.Identity) *Chaincode {
	return &Chaincode{t: t, channel: c, name: name, reader: reader}
}

// endorsed is a proposal with the answers of the peers, in the order of the organisations.
type endorsed struct {
	*proposal
	answers []*peer.ProposalResponse
}

// Propose has a peer of every organisation simulate a call. They must agree to the byte.
func (c *Chaincode) Propose(as ledgertest.Identity, at time.Time, args [][]byte) ledgertest.Proposal {
	c.t.Helper()
	p, err := propose(c.channel.name, c.name, as, at, args)
	require.NoError(c.t, err)
	return c.simulate(p)
}

// Again has them simulate the same proposal once more.
func (c *Chaincode) Again(p ledgertest.Proposal) ledgertest.Proposal {
	c.t.Helper()
	return c.simulate(p.Endorsed.(*endorsed).proposal)
}

func (c *Chaincode) simulate(p *proposal) ledgertest.Proposal {
	c.t.Helper()
	answers, err := c.channel.ask(p, c.channel.Organisations()...)
	require.NoError(c.t, err)
	for i, a := range answers {
		require.Equal(c.t, answers[0].GetResponse().GetStatus(), a.GetResponse().GetStatus(), "peer %d", i)
		require.Equal(c.t, answers[0].GetResponse().GetMessage(), a.GetResponse().GetMessage(), "peer %d", i)
		require.Equal(c.t, answers[0].GetPayload(), a.GetPayload(), "peer %d simulates something else", i)
	}
	stub := ledgertest.Simulated(p.txID, p.at)
	if answers[0].GetResponse().GetStatus() < 400 {
		require.NoError(c.t, readAction(answers[0].GetPayload(), c.name, stub))
	}
	return ledgertest.Proposal{Response: answers[0].GetResponse(), Stub: stub, Endorsed: &endorsed{p, answers}}
}

// Commit orders a proposal with the endorsements of some organisations and waits until every peer
// has its block.
func (c *Chaincode) Commit(p ledgertest.Proposal, endorsers []string) peer.TxValidationCode {
	c.t.Helper()
	e := p.Endorsed.(*endorsed)
	var kept []*peer.ProposalResponse
	for i, n := range c.channel.nodes {
		if slices.Contains(endorsers, n.msp) {
			kept = append(kept, e.answers[i])
		}
	}
	code, err := c.channel.order(e.proposal, kept)
	require.NoError(c.t, err)
	return code
}

// Changes returns what valid transactions changed from a block on.
func (c *Chaincode) Changes(from uint64) ([]*ledgertest.Stub, uint64) {
	c.t.Helper()
	changes, next, err := c.channel.changes(c.reader, c.name, from)
	require.NoError(c.t, err)
	return changes, next
}

// ask sends a proposal to the peers of some organisations at the same time.
func (c *Channel) ask(p *proposal, msps ...string) ([]*peer.ProposalResponse, error) {
	ctx, cancel := bounded()
	defer cancel()
	answers, failures := make([]*peer.ProposalResponse, len(c.nodes)), make([]error, len(c.nodes))
	var all sync.WaitGroup
	for i, n := range c.nodes {
		if slices.Contains(msps, n.msp) {
			all.Go(func() { answers[i], failures[i] = n.endorser.ProcessProposal(ctx, p.signed) })
		}
	}
	all.Wait()
	answers = slices.DeleteFunc(answers, func(a *peer.ProposalResponse) bool { return a == nil })
	return answers, firstOf(failures)
}

// order hands a transaction to the orderer and returns how every peer validated it.
func (c *Channel) order(p *proposal, answers []*peer.ProposalResponse) (peer.TxValidationCode, error) {
	envelope, err := p.envelope(answers)
	if err != nil {
		return 0, err
	}
	ctx, cancel := bounded()
	defer cancel()
	_, err = c.nodes[0].gateway.Submit(ctx, &gateway.SubmitRequest{
		TransactionId: p.txID, ChannelId: c.name, PreparedTransaction: envelope,
	})
	if err != nil {
		return 0, err
	}
	return c.Await(p.as, p.txID)
}

// Await waits until every peer has the block of a transaction and returns how it was validated. A
// client library waits for its own organisation's peer only.
func (c *Channel) Await(as ledgertest.Identity, txID string) (peer.TxValidationCode, error) {
	request, err := proto.Marshal(&gateway.CommitStatusRequest{
		TransactionId: txID, ChannelId: c.name, Identity: as.Creator(),
	})
	if err != nil {
		return 0, err
	}
	signature, err := as.Sign(request)
	if err != nil {
		return 0, err
	}
	ctx, cancel := bounded()
	defer cancel()
	codes, failures := make([]peer.TxValidationCode, len(c.nodes)), make([]error, len(c.nodes))
	var all sync.WaitGroup
	for i, n := range c.nodes {
		all.Go(func() {
			var status *gateway.CommitStatusResponse
			status, failures[i] = n.gateway.CommitStatus(ctx, &gateway.SignedCommitStatusRequest{Request: request, Signature: signature})
			codes[i] = status.GetResult()
		})
	}
	all.Wait()
	return codes[0], firstOf(failures)
}

// firstOf returns the first fault.
func firstOf(failures []error) error {
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}
