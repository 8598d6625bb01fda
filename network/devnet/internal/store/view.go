// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
)

// View is the ledger as one peer has it: all of the store or, while it is held, what it was when
// the hold began. Its methods may be called concurrently.
type View struct {
	store *Store

	mu   sync.Mutex
	past *past // nil unless held
}

// past is a moment of the ledger and, of what changed since, the values before.
type past struct {
	height   uint64
	hash     []byte          // of the last block's header
	before   map[Name]*Value // nil: did not exist. Written under simulations.Lock
	released chan struct{}   // closed when the hold ends
}

// View makes a view of the whole store.
func (s *Store) View() *View { return &View{store: s} }

// Hold keeps the view as it is now, without the blocks that follow, until Release. It waits until
// no snapshot is open.
func (v *View) Hold() {
	v.store.simulations.Lock() // between two blocks
	defer v.store.simulations.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.past != nil {
		return
	}
	v.past = &past{before: make(map[Name]*Value), released: make(chan struct{})}
	v.past.height, v.past.hash = v.store.Tip()
	v.store.held = append(v.store.held, v.past)
}

// Release ends Hold: the view has all blocks at once.
func (v *View) Release() {
	v.store.simulations.Lock()
	defer v.store.simulations.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.past == nil {
		return
	}
	v.store.held = slices.DeleteFunc(v.store.held, func(p *past) bool { return p == v.past })
	close(v.past.released)
	v.past = nil
}

// held is the moment at which the view is kept, nil when it is not.
func (v *View) held() *past {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.past
}

// without tells whether the view does not have a block.
func (v *View) without(number uint64) bool {
	held := v.held()
	return held != nil && number >= held.height
}

// Height is the number of blocks: the number of the next one.
func (v *View) Height() uint64 {
	height, _ := v.Tip()
	return height
}

// Tip returns the height and the hash of the last block's header, nil when there is none.
func (v *View) Tip() (height uint64, hash []byte) {
	if held := v.held(); held != nil {
		return held.height, held.hash
	}
	return v.store.Tip()
}

// WaitBlock returns block number as soon as the view has it.
func (v *View) WaitBlock(ctx context.Context, number uint64) (*common.Block, error) {
	for {
		changed, closed := v.Changed(), v.store.isClosed()
		if number < v.Height() {
			return v.Block(number)
		}
		if closed {
			return nil, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Changed returns a channel that closes when the view changes: at the next block, or when the store
// closes; of one that is held, when the hold ends.
func (v *View) Changed() <-chan struct{} {
	if held := v.held(); held != nil {
		return held.released
	}
	return v.store.Changed()
}

// Block returns block number.
func (v *View) Block(number uint64) (*common.Block, error) {
	if v.without(number) {
		return nil, absent(fmt.Sprintf("block number [%d]", number))
	}
	return v.store.Block(number)
}

// BlockByHash returns the block whose header has a hash.
func (v *View) BlockByHash(hash []byte) (*common.Block, error) {
	block, err := v.store.BlockByHash(hash)
	if err == nil && v.without(block.GetHeader().GetNumber()) {
		return nil, absent(fmt.Sprintf("block hash [%x]", hash))
	}
	return block, err
}

// Transaction returns the place of a transaction id; of several with one id, the first.
func (v *View) Transaction(id string) (Place, error) {
	place, err := v.store.Transaction(id)
	if err == nil && v.without(place.Block) {
		return Place{}, absent(fmt.Sprintf("transaction ID [%s]", id))
	}
	return place, err
}

// Snapshot opens the state as the view has it.
func (v *View) Snapshot() (*Snapshot, error) {
	snapshot, err := v.store.Snapshot()
	if err != nil {
		return nil, err
	}
	snapshot.past = v.held() // no hold begins or ends while a snapshot is open
	return snapshot, nil
}
