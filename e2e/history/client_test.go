// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/anchorline/anchorline/internal/testnet"
	"github.com/anchorline/anchorline/ledger"
)

// A party is a user of an organisation, who dates transactions as it likes.
type party struct {
	msp      string
	gateway  *client.Gateway
	contract *client.Contract
	ledger   *ledger.Client
}

func connect(t *testing.T, n *testnet.Network, msp, user string) *party {
	t.Helper()
	p := n.Profile(msp, user)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(content(t, p.TLSCA)))
	conn, err := grpc.NewClient(p.Endpoint, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(pool, p.ServerName)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	certificate, err := identity.CertificateFromPEM(content(t, p.Certificate))
	require.NoError(t, err)
	id, err := identity.NewX509Identity(p.MSPID, certificate)
	require.NoError(t, err)
	private, err := identity.PrivateKeyFromPEM(content(t, p.Key))
	require.NoError(t, err)
	sign, err := identity.NewPrivateKeySign(private)
	require.NoError(t, err)
	g, err := client.Connect(id, client.WithSign(sign), client.WithClientConnection(conn))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return &party{msp: msp, gateway: g, contract: g.GetNetwork(p.Channel).GetContract(p.Chaincode), ledger: n.Connect(msp, user)}
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// A change is a transaction that is to come.
type change struct {
	who      *party
	time     int64
	function string
	request  any
	said     string // for people
	// apply tells the model that the change happened.
	apply func(at moment, txID string)
	// seen reports whether a peer's state has the change.
	seen func(l *ledger.Client, txID string) (bool, error)
}

// endorse has a change endorsed under its own time.
func (c change) endorse() (*client.Transaction, error) {
	argument, err := json.Marshal(c.request)
	if err != nil {
		return nil, err
	}
	if text, plain := c.request.(string); plain {
		argument = []byte(text)
	}
	proposal, err := c.who.contract.NewProposal(c.function, client.WithArguments(string(argument)))
	if err != nil {
		return nil, err
	}
	data, err := proposal.Bytes()
	if err != nil {
		return nil, err
	}
	if data, err = dated(data, c.time); err != nil {
		return nil, err
	}
	if proposal, err = c.who.gateway.NewProposal(data); err != nil {
		return nil, err
	}
	return proposal.Endorse()
}

// dated is a proposal, not signed yet, under another time.
func dated(data []byte, ms int64) ([]byte, error) {
	proposed, content, header, channel := &gateway.ProposedTransaction{}, &peer.Proposal{}, &common.Header{}, &common.ChannelHeader{}
	err := proto.Unmarshal(data, proposed)
	if err == nil {
		err = proto.Unmarshal(proposed.GetProposal().GetProposalBytes(), content)
	}
	if err == nil {
		err = proto.Unmarshal(content.GetHeader(), header)
	}
	if err == nil {
		err = proto.Unmarshal(header.GetChannelHeader(), channel)
	}
	channel.Timestamp = timestamppb.New(time.UnixMilli(ms))
	if err == nil {
		header.ChannelHeader, err = proto.Marshal(channel)
	}
	if err == nil {
		content.Header, err = proto.Marshal(header)
	}
	if err == nil {
		proposed.Proposal = &peer.SignedProposal{}
		proposed.Proposal.ProposalBytes, err = proto.Marshal(content)
	}
	if err != nil {
		return nil, err
	}
	return proto.Marshal(proposed)
}

// A landed change is one that is on the ledger.
type landed struct {
	change
	txID  string
	block uint64
	index int
}

// commit carries out changes, all at once, and tells the model in which order they came.
func (h *history) commit(changes ...change) {
	h.t.Helper()
	var transactions []*client.Transaction
	for _, c := range changes {
		var tx *client.Transaction
		h.eventually("endorse "+c.said, func() (err error) {
			tx, err = c.endorse()
			return err
		})
		transactions = append(transactions, tx)
	}
	var commits []*client.Commit
	for i, tx := range transactions {
		commit, err := tx.Submit()
		h.require(err, "submit "+changes[i].said)
		commits = append(commits, commit)
	}
	var done []landed
	for i, commit := range commits {
		status, err := commit.Status()
		h.require(err, "commit "+changes[i].said)
		require.True(h.t, status.Successful, "%s: %s\n%s", changes[i].said, status.Code, h)
		l := landed{change: changes[i], txID: commit.TransactionID()}
		l.block, l.index, err = l.who.ledger.Locate(h.t.Context(), l.txID)
		h.require(err, "locate "+l.said)
		done = append(done, l)
	}
	slices.SortFunc(done, func(a, b landed) int {
		if a.block != b.block {
			return int(a.block) - int(b.block)
		}
		return a.index - b.index
	})
	for _, l := range done {
		h.place++
		at := moment{place: h.place, block: l.block, time: l.time}
		l.apply(at, l.txID)
		h.note("%3d  block %d/%d  %s  %s", at.place, l.block, l.index, clock(at.time), l.said)
		for _, p := range h.world.users {
			h.eventually("see "+l.said, func() error {
				seen, err := l.seen(p.ledger, l.txID)
				if err == nil && !seen {
					err = fmt.Errorf("the peer of %s has not committed it", p.msp)
				}
				return err
			})
		}
	}
}

// patience is how long peers may lag behind each other.
const patience = 20 * time.Second

// eventually tries until it works: peers lag behind each other for a moment.
func (h *history) eventually(what string, try func() error) {
	h.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if err = try(); err == nil {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-h.t.Context().Done():
		}
	}
	h.require(err, what)
}

func (h *history) require(err error, what string) {
	h.t.Helper()
	if err != nil {
		require.NoError(h.t, err, "%s: %s\n%s", what, explained(err), h)
	}
}

func explained(err error) string {
	text := fmt.Sprintf("%v", err)
	for _, detail := range detailsOf(err) {
		text += "; " + detail
	}
	return text
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("01-02 15:04:05.000") }
