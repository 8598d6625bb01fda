// SPDX-License-Identifier: Apache-2.0

// Package devnet is an embedded Fabric network in one process: organisations with a peer each
// and an orderer, on loopback, for development, demonstrations and tests.
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

	"google.golang.org/grpc"

	"github.com/anchorline/anchorline/network/devnet/internal/chaincode"
	"github.com/anchorline/anchorline/network/devnet/internal/channel"
	"github.com/anchorline/anchorline/network/devnet/internal/fault"
	"github.com/anchorline/anchorline/network/devnet/internal/gateway"
	"github.com/anchorline/anchorline/network/devnet/internal/order"
	"github.com/anchorline/anchorline/network/devnet/internal/policy"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
)

// Network is a running network.
type Network struct {
	config   Config
	topology *topology
	channel  *channel.Channel // as the orderer sees it
	ledger   *store.Store
	peers    []*channel.Channel // as each peer sees it
	programs []*program         // each peer's chaincode
	orderer  *order.Orderer
	hosts    []*chaincode.Host
	gateways []*gateway.Gateway
	servers  []*server // of the peers, in their order, then the orderer's

	cancel context.CancelFunc // ends the orderer
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
	n := &Network{config: cfg, channel: &channel.Channel{
		Name: cfg.Channel, Chaincode: cfg.ChaincodeName, Version: chaincodeVersion,
		Faults: &fault.Switches{}, TimeWindow: timeWindow, Now: time.Now,
	}}
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start devnet in %s: %w", cfg.Dir, err), n.Close())
	}
	cfg.Logger.Warn("embedded network: for development, demonstrations and tests only",
		"endpoint", n.servers[0].address, "orderer", n.servers[len(n.servers)-1].address, "channel", cfg.Channel, "chaincode", cfg.ChaincodeName, "height", n.Height())
	return n, nil
}

func (n *Network) start(ctx context.Context) error {
	if err := os.MkdirAll(n.config.Dir, 0o750); err != nil {
		return err
	}
	if err := n.openLedger(); err != nil {
		return err
	}
	if err := n.listen(ctx); err != nil {
		return err
	}
	for _, node := range n.topology.peers {
		p, err := newProgram(ctx, n.config, node.org.MSPID)
		if err != nil {
			return fmt.Errorf("chaincode of %s: %w", node.org.MSPID, err)
		}
		n.programs = append(n.programs, p)
	}
	n.buildOrderer()
	if err := n.buildPeers(); err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	n.done.Go(func() { n.orderer.Run(running) })
	for _, s := range n.servers {
		s.serve()
	}
	return nil
}

func (n *Network) openLedger() (err error) {
	if n.ledger, err = store.Open(filepath.Join(n.config.Dir, "ledger.db")); err != nil {
		return err
	}
	n.channel.Ledger = n.ledger.View()
	if n.topology, err = loadTopology(n.config); err != nil {
		return err
	}
	n.channel.Members = n.topology.members
	if n.channel.Policy, err = policy.Parse(n.config.policy()); err != nil {
		return err
	}
	if n.Height() > 0 {
		return checkGenesis(n.config, n.ledger)
	}
	return writeGenesis(n.config, n.topology, n.ledger)
}

// listen takes the addresses of all servers: the gateways need to know them.
func (n *Network) listen(ctx context.Context) error {
	nodes := n.topology.nodes()
	addresses, err := n.config.addresses(len(n.topology.peers))
	if err != nil {
		return err
	}
	for i, node := range nodes {
		creds, err := n.topology.serverCredentials(node)
		if err != nil {
			return err
		}
		s := &server{name: node.org.NodeName(node.name), address: addresses[i], logger: n.config.Logger}
		s.options = func() []grpc.ServerOption { return nodeOptions(creds) }
		if err := s.listen(ctx); err != nil {
			return err
		}
		n.servers = append(n.servers, s)
	}
	return nil
}

// Height is the number of blocks on the ledger.
func (n *Network) Height() uint64 { return n.ledger.Height() }

// Bytes is the size of the ledger's blocks on disk in bytes, as a peer's block files hold
// them; state and indexes are not counted.
func (n *Network) Bytes() (int64, error) { return n.ledger.Bytes(), nil }

// Close ends every call and stops everything that Start started.
func (n *Network) Close() error {
	n.channel.Faults.SetHang(false)
	for _, s := range n.servers {
		s.stop()
	}
	for _, g := range n.gateways {
		g.Close()
	}
	for _, h := range n.hosts {
		h.Close()
	}
	for _, p := range n.programs {
		p.stop()
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
