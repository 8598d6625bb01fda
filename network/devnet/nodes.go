// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"time"

	fabricgateway "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/anchorline/anchorline/network/devnet/internal/chaincode"
	"github.com/anchorline/anchorline/network/devnet/internal/deliver"
	"github.com/anchorline/anchorline/network/devnet/internal/endorse"
	"github.com/anchorline/anchorline/network/devnet/internal/gateway"
	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/order"
	"github.com/anchorline/anchorline/network/devnet/internal/system"
	"github.com/anchorline/anchorline/network/devnet/internal/validate"
)

// buildOrderer makes the ordering service and puts it on the last server.
func (n *Network) buildOrderer() error {
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
		Faults:            n.faults,
		Committer: &committer{Store: n.ledger, validator: &validate.Validator{
			Channel: n.config.Channel, Chaincode: n.config.ChaincodeName, Version: chaincodeVersion,
			Policy: n.policy, Members: n.topology.members, Ledger: n.ledger, Faults: n.faults,
		}},
	})
	service := &deliver.Orderer{Broadcaster: n.orderer, Config: n.deliver()}
	service.Allow = func(s member.Signed) error { return n.topology.members.Ordering(member.Readers, s) }
	n.servers[len(n.servers)-1].services = func(s *grpc.Server) { orderer.RegisterAtomicBroadcastServer(s, service) }
	return nil
}

func (n *Network) deliver() deliver.Config {
	return deliver.Config{
		Allow: func(s member.Signed) error {
			return n.topology.members.Application(n.config.Channel, member.Readers, s)
		},
		Channel: n.config.Channel, TimeWindow: timeWindow, Ledger: n.ledger,
		Members: n.topology.members, Faults: n.faults, Now: time.Now,
	}
}

// buildPeers makes the services of every peer and puts them on its server.
func (n *Network) buildPeers() error {
	for i, node := range n.topology.peers {
		host := chaincode.NewHost(chaincode.Config{
			ID: n.program.id, Name: n.config.ChaincodeName, Address: n.program.address(),
			DialOptions:    []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())},
			ExecuteTimeout: n.config.ExecuteTimeout, DialTimeout: dialTimeout,
			Ledger: history{n.ledger},
		})
		n.hosts = append(n.hosts, host)
		endorser := endorse.New(endorse.Config{
			Channel: n.config.Channel, Chaincode: n.config.ChaincodeName, Version: chaincodeVersion,
			TimeWindow: timeWindow, MSPID: node.org.MSPID, Signer: node.identity, Members: n.topology.members,
			Ledger: n.ledger, Executor: host, System: n.system(), Now: time.Now,
		})
		g, err := n.gateway(i, endorser)
		if err != nil {
			return err
		}
		n.gateways = append(n.gateways, g)
		n.servers[i].services = func(s *grpc.Server) {
			peer.RegisterEndorserServer(s, endorser)
			peer.RegisterDeliverServer(s, &deliver.Peer{Config: n.deliver()})
			fabricgateway.RegisterGatewayServer(s, g)
		}
	}
	return nil
}

func (n *Network) system() *system.Chaincodes {
	s := &system.Chaincodes{
		Channel: n.config.Channel, Chaincode: n.config.ChaincodeName, Version: chaincodeVersion,
		Policy: n.policy, Ledger: n.ledger, Members: n.topology.members,
	}
	for _, node := range n.topology.peers {
		s.Organisations = append(s.Organisations, node.org.MSPID)
	}
	return s
}

// gateway makes the gateway of a peer. It calls its own endorser directly, and the other
// peers and the orderer over the network.
func (n *Network) gateway(own int, endorser peer.EndorserServer) (*gateway.Gateway, error) {
	local := n.topology.peers[own]
	peers := []*gateway.Peer{{
		MSPID: local.org.MSPID, Address: n.servers[own].address, Identity: local.member, Own: endorser,
	}}
	for i, node := range n.topology.peers {
		if i == own {
			continue
		}
		remote, err := n.remote(i, node)
		if err != nil {
			return nil, err
		}
		peers = append(peers, &gateway.Peer{MSPID: node.org.MSPID, Address: remote.Address, Identity: node.member, Remote: remote})
	}
	ordering, err := n.remote(len(n.servers)-1, n.topology.orderer)
	if err != nil {
		return nil, err
	}
	return gateway.New(gateway.Config{
		Channel: n.config.Channel, Chaincode: n.config.ChaincodeName, System: system.Names(), Policy: n.policy,
		Peers: peers, Orderer: ordering, OrdererMSPID: n.topology.orderer.org.MSPID,
		EndorsementTimeout: endorsementTimeout, BroadcastTimeout: n.config.BroadcastTimeout,
		Members: n.topology.members, Ledger: n.ledger, Faults: n.faults,
	}), nil
}

func (n *Network) remote(i int, node *node) (*gateway.Remote, error) {
	creds, err := n.topology.clientCredentials(node)
	return &gateway.Remote{Address: n.servers[i].address, Credentials: creds, MaxMessage: maxMessageSize}, err
}
