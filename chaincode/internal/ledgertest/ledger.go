// SPDX-License-Identifier: Apache-2.0

// Package ledgertest runs a chaincode against a ledger in memory that refuses what Fabric
// refuses: a transaction is ordered once and does not see its own writes, pages and histories are
// refused in a transaction that writes, read versions and ranges are validated at commit, and so
// are chaincode-level and key-level endorsement policies.
//
// A test proposes as an Identity and commits what was endorsed. Nothing is kept on disk. The same
// test runs on a Fabric network when the ledger is made Over one.
package ledgertest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Chaincode is the name under which the chaincode is said to be installed.
const Chaincode = "anchorline"

// Ledger is the committed state of one channel. It is safe for concurrent use.
type Ledger struct {
	// Channel is the channel's name.
	Channel string
	// Chaincode is the name under which the chaincode is installed.
	Chaincode string
	// Organisations are the MSP IDs of the channel; the chaincode's own endorsement policy
	// needs more than half of them.
	Organisations []string

	mu        sync.Mutex
	now       time.Time
	height    uint64
	proposals uint64
	state     map[string]entry
	// known are the ids of the transactions that were ordered, valid or not.
	known map[string]bool
	// sorted are the keys of state in order, nil when they must be sorted anew.
	sorted  []string
	history map[string][]*queryresult.KeyModification
	events  []Event

	// network keeps the state instead, nil for a ledger in memory; what it committed up to block
	// height is in the fields above.
	network Network
}

// entry is a key's value, version and key-level endorsement policy.
type entry struct {
	value   []byte
	policy  []byte
	version uint64
}

// Event is an event of a committed transaction.
type Event struct {
	TxID, Name string
	Payload    []byte
}

// New returns an empty ledger whose clock stands at a fixed time.
func New(organisations ...string) *Ledger {
	return &Ledger{
		Channel: "channel", Chaincode: Chaincode, Organisations: organisations,
		now:     time.UnixMilli(1_700_000_000_000),
		state:   map[string]entry{},
		known:   map[string]bool{},
		history: map[string][]*queryresult.KeyModification{},
	}
}

// Now returns the time of the next proposal, in milliseconds.
func (l *Ledger) Now() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.UnixMilli()
}

// Advance moves the clock; a negative step moves it back, as another client's clock may.
func (l *Ledger) Advance(step time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(step)
}

// Proposal is a simulated transaction: its response and its read and write sets.
type Proposal struct {
	Response *peer.Response
	Stub     *Stub
	// Endorsed is what the network made of it; it belongs to the network.
	Endorsed any
}

// Propose simulates a call as an identity. The clock then moves on by a millisecond.
func (l *Ledger) Propose(cc shim.Chaincode, as Identity, args ...string) Proposal {
	raw := make([][]byte, len(args))
	for i, arg := range args {
		raw[i] = []byte(arg)
	}
	return l.ProposeBytes(cc, as, raw...)
}

// ProposeBytes is Propose with arguments that need not be text.
func (l *Ledger) ProposeBytes(cc shim.Chaincode, as Identity, args ...[]byte) Proposal {
	l.mu.Lock()
	l.proposals++
	id := sha256.Sum256(fmt.Append(nil, "transaction ", l.proposals))
	stub := &Stub{
		ledger: l, args: args, creator: as.Creator(),
		txID: hex.EncodeToString(id[:]), timestamp: timestamppb.New(l.now),
		reads: map[string]uint64{}, Writes: map[string][]byte{}, Policies: map[string][]byte{},
	}
	l.now = l.now.Add(time.Millisecond)
	l.mu.Unlock()
	if l.network != nil {
		return l.network.Propose(as, stub.timestamp.AsTime(), args)
	}
	return Proposal{Response: cc.Invoke(stub), Stub: stub}
}

// Again simulates the same proposal - same id, time, caller and arguments - once more, as
// another organisation's peer would.
func (l *Ledger) Again(cc shim.Chaincode, p Proposal) Proposal {
	if l.network != nil {
		return l.network.Again(p)
	}
	stub := &Stub{
		ledger: l, args: p.Stub.args, creator: p.Stub.creator,
		txID: p.Stub.txID, timestamp: p.Stub.timestamp,
		reads: map[string]uint64{}, Writes: map[string][]byte{}, Policies: map[string][]byte{},
	}
	return Proposal{Response: cc.Invoke(stub), Stub: stub}
}

