// SPDX-License-Identifier: Apache-2.0

// Package trust says whom an auditor believes about a Fabric channel: the certificate authorities
// of its organisations and of its orderers, and how many organisations must attest. In come
// trust.json, or a channel's configuration block, and certificates; out goes whether a certificate
// is a peer's, an orderer's or a member's of an organisation, and whether it signed. Certificates
// are judged as Fabric's own membership service does. The package does no I/O and reads no clock.
package trust

import "strings"

// Type and Version are what trust.json says of itself.
const (
	Type    = "trust"
	Version = 1
)

// The consensus types that a channel can have.
const (
	Raft = "etcdraft" // one orderer signs each block
	BFT  = "BFT"      // a quorum of the consenters signs each block (SmartBFT)
)

// Trust is trust.json.
type Trust struct {
	// Ledger is channel/chaincode.
	Ledger string
	// ConfigurationBlock is the number of the channel's configuration block this was read from.
	ConfigurationBlock uint64
	// Organisations are those whose peers endorse and attest.
	Organisations []Organisation
	Orderers      Orderers
	// Attestations is how many organisations must attest: 1 to the number of organisations.
	Attestations int
}

// An Organisation is an MSP: who issues the certificates of its members.
type Organisation struct {
	MSPID string
	// Roots and Intermediates are CA certificates, one PEM block each.
	Roots         []string
	Intermediates []string
	// Unit is the organisational unit that certificates of its peers carry, of an ordering
	// organisation those of its orderers. It is empty where the MSP has no NodeOUs: then each of its
	// members counts.
	Unit string
	// Revoked are the certificate revocation lists in force, one PEM block each.
	Revoked []string
}

// Orderers say who may sign blocks.
type Orderers struct {
	// Consensus is Raft or BFT.
	Consensus string
	// Signatures is how many signatures of different orderers a block needs: 1 for Raft, [Quorum] of
	// the consenters for BFT.
	Signatures    int
	Organisations []Organisation
	// Consenters are the orderers of a BFT channel; none for Raft.
	Consenters []Consenter
}

// A Consenter is an orderer of a BFT channel.
type Consenter struct {
	ID          uint32
	MSPID       string // of one of the ordering organisations
	Certificate string // PEM
}

// Majority is the number of attestations asked for by default: more than half of the organisations.
func Majority(organisations int) int { return organisations/2 + 1 }

// Quorum is how many of n consenters of a BFT channel must sign a block: ⌈(n+f+1)/2⌉ where f, the
// number that may be faulty, is ⌊(n-1)/3⌋.
func Quorum(n int) int {
	f := (n - 1) / 3
	return (n + f + 2) / 2
}

// Channel is the channel of the ledger.
func (t Trust) Channel() string {
	channel, _, _ := strings.Cut(t.Ledger, "/")
	return channel
}

// Chaincode is the chaincode of the ledger.
func (t Trust) Chaincode() string {
	_, chaincode, _ := strings.Cut(t.Ledger, "/")
	return chaincode
}
