// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Faults makes a network misbehave as real ones do, for tests. Nothing is wrong until one of
// its methods is called.
type Faults struct{ network *Network }

// ErrNoSuchPeer says that no peer belongs to an organisation.
var ErrNoSuchPeer = errors.New("no peer of this organisation")

// ErrNotOurs says that the chaincode runs elsewhere and cannot be stopped from here.
var ErrNotOurs = errors.New("the chaincode runs elsewhere")

// Faults returns the switches of the network.
func (n *Network) Faults() Faults { return Faults{n} }

// DropSubmits loses the next count transactions after Submit said OK, as an orderer does
// that dies before it cuts a block.
func (f Faults) DropSubmits(count int) { f.network.channel.Faults.SetDrops(count) }

// DelayStatus makes every commit status come later by delay.
func (f Faults) DelayStatus(delay time.Duration) { f.network.channel.Faults.SetStatus(delay, 0) }

// LoseStatus never answers the next count commit status calls; the client's deadline ends them.
func (f Faults) LoseStatus(count int) { f.network.channel.Faults.SetStatus(0, count) }

// ConflictStorm invalidates the next count valid transactions with MVCC_READ_CONFLICT, as
// somebody does who keeps writing the keys they read.
func (f Faults) ConflictStorm(count int) { f.network.channel.Faults.SetConflicts(count) }

// CutEvents ends the event and block streams that are open.
func (f Faults) CutEvents() { f.network.channel.Faults.CutStreams() }

// HangOrderer stops the orderer from answering; what it receives meanwhile is ordered when
// ReleaseOrderer is called.
func (f Faults) HangOrderer() { f.network.channel.Faults.SetHang(true) }

// ReleaseOrderer ends HangOrderer.
func (f Faults) ReleaseOrderer() { f.network.channel.Faults.SetHang(false) }

// StopOrderer closes the orderer's address. Transactions that it accepted are still ordered.
func (f Faults) StopOrderer() { f.network.servers[len(f.network.servers)-1].stop() }

// StartOrderer ends StopOrderer.
func (f Faults) StartOrderer(ctx context.Context) error {
	return f.network.servers[len(f.network.servers)-1].restart(ctx)
}

// StopPeer closes the address of an organisation's peer and ends its calls.
func (f Faults) StopPeer(mspID string) error {
	s, err := f.peer(mspID)
	if err != nil {
		return err
	}
	s.stop()
	return nil
}

// StartPeer ends StopPeer.
func (f Faults) StartPeer(ctx context.Context, mspID string) error {
	s, err := f.peer(mspID)
	if err != nil {
		return err
	}
	return s.restart(ctx)
}

// HangPeer stops the peer of an organisation from reading and answering; its address still takes
// connections, as that of a process does which is stopped or starved.
func (f Faults) HangPeer(mspID string) error { return f.hang(mspID, true) }

// ReleasePeer ends HangPeer; what was sent meanwhile is handled then.
func (f Faults) ReleasePeer(mspID string) error { return f.hang(mspID, false) }

func (f Faults) hang(mspID string, hang bool) error {
	s, err := f.peer(mspID)
	if err != nil {
		return err
	}
	s.gate.hold(hang)
	return nil
}

// HoldBlocks makes the peer of an organisation lag: blocks that come from now on are not on its
// ledger, and what is read at it or endorsed by it is of the state before them. It waits for the
// chaincode calls that are under way.
func (f Faults) HoldBlocks(mspID string) error {
	i, err := f.index(mspID)
	if err != nil {
		return err
	}
	f.network.peers[i].Ledger.Hold()
	return nil
}

// ReleaseBlocks ends HoldBlocks: the peer has all blocks at once.
func (f Faults) ReleaseBlocks(mspID string) error {
	i, err := f.index(mspID)
	if err != nil {
		return err
	}
	f.network.peers[i].Ledger.Release()
	return nil
}

// StopChaincode ends the chaincode servers of organisations, of all when none is named. They run in
// this process.
func (f Faults) StopChaincode(mspIDs ...string) error {
	return f.programs(mspIDs, func(s *server) error {
		s.stop()
		return nil
	})
}

// StartChaincode ends StopChaincode.
func (f Faults) StartChaincode(ctx context.Context, mspIDs ...string) error {
	return f.programs(mspIDs, func(s *server) error { return s.restart(ctx) })
}

// programs does something with the chaincode servers of organisations, when all of them are ours.
func (f Faults) programs(mspIDs []string, do func(*server) error) error {
	var servers []*server
	for i, p := range f.network.programs {
		mspID := f.network.topology.peers[i].org.MSPID
		if len(mspIDs) > 0 && !slices.Contains(mspIDs, mspID) {
			continue
		}
		if p.server == nil {
			return fmt.Errorf("%s: %w", mspID, ErrNotOurs)
		}
		servers = append(servers, p.server)
	}
	if len(servers) < len(mspIDs) {
		return fmt.Errorf("%v: %w", mspIDs, ErrNoSuchPeer)
	}
	for _, s := range servers {
		if err := do(s); err != nil {
			return err
		}
	}
	return nil
}

func (f Faults) peer(mspID string) (*server, error) {
	i, err := f.index(mspID)
	if err != nil {
		return nil, err
	}
	return f.network.servers[i], nil
}

// index is the place of an organisation's peer among the peers.
func (f Faults) index(mspID string) (int, error) {
	for i, node := range f.network.topology.peers {
		if node.org.MSPID == mspID {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s: %w", mspID, ErrNoSuchPeer)
}
