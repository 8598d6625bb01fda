// SPDX-License-Identifier: Apache-2.0

package devnet

import "path/filepath"

// Profile is what a client needs to reach the network as one identity. Paths name PEM files. As
// JSON it is what `anchorline up --fabric` takes.
type Profile struct {
	Endpoint    string `json:"endpoint"`   // host:port of the organisation's peer
	ServerName  string `json:"serverName"` // name in the peer's TLS certificate
	TLSCA       string `json:"tlsCa"`      // certificate of the CA that issued it
	MSPID       string `json:"mspId"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Channel     string `json:"channel"`
	Chaincode   string `json:"chaincode"`
}

// Profile returns the profile of a user of a peer organisation: Admin or User1. An unknown
// organisation gives the zero profile.
func (n *Network) Profile(mspID, user string) Profile {
	for i, node := range n.topology.peers {
		org, root := node.org, n.topology.root
		if org.MSPID != mspID {
			continue
		}
		msp := org.UserMSP(root, user)
		return Profile{
			Endpoint:    n.servers[i].address,
			ServerName:  org.NodeName(node.name),
			TLSCA:       org.TLSCACert(root),
			MSPID:       mspID,
			Certificate: filepath.Join(msp, "signcerts", user+"@"+org.Domain+"-cert.pem"),
			Key:         filepath.Join(msp, "keystore", "priv_sk"),
			Channel:     n.config.Channel,
			Chaincode:   n.config.ChaincodeName,
		}
	}
	return Profile{}
}

// Organisations are the MSP IDs of the peer organisations.
func (n *Network) Organisations() []string {
	var mspIDs []string
	for _, node := range n.topology.peers {
		mspIDs = append(mspIDs, node.org.MSPID)
	}
	return mspIDs
}

// Orderer returns what a tool needs to reach the orderer itself: endpoint, server name and
// TLS CA. Clients of the gateway do not.
func (n *Network) Orderer() Profile {
	node := n.topology.orderer
	return Profile{
		Endpoint:   n.servers[len(n.servers)-1].address,
		ServerName: node.org.NodeName(node.name),
		TLSCA:      node.org.TLSCACert(n.topology.root),
		MSPID:      node.org.MSPID,
		Channel:    n.config.Channel,
	}
}
