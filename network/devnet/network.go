// SPDX-License-Identifier: Apache-2.0

// Package devnet is an embedded Fabric network in one process: two organisations with a peer
// each and an orderer, on loopback, for development, demonstrations and tests.
//
// In: Fabric's own gRPC calls, from its client SDK or its tools. Out: what a real network
// would answer; DIFFERENCES.md lists where it does not. It runs real chaincode over the real
// shim protocol and keeps blocks and state in one folder. After a crash at any moment the
// ledger opens with its last complete block; what was submitted and not yet in a block is
// lost, as with a real orderer.
package devnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	fabricgateway "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/anchorline/anchorline/network/devnet/internal/chaincode"
	"github.com/anchorline/anchorline/network/devnet/internal/endorse"
	"github.com/anchorline/anchorline/network/devnet/internal/gateway"
	"github.com/anchorline/anchorline/network/devnet/internal/order"
	"github.com/anchorline/anchorline/network/devnet/internal/policy"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
	"github.com/anchorline/anchorline/network/devnet/internal/validate"
)

// Network is a running network.
type Network struct {
	config   Config
	topology *topology
	ledger   *store.Store
	policy   *common.SignaturePolicyEnvelope
	program  *program
	orderer  *order.Orderer
	hosts    []*chaincode.Host
	peers    []*gateway.Peer
	servers  []*server // of the peers, in their order, then the orderer's

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Start starts a network on a folder: a new one, or the one that is there. ctx bounds the
// start, not the network.
func Start(ctx context.Context, cfg Config) (*Network, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("devnet configuration: %w", err)
	}
	n := &Network{config: cfg}
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start devnet in %s: %w", cfg.Dir, err), n.Close())
	}
	cfg.Logger.Warn("embedded network: for development, demonstrations and tests only",
		"endpoint", n.servers[0].address(), "channel", cfg.Channel, "chaincode", cfg.ChaincodeName, "height", n.Height())
	return n, nil
}

func (n *Network) start(ctx context.Context) error {
	if err := os.MkdirAll(n.config.Dir, 0o750); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		n.openLedger, n.listen, n.startChaincode, n.startOrderer, n.startPeers,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	n.serve()
	return nil
}

func (n *Network) openLedger(context.Context) (err error) {
	if n.ledger, err = store.Open(filepath.Join(n.config.Dir, "ledger.db")); err != nil {
		return err
	}
	if n.topology, err = loadTopology(n.config.Dir); err != nil {
		return err
	}
	if n.policy, err = policy.Parse(n.config.EndorsementPolicy); err != nil {
		return err
	}
	if n.ledger.Height() > 0 {
		return nil
	}
	return writeGenesis(n.config, n.topology, n.ledger)
}

func (n *Network) listen(ctx context.Context) error {
	nodes := append(append([]*node(nil), n.topology.peers...), n.topology.orderer)
	addresses, err := n.config.addresses(len(nodes))
	if err != nil {
		return err
	}
	for i, node := range nodes {
		s, err := n.topology.listen(ctx, node, addresses[i])
		if err != nil {
			return err
		}
		n.servers = append(n.servers, s)
	}
	return nil
}

func (n *Network) startChaincode(ctx context.Context) (err error) {
	n.program, err = newProgram(ctx, n.config)
	return err
}

func (n *Network) startOrderer(context.Context) error {
	n.orderer = order.New(order.Config{
		Channel:           n.config.Channel,
		BatchTimeout:      n.config.BatchTimeout,
		MaxMessages:       n.config.MaxMessages,
		PreferredMaxBytes: n.config.PreferredMaxBytes,
		AbsoluteMaxBytes:  n.config.AbsoluteMaxBytes,
		Signer:            n.topology.orderer.identity,
		Members:           n.topology.members,
		Logger:            n.config.Logger,
		Now:               time.Now,
		Committer: &committer{Store: n.ledger, validator: &validate.Validator{
			Channel: n.config.Channel, Chaincode: n.config.ChaincodeName, Version: chaincodeVersion,
			Policy: n.policy, Members: n.topology.members, Ledger: n.ledger,
		}},
	})
	orderer.RegisterAtomicBroadcastServer(n.servers[len(n.servers)-1].grpc, n.orderer)
	return nil
}

// startPeers builds every peer's endorser, then their gateways, which need all endorsers.
func (n *Network) startPeers(context.Context) error {
	for i, node := range n.topology.peers {
		host := chaincode.NewHost(chaincode.Config{
			ID: n.program.id, Name: n.config.ChaincodeName, Address: n.program.address,
			DialOptions:    []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())},
			ExecuteTimeout: n.config.ExecuteTimeout, DialTimeout: dialTimeout,
			Ledger: history{n.ledger},
		})
		n.hosts = append(n.hosts, host)
		endorser := endorse.New(endorse.Config{
			Channel: n.config.Channel, Chaincode: n.config.ChaincodeName, Version: chaincodeVersion,
			TimeWindow: timeWindow, Signer: node.identity, Members: n.topology.members,
			Ledger: n.ledger, Executor: host, System: noSystem{}, Now: time.Now,
		})
		peer.RegisterEndorserServer(n.servers[i].grpc, endorser)
		n.peers = append(n.peers, &gateway.Peer{
			MSPID: node.org.MSPID, Address: n.servers[i].address(), Identity: node.member, Endorser: endorser,
		})
	}
	for i := range n.peers {
		fabricgateway.RegisterGatewayServer(n.servers[i].grpc, n.gateway(i))
	}
	return nil
}

// gateway builds the gateway of a peer, which prefers that peer.
func (n *Network) gateway(own int) *gateway.Gateway {
	peers := []*gateway.Peer{n.peers[own]}
	for i, p := range n.peers {
		if i != own {
			peers = append(peers, p)
		}
	}
	return gateway.New(gateway.Config{
		Channel: n.config.Channel, Chaincode: n.config.ChaincodeName, Policy: n.policy, Peers: peers,
		Orderer: n.orderer, OrdererAddress: n.servers[len(n.servers)-1].address(), OrdererMSPID: n.topology.orderer.org.MSPID,
		EndorsementTimeout: endorsementTimeout, BroadcastTimeout: broadcastTimeout,
		Members: n.topology.members, Ledger: n.ledger,
	})
}

// serve starts everything that runs on its own.
func (n *Network) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	n.done.Go(func() { n.orderer.Run(ctx) })
	servers := n.servers
	if n.program.server != nil {
		servers = append(servers[:len(servers):len(servers)], n.program.server)
	}
	for _, s := range servers {
		n.done.Go(func() {
			if err := s.serve(); err != nil {
				n.config.Logger.Error("server ended", "address", s.address(), "error", err)
			}
		})
	}
}

// Height is the number of blocks on the ledger.
func (n *Network) Height() uint64 { return n.ledger.Height() }

// Bytes is the size of the ledger's blocks on disk in bytes, as a peer's block files hold
// them; state and indexes are not counted.
func (n *Network) Bytes() (int64, error) { return n.ledger.Bytes(), nil }

// Close ends every call and stops everything that Start started.
func (n *Network) Close() error {
	for _, s := range n.servers {
		s.stop()
	}
	for _, h := range n.hosts {
		h.Close()
	}
	if n.program != nil && n.program.server != nil {
		n.program.server.stop()
	}
	if n.cancel != nil {
		n.cancel()
	}
	n.done.Wait()
	if n.ledger == nil {
		return nil
	}
	return n.ledger.Close()
}
