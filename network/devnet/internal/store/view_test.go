// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/network/devnet/internal/store"
)

// ledgerOf is everything that a view tells.
type ledgerOf struct {
	height  uint64
	hash    string
	state   map[string]string
	history map[string]int
	known   map[string]uint64
}

// keys are those that the tests write.
var keys = []string{"a", "b", "b\x00", "c", "d", "e"}

// commit adds a block whose one transaction sets keys; "" deletes.
func commit(t require.TestingT, s *store.Store, values map[string]string) {
	height, _ := s.Tip()
	change := store.Change{
		State:        map[store.Name]*store.Value{},
		Transactions: []store.Entry{{ID: fmt.Sprint("tx", height), Code: peer.TxValidationCode_VALID}},
	}
	for key, value := range values {
		version := store.Version{Block: height}
		change.State[name(key)] = nil
		if value != "" {
			change.State[name(key)] = &store.Value{Version: version, Content: []byte(value)}
		}
		change.History = append(change.History, store.Write{Name: name(key), Version: version, Modification: []byte(value)})
	}
	require.NoError(t, s.Commit(next(s, fmt.Sprint(height)), change))
}

// tell reads all that a view tells, by every way there is.
func tell(t require.TestingT, s *store.Store, v *store.View) ledgerOf {
	height, hash := v.Tip()
	require.Equal(t, height, v.Height())
	told := ledgerOf{height: height, hash: string(hash), state: map[string]string{}, history: map[string]int{}, known: map[string]uint64{}}
	snapshot, err := v.Snapshot()
	require.NoError(t, err)
	defer snapshot.Release()
	for key, value, err := snapshot.Next("ns", "", ""); value != nil; key, value, err = snapshot.Next("ns", key+"\x00", "") {
		require.NoError(t, err)
		told.state[key] = string(value.Content)
	}
	for _, key := range keys {
		value, err := snapshot.Get(name(key))
		require.NoError(t, err)
		require.Equal(t, told.state[key], string(contentOf(value)), "key %q by itself and in its range", key)
		history, err := snapshot.History(name(key))
		require.NoError(t, err)
		told.history[key] = len(history)
	}
	all, _ := s.Tip()
	for number := range all {
		block, err := v.Block(number)
		require.Equal(t, number < height, err == nil, "block %d of %d", number, height)
		if err == nil {
			again, err := v.BlockByHash(hashAfter(t, s, number))
			require.NoError(t, err)
			require.Equal(t, block.GetHeader().GetNumber(), again.GetHeader().GetNumber())
		} else {
			_, err = v.BlockByHash(hashAfter(t, s, number))
			require.ErrorIs(t, err, store.ErrNotFound)
		}
		if place, err := v.Transaction(fmt.Sprint("tx", number)); err == nil {
			told.known[fmt.Sprint("tx", number)] = place.Block
		}
	}
	return told
}

func contentOf(v *store.Value) []byte {
	if v == nil {
		return nil
	}
	return v.Content
}

// hashAfter is the hash of a block's header, as the next block or the tip tells it.
func hashAfter(t require.TestingT, s *store.Store, number uint64) []byte {
	height, hash := s.Tip()
	if number+1 == height {
		return hash
	}
	block, err := s.Block(number + 1)
	require.NoError(t, err)
	return block.GetHeader().GetPreviousHash()
}

func TestAHeldViewStaysAsItWasWhateverIsCommitted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := open(t, filepath.Join(t.TempDir(), "ledger.db"))
		defer func() { require.NoError(rt, s.Close()) }()
		blocks := rapid.SliceOfN(rapid.MapOf(rapid.SampledFrom(keys), rapid.SampledFrom([]string{"", "1", "2"})), 1, 8).Draw(rt, "blocks")
		hold := rapid.IntRange(0, len(blocks)-1).Draw(rt, "hold")
		held, free := s.View(), s.View()
		var before ledgerOf
		for i, block := range blocks {
			if i == hold {
				held.Hold()
				held.Hold() // once is enough
				before = tell(rt, s, held)
			}
			commit(rt, s, block)
		}
		require.Equal(rt, before, tell(rt, s, held))
		require.EqualValues(rt, len(blocks), free.Height())
		held.Release()
		held.Release()
		require.Equal(rt, tell(rt, s, free), tell(rt, s, held))
	})
}

func TestAHeldViewWaitsForTheReleaseAndNotForBlocks(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	commit(t, s, map[string]string{"a": "1"})
	v := s.View()
	v.Hold()
	changed := v.Changed()
	commit(t, s, map[string]string{"a": "2"})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := v.WaitBlock(ctx, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	got := make(chan *common.Block)
	go func() {
		block, _ := v.WaitBlock(t.Context(), 1)
		got <- block
	}()
	v.Release()
	require.EqualValues(t, 1, (<-got).GetHeader().GetNumber())
	<-changed
}
