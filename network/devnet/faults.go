// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"context"
	"errors"
	"fmt"
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

// StopChaincode ends the chaincode server that runs in this process.
func (f Faults) StopChaincode() error {
	if f.network.program.server == nil {
		return ErrNotOurs
	}
	f.network.program.stop()
	return nil
}

// StartChaincode ends StopChaincode.
func (f Faults) StartChaincode(ctx context.Context) error {
	if f.network.program.server == nil {
		return ErrNotOurs
	}
	return f.network.program.server.restart(ctx)
}

func (f Faults) peer(mspID string) (*server, error) {
	for i, node := range f.network.topology.peers {
		if node.org.MSPID == mspID {
			return f.network.servers[i], nil
		}
	}
	return nil, fmt.Errorf("%s: %w", mspID, ErrNoSuchPeer)
}
