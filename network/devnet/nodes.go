// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	fabricgateway "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"

	"github.com/anchorline/anchorline/network/devnet/internal/chaincode"
	"github.com/anchorline/anchorline/network/devnet/internal/channel"
	"github.com/anchorline/anchorline/network/devnet/internal/deliver"
	"github.com/anchorline/anchorline/network/devnet/internal/endorse"
	"github.com/anchorline/anchorline/network/devnet/internal/gateway"
	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/order"
	"github.com/anchorline/anchorline/network/devnet/internal/system"
	"github.com/anchorline/anchorline/network/devnet/internal/validate"
)

// buildOrderer makes the ordering service and puts it on the last server.
func (n *Network) buildOrderer() {
	n.orderer = order.New(order.Config{
		Channel: n.channel, Signer: n.topology.orderer.identity, Logger: n.config.Logger,
		BatchTimeout: n.config.BatchTimeout, MaxMessages: n.config.MaxMessages,
		PreferredMaxBytes: n.config.PreferredMaxBytes, AbsoluteMaxBytes: n.config.AbsoluteMaxBytes,
		Committer: &committer{Store: n.ledger, validator: &validate.Validator{Channel: n.channel}},
	})
	allow := func(s member.Signed) error { return n.topology.members.Ordering(member.Readers, s) }
	service := &deliver.Orderer{AtomicBroadcastServer: n.orderer, Config: deliver.Config{Channel: n.channel, Allow: allow}}
	n.servers[len(n.servers)-1].services = func(s *grpc.Server) { orderer.RegisterAtomicBroadcastServer(s, service) }
}

// buildPeers makes the services of every peer and puts them on its server.
func (n *Network) buildPeers() error {
	for i, node := range n.topology.peers {
		own := *n.channel
		own.Ledger = n.ledger.View()
		n.peers = append(n.peers, &own)
		system := n.system(&own, node, n.programs[i])
		host, err := n.host(n.programs[i], system)
		if err != nil {
			return err
		}
		n.hosts = append(n.hosts, host)
		endorser := endorse.New(endorse.Config{
			Channel: &own, MSPID: node.org.MSPID, Signer: node.identity, Executor: host, System: system,
		})
		g, err := n.gateway(i, endorser)
		if err != nil {
			return err
		}
		n.gateways = append(n.gateways, g)
		allow := func(s member.Signed) error { return n.topology.members.Application(own.Name, member.Readers, s) }
		n.servers[i].services = func(s *grpc.Server) {
			peer.RegisterEndorserServer(s, endorser)
			peer.RegisterDeliverServer(s, &deliver.Peer{Config: deliver.Config{Channel: &own, Allow: allow}})
			fabricgateway.RegisterGatewayServer(s, g)
		}
	}
	return nil
}

// host is a peer's side of its chaincode.
func (n *Network) host(p *program, system *system.Chaincodes) (*chaincode.Host, error) {
	creds, err := p.service.credentials()
	return chaincode.NewHost(chaincode.Config{
		System: system,
		ID:     p.id, Name: n.config.ChaincodeName, Address: p.address(), DialOptions: []grpc.DialOption{grpc.WithTransportCredentials(creds)},
		ExecuteTimeout: n.config.ExecuteTimeout, DialTimeout: dialTimeout,
	}), err
}

func (n *Network) system(own *channel.Channel, of *node, p *program) *system.Chaincodes {
	return &system.Chaincodes{Channel: own, MSPID: of.org.MSPID, PackageID: p.id, Organisations: n.Organisations()}
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
		Channel: n.peers[own], System: system.Names(), Peers: peers,
		Orderer: ordering, OrdererMSPID: n.topology.orderer.org.MSPID,
		EndorsementTimeout: endorsementTimeout, BroadcastTimeout: n.config.BroadcastTimeout,
	}), nil
}

func (n *Network) remote(i int, node *node) (*gateway.Remote, error) {
	creds, err := n.topology.clientCredentials(node)
	return &gateway.Remote{Address: n.servers[i].address, Credentials: creds, MaxMessage: maxMessageSize}, err
}
