// SPDX-License-Identifier: Apache-2.0

// Package world makes a small consortium in memory, for tests of the verifiers: three organisations,
// their devices and streams, orderers, and a ledger that remembers which transaction wrote what. In
// come changes; out go transactions, blocks, attestations and statements, byte for byte as Fabric and
// a bridge make them.
//
// Everything follows from names: two worlds to which the same happens give the same bytes. Nothing is
// verified here. What an attacker would do is done with the hooks of [Call], [Block] and [Question].
package world

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit/trust"
)

// The names of every world.
const (
	Channel   = "mychannel"
	Chaincode = "anchorline"
	Ledger    = Channel + "/" + Chaincode
)

// Begin is when the world begins: 2026-01-01T00:00:00Z in milliseconds.
const Begin = 1767225600000

// Times in milliseconds.
const (
	Second = 1000
	Minute = 60 * Second
	Hour   = 60 * Minute
)

// Organisation is a member of the consortium.
type Organisation struct {
	MSPID   string
	Root    *Authority
	Issuing *Authority // the CA below that issues to members, or the root itself
	Peer    *Member
	Bridge  *Member // a client
	Admin   *Member
	Stolen  *Member // a peer whose certificate is revoked
}

// World is the consortium, its orderers and its ledger.
type World struct {
	t testing.TB
	// Trust is what an auditor pins: two organisations must attest.
	Trust         trust.Trust
	Organisations []*Organisation
	Ordering      *Authority
	Orderers      []*Member
	// Clock is the time of the last transaction in milliseconds; each transaction takes a second.
	Clock int64
	// Holding keeps transactions in one block until it is false again and the next one is submitted.
	Holding bool

	state  map[string]entry
	blocks map[uint64]*Block
	places map[string]uint64 // block of each transaction
	height uint64            // of the block to which the next transaction belongs
	drawn  uint64            // nonces
}

// entry is a value and where the transaction stands that wrote it.
type entry struct {
	value        []byte
	block, index uint64
}

// New makes a world of Org1MSP, Org2MSP and Org3MSP with one Raft orderer, or with consenters of BFT.
func New(t testing.TB, consenters int) *World {
	t.Helper()
	w := &World{t: t, Clock: Begin, state: map[string]entry{}, blocks: map[uint64]*Block{}, places: map[string]uint64{}, height: 7}
	w.Trust = trust.Trust{Ledger: Ledger, ConfigurationBlock: 3, Attestations: 2}
	for i := range 3 {
		o := newOrganisation(t, fmt.Sprintf("Org%dMSP", i+1), i > 0)
		w.Organisations = append(w.Organisations, o)
		w.Trust.Organisations = append(w.Trust.Organisations, o.trusted(t))
	}
	w.Ordering = NewAuthority(t, "OrdererMSP", "root")
	for i := range max(consenters, 1) {
		w.Orderers = append(w.Orderers, w.Ordering.Issue(t, fmt.Sprintf("orderer%d", i+1), []string{"orderer"}))
	}
	w.Trust.Orderers = trust.Orderers{Consensus: trust.Raft, Signatures: 1, Organisations: []trust.Organisation{
		{MSPID: "OrdererMSP", Roots: []string{w.Ordering.PEM}, Unit: "orderer"},
	}}
	if consenters > 0 {
		w.Trust.Orderers.Consensus, w.Trust.Orderers.Signatures = trust.BFT, trust.Quorum(consenters)
		for i, o := range w.Orderers {
			w.Trust.Orderers.Consenters = append(w.Trust.Orderers.Consenters,
				trust.Consenter{ID: uint32(i + 1), MSPID: o.MSPID, Certificate: o.PEM})
		}
	}
	return w
}

func newOrganisation(t testing.TB, mspID string, intermediate bool) *Organisation {
	t.Helper()
	o := &Organisation{MSPID: mspID, Root: NewAuthority(t, mspID, "root")}
	o.Issuing = o.Root
	if intermediate {
		o.Issuing = o.Root.Below(t, "issuing")
	}
	o.Peer = o.Issuing.Issue(t, "peer0", []string{"peer"})
	o.Bridge = o.Issuing.Issue(t, "bridge", []string{"client"})
	o.Admin = o.Issuing.Issue(t, "admin", []string{"admin"})
	o.Stolen = o.Issuing.Issue(t, "peer-stolen", []string{"peer"})
	return o
}

// trusted is the organisation as trust.json lists it.
func (o *Organisation) trusted(t testing.TB) trust.Organisation {
	t.Helper()
	out := trust.Organisation{MSPID: o.MSPID, Roots: []string{o.Root.PEM}, Unit: "peer", Revoked: []string{o.Issuing.Revoke(t, o.Stolen)}}
	if o.Issuing != o.Root {
		out.Intermediates = []string{o.Issuing.PEM}
	}
	return out
}

// Org returns an organisation by its MSP ID.
func (w *World) Org(mspID string) *Organisation {
	w.t.Helper()
	for _, o := range w.Organisations {
		if o.MSPID == mspID {
			return o
		}
	}
	require.FailNow(w.t, "no organisation", mspID)
	return nil
}

// Peers returns the peers of organisations.
func (w *World) Peers(mspIDs ...string) []*Member {
	w.t.Helper()
	var peers []*Member
	for _, id := range mspIDs {
		peers = append(peers, w.Org(id).Peer)
	}
	return peers
}

// Pass lets time go by, in milliseconds.
func (w *World) Pass(ms int64) { w.Clock += ms }
