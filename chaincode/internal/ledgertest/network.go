// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Network endorses and commits in place of the ledger in memory. It fails the test when it cannot.
type Network interface {
	// Propose has a peer of every organisation simulate a call of the chaincode. They must agree
	// to the byte.
	Propose(as Identity, at time.Time, args [][]byte) Proposal
	// Again has them simulate the same proposal once more.
	Again(p Proposal) Proposal
	// Commit orders a proposal with the endorsements of some organisations and waits until every
	// peer has its block.
	Commit(p Proposal, endorsers []string) peer.TxValidationCode
	// Changes returns what valid transactions changed in the chaincode's state from a block on,
	// in their order, and the block from which to ask next.
	Changes(from uint64) (changes []*Stub, next uint64)
}

// Over returns the ledger of a chaincode that a network keeps. Its clock is its own, as with New,
// and starts at the present: a network refuses proposals a quarter of an hour off its own.
func Over(network Network, channel, chaincode string, organisations ...string) *Ledger {
	l := New(organisations...)
	l.Channel, l.Chaincode, l.network = channel, chaincode, network
	l.now = time.UnixMilli(time.Now().UnixMilli())
	return l
}

// OnNetwork reports whether a network keeps the state.
func (l *Ledger) OnNetwork() bool { return l.network != nil }

// follow applies what the network committed since the last time. The lock is held.
func (l *Ledger) follow() {
	if l.network == nil {
		return
	}
	var changes []*Stub
	changes, l.height = l.network.Changes(l.height)
	for _, change := range changes {
		l.apply(change)
	}
}

// Simulated returns an empty write set of a simulation that a network made, or of a transaction
// that it committed.
func Simulated(txID string, at time.Time) *Stub {
	return &Stub{
		txID: txID, timestamp: timestamppb.New(at),
		Writes: map[string][]byte{}, Policies: map[string][]byte{},
	}
}
