// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/store"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// next is the block after the last, with some data.
func next(s *store.Store, data string) *common.Block {
	height, hash := s.Tip()
	return &common.Block{
		Header: &common.BlockHeader{Number: height, PreviousHash: hash, DataHash: wire.Hash([]byte(data))},
		Data:   &common.BlockData{Data: [][]byte{[]byte(data)}},
	}
}

func name(key string) store.Name { return store.Name{Namespace: "ns", Key: key} }

func TestABlockComesBackWithItsEffects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	s := open(t, path)
	block := next(s, "first")
	require.NoError(t, s.Commit(block, store.Change{
		State:        map[store.Name]*store.Value{name("a"): {Version: store.Version{Block: 0, Index: 3}, Content: []byte("1"), Metadata: []byte("m")}},
		History:      []store.Write{{Name: name("a"), Version: store.Version{Block: 0, Index: 3}, Modification: []byte("written")}},
		Transactions: []store.Entry{{ID: "tx", Index: 3, Code: peer.TxValidationCode_VALID}},
	}))
	require.NoError(t, s.Close())

	s = open(t, path)
	require.EqualValues(t, 1, s.Height())
	require.Positive(t, s.Bytes())
	got, err := s.Block(0)
	require.NoError(t, err)
	require.True(t, proto.Equal(block, got))
	_, hash := s.Tip()
	got, err = s.BlockByHash(hash)
	require.NoError(t, err)
	require.True(t, proto.Equal(block, got))
	place, err := s.Transaction("tx")
	require.NoError(t, err)
	require.Equal(t, store.Place{Block: 0, Index: 3, Code: peer.TxValidationCode_VALID}, place)
	for _, err := range []error{second(s.Block(1)), second(s.BlockByHash([]byte("x"))), second(s.Transaction("x"))} {
		require.ErrorIs(t, err, store.ErrNotFound)
	}
	snapshot, err := s.Snapshot()
	require.NoError(t, err)
	defer snapshot.Release()
	value, err := snapshot.Get(name("a"))
	require.NoError(t, err)
	require.Equal(t, &store.Value{Version: store.Version{Block: 0, Index: 3}, Content: []byte("1"), Metadata: []byte("m")}, value)
	modifications, err := snapshot.History(name("a"))
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("written")}, modifications)
}

func second[T any](_ T, err error) error { return err }

func TestHistoriesOfKeysThatBeginAlikeAreApart(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	keys := []string{"a", "a\x00", "a\x00\x00\x00\x00\x00\x00\x00\x00", "aa"}
	for i, key := range keys {
		require.NoError(t, s.Commit(next(s, key), store.Change{
			History: []store.Write{{Name: name(key), Version: store.Version{Block: uint64(i)}, Modification: []byte(key)}},
		}))
	}
	snapshot, err := s.Snapshot()
	require.NoError(t, err)
	defer snapshot.Release()
	for _, key := range keys {
		modifications, err := snapshot.History(name(key))
		require.NoError(t, err)
		require.Equal(t, [][]byte{[]byte(key)}, modifications, "%q", key)
	}
}

func TestOfTransactionsWithOneIDTheFirstIsTold(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	require.NoError(t, s.Commit(next(s, "1"), store.Change{Transactions: []store.Entry{{ID: "tx", Code: peer.TxValidationCode_VALID}}}))
	require.NoError(t, s.Commit(next(s, "2"), store.Change{Transactions: []store.Entry{{ID: "tx", Code: peer.TxValidationCode_DUPLICATE_TXID}}}))
	place, err := s.Transaction("tx")
	require.NoError(t, err)
	require.Equal(t, peer.TxValidationCode_VALID, place.Code)
}

func TestADamagedChainIsNotOpened(t *testing.T) {
	damage := map[string]func(*common.Block){
		"data":     func(b *common.Block) { b.Data.Data[0][0] ^= 1 },
		"previous": func(b *common.Block) { b.Header.PreviousHash[0] ^= 1 },
		"number":   func(b *common.Block) { b.Header.Number = 7 },
	}
	for what, change := range damage {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger.db")
			s := open(t, path)
			for _, data := range []string{"1", "2", "3"} {
				require.NoError(t, s.Commit(next(s, data), store.Change{}))
			}
			block, err := s.Block(1)
			require.NoError(t, err)
			require.NoError(t, s.Close())
			change(block)
			content, err := proto.Marshal(block)
			require.NoError(t, err)
			alter(t, path, func(b *bolt.Bucket) error { return b.Put([]byte{0, 0, 0, 0, 0, 0, 0, 1}, content) })
			_, err = store.Open(path)
			require.ErrorIs(t, err, store.ErrCorrupt)
			alter(t, path, func(b *bolt.Bucket) error { return b.Delete([]byte{0, 0, 0, 0, 0, 0, 0, 1}) })
			_, err = store.Open(path)
			require.ErrorIs(t, err, store.ErrCorrupt, "a missing block")
		})
	}
}

func alter(t *testing.T, path string, change func(*bolt.Bucket) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error { return change(tx.Bucket([]byte("blocks"))) }))
	require.NoError(t, db.Close())
}

func TestALedgerInUseIsNotOpenedTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	open(t, path)
	_, err := store.Open(path)
	require.ErrorContains(t, err, "is another network using it?")
}

func TestABlockWaitsForTheSnapshotsThatAreOpen(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	snapshot, err := s.Snapshot()
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		done <- s.Commit(next(s, "1"), store.Change{State: map[store.Name]*store.Value{name("a"): {Content: []byte("1")}}})
	}()
	value, err := snapshot.Get(name("a"))
	require.NoError(t, err)
	require.Nil(t, value)
	select {
	case <-done:
		require.Fail(t, "a block was committed under an open snapshot")
	default:
	}
	snapshot.Release()
	snapshot.Release() // twice does no harm
	require.NoError(t, <-done)
	_, err = snapshot.Get(name("a"))
	require.ErrorIs(t, err, store.ErrClosed)
}

func TestWhoeverWaitsForABlockGetsItOrLearnsOfTheEnd(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	got := make(chan *common.Block, 1)
	go func() {
		block, _ := s.View().WaitBlock(t.Context(), 0)
		got <- block
	}()
	require.NoError(t, s.Commit(next(s, "1"), store.Change{}))
	require.EqualValues(t, 0, (<-got).GetHeader().GetNumber())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.View().WaitBlock(ctx, 9)
	require.ErrorIs(t, err, context.Canceled)
	ended := make(chan error, 1)
	go func() {
		_, err := s.View().WaitBlock(t.Context(), 9)
		ended <- err
	}()
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-ended, store.ErrClosed)
}
