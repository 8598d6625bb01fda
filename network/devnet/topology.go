// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"google.golang.org/grpc/credentials"

	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/identity"
)

// The names of the nodes, as in Fabric's test network.
const (
	ordererNode = "orderer"
	peerNode    = "peer0"
)

func ordererOrganisation() identity.Organisation {
	return identity.Organisation{Kind: identity.OrdererOrganisation, MSPID: "OrdererMSP", Domain: "example.com", Nodes: []string{ordererNode}}
}

// topology is who takes part: the organisations with the identities of their nodes.
type topology struct {
	root    string // folder of the organisations
	peers   []*node
	orderer *node
	members *member.Registry
}

// node is a peer or the orderer.
type node struct {
	org      identity.Organisation
	name     string // host name within the organisation
	identity *identity.Identity
	member   *member.Member
}

// loadTopology makes the identities that are not there yet and loads those of the nodes.
func loadTopology(cfg Config) (*topology, error) {
	t := &topology{root: filepath.Join(cfg.Dir, "organizations")}
	organisations := append(cfg.organisations(), ordererOrganisation())
	if err := identity.Write(t.root, organisations...); err != nil {
		return nil, err
	}
	var trusted []member.Organisation
	for _, org := range organisations {
		ca, err := readCertificate(org.CACert(t.root))
		if err != nil {
			return nil, err
		}
		if err := linkCertificates(t.root, org); err != nil {
			return nil, err
		}
		trusted = append(trusted, member.Organisation{
			MSPID: org.MSPID, CA: ca, Application: org.Kind == identity.PeerOrganisation,
		})
	}
	t.members = member.NewRegistry(cfg.Channel, trusted...)
	for _, org := range organisations {
		n := &node{org: org, name: org.Nodes[0]}
		var err error
		if n.identity, err = identity.Load(org.NodeMSP(t.root, n.name), org.MSPID); err != nil {
			return nil, err
		}
		if n.member, err = t.members.Parse(n.identity.Serialize()); err != nil {
			return nil, err
		}
		if org.Kind == identity.OrdererOrganisation {
			t.orderer = n
		} else {
			t.peers = append(t.peers, n)
		}
	}
	return t, nil
}

// linkCertificates gives the users' certificates the name that Fabric CA's client gives them,
// too: some of Fabric's samples look for that one.
func linkCertificates(root string, org identity.Organisation) error {
	for _, user := range append([]string{"Admin"}, org.Users...) {
		link := filepath.Join(org.UserMSP(root, user), "signcerts", "cert.pem")
		err := os.Symlink(user+"@"+org.Domain+"-cert.pem", link)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("name the certificate of %s as Fabric CA does: %w", user, err)
		}
	}
	return nil
}

// nodes are the peers and then the orderer.
func (t *topology) nodes() []*node { return append(append([]*node(nil), t.peers...), t.orderer) }

// serverCredentials are the node's TLS server credentials.
func (t *topology) serverCredentials(n *node) (credentials.TransportCredentials, error) {
	dir := n.org.NodeTLS(t.root, n.name)
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	if err != nil {
		return nil, fmt.Errorf("load TLS certificate of %s: %w", n.org.NodeName(n.name), err)
	}
	return credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}), nil
}

// clientCredentials are what a client of the node needs.
func (t *topology) clientCredentials(n *node) (credentials.TransportCredentials, error) {
	ca, err := readCertificate(n.org.TLSCACert(t.root))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	return credentials.NewClientTLSFromCert(roots, n.org.NodeName(n.name)), nil
}

func readCertificate(path string) (*x509.Certificate, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read CA certificate: %w", err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM; remove the organisation's folder to make a new one", path)
	}
	return x509.ParseCertificate(block.Bytes)
}