// Commit validates a proposal that these organisations endorsed and applies it.
func (l *Ledger) Commit(p Proposal, endorsers ...string) peer.TxValidationCode {
	if p.Response.GetStatus() >= shim.ERRORTHRESHOLD {
		return peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION
	}
	if l.network != nil {
		return l.network.Commit(p, endorsers)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[p.Stub.txID] {
		return peer.TxValidationCode_DUPLICATE_TXID
	}
	l.known[p.Stub.txID] = true
	l.height++
	if !l.endorsed(p.Stub, endorsers) {
		return peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
	}
	for key, version := range p.Stub.reads {
		if l.state[key].version != version {
			return peer.TxValidationCode_MVCC_READ_CONFLICT
		}
	}
	for _, r := range p.Stub.ranges {
		if !slices.Equal(l.scan(r.start, r.end), r.seen) {
			return peer.TxValidationCode_PHANTOM_READ_CONFLICT
		}
	}
	l.apply(p.Stub)
	return peer.TxValidationCode_VALID
}

// apply writes what a valid transaction wrote.
func (l *Ledger) apply(s *Stub) {
	l.sorted = nil
	for key, value := range s.Writes {
		e := l.state[key]
		e.value, e.version = value, l.height
		l.state[key] = e
		l.history[key] = append(l.history[key], &queryresult.KeyModification{
			TxId: s.txID, Value: value, Timestamp: s.timestamp, IsDelete: value == nil,
		})
	}
	for key, policy := range s.Policies {
		e, exists := l.state[key]
		if !exists {
			continue
		}
		e.policy, e.version = policy, l.height
		l.state[key] = e
	}
	if s.EventName != "" {
		l.events = append(l.events, Event{TxID: s.txID, Name: s.EventName, Payload: s.EventPayload})
	}
}

// Submit proposes, lets every organisation endorse, and commits.
func (l *Ledger) Submit(cc shim.Chaincode, as Identity, args ...string) (Proposal, peer.TxValidationCode) {
	p := l.Propose(cc, as, args...)
	return p, l.Commit(p, l.Organisations...)
}

// Value returns what is committed under a key.
func (l *Ledger) Value(key string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow()
	return slices.Clone(l.state[key].value)
}

// Policy returns the key-level endorsement policy that is committed for a key.
func (l *Ledger) Policy(key string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow()
	return slices.Clone(l.state[key].policy)
}

// Keys returns every committed key, sorted.
func (l *Ledger) Keys() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow()
	return slices.Clone(l.scanKeys("", ""))
}

// Events returns the events of the committed transactions, oldest first.
func (l *Ledger) Events() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow()
	return slices.Clone(l.events)
}

// seen is a key and the version at which a range query met it.
type seen struct {
	key     string
	version uint64
}

// scan returns the keys of [start, end) with their versions, in order. An empty end is no end.
func (l *Ledger) scan(start, end string) []seen {
	return l.scanSome(start, end, len(l.state))
}

// scanSome is scan of at most some keys.
func (l *Ledger) scanSome(start, end string, most int) []seen {
	var found []seen
	keys := l.scanKeys(start, end)
	for _, key := range keys[:min(most, len(keys))] {
		found = append(found, seen{key, l.state[key].version})
	}
	return found
}

func (l *Ledger) scanKeys(start, end string) []string {
	if l.sorted == nil {
		l.sorted = []string{}
		for key, e := range l.state {
			if e.value != nil {
				l.sorted = append(l.sorted, key)
			}
		}
		slices.Sort(l.sorted)
	}
	from, _ := slices.BinarySearch(l.sorted, start)
	to := len(l.sorted)
	if end != "" {
		to, _ = slices.BinarySearch(l.sorted, end)
	}
	return l.sorted[from:max(from, to)]
}

// Load puts a value under a key without a transaction, to start from a large state. No network
// has that: a test that uses it runs in memory only.
func (l *Ledger) Load(key string, value []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.height++
	l.state[key] = entry{value: value, version: l.height}
	l.sorted = nil
}
