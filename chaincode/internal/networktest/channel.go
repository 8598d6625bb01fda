// SPDX-License-Identifier: Apache-2.0

// Package networktest lets the tests of a chaincode run on a Fabric network, embedded or real, as
// they run in memory: it is the network of a ledgertest.Ledger.
//
// It speaks to the peers' own services instead of through a client library, so that a test can
// choose a proposal's time, keep endorsements back, and compare what the peers answered byte by
// byte. Proposals go to a peer of every organisation; transactions go to the orderer through a
// peer's gateway; what is on the ledger is read from its blocks. Nothing is kept on disk.
package networktest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
)

// patience bounds every call; a healthy network needs a fraction of it.
const patience = 2 * time.Minute

// maxMessage is the largest answer that is taken, in bytes: what a peer sends at most.
const maxMessage = 100 << 20

// Peer says how a peer is reached that speaks for its organisation.
type Peer struct {
	MSP string
	// Endpoint is host:port, ServerName the name in the TLS certificate, TLSCA the path of the
	// certificate of the CA that issued it.
	Endpoint, ServerName, TLSCA string
}

// Channel is a channel of a running network. It is safe for concurrent use.
type Channel struct {
	name  string
	nodes []*node

	mu sync.Mutex
	// blocks are the valid changes of every block that was read, by chaincode.
	blocks []map[string][]*ledgertest.Stub
}

// node is a peer.
type node struct {
	msp      string
	conn     *grpc.ClientConn
	endorser peer.EndorserClient
	gateway  gateway.GatewayClient
}

// Dial reaches a channel by one peer of each organisation. Close ends the connections.
func Dial(name string, peers ...Peer) (*Channel, error) {
	c := &Channel{name: name}
	for _, p := range peers {
		n, err := p.dial()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("peer %s: %w", p.Endpoint, err), c.Close())
		}
		c.nodes = append(c.nodes, n)
	}
	return c, nil
}

func (p Peer) dial() (*node, error) {
	content, err := os.ReadFile(p.TLSCA)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("no certificate in %s", p.TLSCA)
	}
	conn, err := grpc.NewClient(p.Endpoint,
		grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, p.ServerName)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		return nil, err
	}
	return &node{
		msp: p.MSP, conn: conn,
		endorser: peer.NewEndorserClient(conn), gateway: gateway.NewGatewayClient(conn),
	}, nil
}

// Close ends the connections.
func (c *Channel) Close() error {
	var failures []error
	for _, n := range c.nodes {
		failures = append(failures, n.conn.Close())
	}
	return errors.Join(failures...)
}

// Organisations are the MSP IDs of the peers.
func (c *Channel) Organisations() (msps []string) {
	for _, n := range c.nodes {
		msps = append(msps, n.msp)
	}
	return msps
}

// bounded is the context of one call.
func bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
