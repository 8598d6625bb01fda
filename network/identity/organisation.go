// SPDX-License-Identifier: Apache-2.0

package identity

import "path/filepath"

// Kind says which half of cryptogen's layout an organisation lives in.
type Kind int

// The two kinds of organisation.
const (
	PeerOrganisation Kind = iota
	OrdererOrganisation
)

// Organisation is one organisation's part of the tree under a root folder.
type Organisation struct {
	Kind   Kind
	MSPID  string
	Domain string   // such as org1.example.com
	Nodes  []string // host names without the domain: peer0, orderer
	Users  []string // beside Admin, which every organisation has
}

// Dir is the organisation's folder.
func (o Organisation) Dir(root string) string {
	if o.Kind == OrdererOrganisation {
		return filepath.Join(root, "ordererOrganizations", o.Domain)
	}
	return filepath.Join(root, "peerOrganizations", o.Domain)
}

// NodeName is a node's host name: peer0.org1.example.com.
func (o Organisation) NodeName(node string) string { return node + "." + o.Domain }

// NodeMSP is the MSP folder of a node.
func (o Organisation) NodeMSP(root, node string) string {
	return filepath.Join(o.nodeDir(root, node), "msp")
}

// NodeTLS is the TLS folder of a node: ca.crt, server.crt, server.key.
func (o Organisation) NodeTLS(root, node string) string {
	return filepath.Join(o.nodeDir(root, node), "tls")
}

// UserMSP is the MSP folder of a user: Admin or one of Users.
func (o Organisation) UserMSP(root, user string) string {
	return filepath.Join(o.Dir(root), "users", user+"@"+o.Domain, "msp")
}

// CACert is the certificate of the signing CA.
func (o Organisation) CACert(root string) string {
	return filepath.Join(o.Dir(root), "ca", "ca."+o.Domain+"-cert.pem")
}

// TLSCACert is the certificate of the TLS CA.
func (o Organisation) TLSCACert(root string) string {
	return filepath.Join(o.Dir(root), "tlsca", "tlsca."+o.Domain+"-cert.pem")
}

func (o Organisation) nodeDir(root, node string) string {
	nodes := "peers"
	if o.Kind == OrdererOrganisation {
		nodes = "orderers"
	}
	return filepath.Join(o.Dir(root), nodes, o.NodeName(node))
}

func (o Organisation) nodeRole() string {
	if o.Kind == OrdererOrganisation {
		return "orderer"
	}
	return "peer"
}
