// SPDX-License-Identifier: Apache-2.0

// Package store keeps the ledger of one channel on disk: blocks, the state with its
// versions, the history of every key, and an index of transactions.
//
// In: validated blocks with the writes they make. Out: blocks, values, ranges, history. A
// block and everything that follows from it is one bbolt transaction, fsynced before Commit
// returns: after a crash a block is there with all its effects, or not at all. Open checks
// the hash chain from the first block to the last.
package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// Errors of this package.
var (
	ErrNotFound = errors.New("not found in the ledger")
	ErrCorrupt  = errors.New("the ledger on disk is damaged")
	ErrClosed   = errors.New("the ledger is closed")
)

// absent is an ErrNotFound in the words of Fabric's block store.
type absent string

func (a absent) Error() string { return "no such " + string(a) + " in index" }

func (absent) Is(target error) bool { return target == ErrNotFound }

// MaxKey is the longest key in bytes that the store takes; Fabric's own stores differ.
const MaxKey = 32_000

var (
	bucketBlocks  = []byte("blocks")  // number -> block
	bucketHashes  = []byte("hashes")  // header hash -> number
	bucketTxs     = []byte("txs")     // transaction id -> block, index, code
	bucketState   = []byte("state")   // namespace -> key -> version, metadata, value
	bucketHistory = []byte("history") // namespace -> key length, key, block, index -> modification
)

// lockTimeout is how long Open waits for another process to let go of the file.
const lockTimeout = time.Second

// Store is one channel's ledger. Its methods may be called concurrently; Commit by one
// goroutine at a time.
type Store struct {
	db *bolt.DB

	// simulations is held for reading by every snapshot and for writing by Commit: as in a
	// peer, a block waits for the chaincode calls that are under way.
	simulations sync.RWMutex
	held        []*past // of the views that are held; under simulations

	mu       sync.Mutex
	height   uint64
	lastHash []byte
	bytes    int64
	changed  chan struct{} // closed and replaced at every block
	closed   bool
}

// Open opens or creates the ledger at path and verifies its hash chain.
func Open(path string) (*Store, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("open ledger %s (is another network using it?): %w", path, err)
	}
	s := &Store{db: db, changed: make(chan struct{})}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func (s *Store) prepare() error {
	err := s.db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketBlocks, bucketHashes, bucketTxs, bucketState, bucketHistory} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("prepare ledger: %w", err)
	}
	return s.verify()
}

// verify walks the chain: numbers, previous hashes and data hashes must fit.
func (s *Store) verify() error {
	return s.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketBlocks).ForEach(func(key, content []byte) error {
			block := &common.Block{}
			if err := proto.Unmarshal(content, block); err != nil {
				return fmt.Errorf("%w: block %d: %w", ErrCorrupt, s.height, err)
			}
			header := block.GetHeader()
			switch {
			case binary.BigEndian.Uint64(key) != s.height || header.GetNumber() != s.height:
				return fmt.Errorf("%w: block %d is missing", ErrCorrupt, s.height)
			case !bytes.Equal(header.GetPreviousHash(), s.lastHash):
				return fmt.Errorf("%w: block %d does not name the block before it", ErrCorrupt, s.height)
			case !bytes.Equal(header.GetDataHash(), wire.Hash(block.GetData().GetData()...)):
				return fmt.Errorf("%w: the data of block %d do not match its header", ErrCorrupt, s.height)
			}
			hash, err := wire.HeaderHash(header)
			if err != nil {
				return err
			}
			s.height, s.lastHash, s.bytes = s.height+1, hash, s.bytes+int64(len(content))
			return nil
		})
	})
}

// Height is the number of blocks: the number of the next one.
func (s *Store) Height() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.height
}

// Tip returns the height and the hash of the last block's header, nil when there is none.
func (s *Store) Tip() (height uint64, hash []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.height, s.lastHash
}

// Bytes is the size of all blocks in bytes, without state and indexes.
func (s *Store) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Changed returns a channel that closes at the next block, or when the store closes.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Block returns block number.
func (s *Store) Block(number uint64) (*common.Block, error) {
	block := &common.Block{}
	err := s.db.View(func(tx *bolt.Tx) error {
		content := tx.Bucket(bucketBlocks).Get(uint64Key(number))
		if content == nil {
			return absent(fmt.Sprintf("block number [%d]", number))
		}
		return proto.Unmarshal(content, block)
	})
	return block, err
}

// BlockByHash returns the block whose header has a hash.
func (s *Store) BlockByHash(hash []byte) (*common.Block, error) {
	var number uint64
	err := s.db.View(func(tx *bolt.Tx) error {
		content := tx.Bucket(bucketHashes).Get(hash)
		if content == nil {
			return absent(fmt.Sprintf("block hash [%x]", hash))
		}
		number = binary.BigEndian.Uint64(content)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.Block(number)
}

// Place says where a transaction is and whether it counts.
type Place struct {
	Block uint64
	Index uint32
	Code  peer.TxValidationCode
}

// Transaction returns the place of a transaction id; of several with one id, the first.
func (s *Store) Transaction(id string) (Place, error) {
	var place Place
	err := s.db.View(func(tx *bolt.Tx) error {
		content := tx.Bucket(bucketTxs).Get([]byte(id))
		if len(content) != 16 {
			return absent(fmt.Sprintf("transaction ID [%s]", id))
		}
		place = Place{
			Block: binary.BigEndian.Uint64(content),
			Index: binary.BigEndian.Uint32(content[8:]),
			Code:  peer.TxValidationCode(binary.BigEndian.Uint32(content[12:])),
		}
		return nil
	})
	return place, err
}

// Close closes the file and ends every WaitBlock of a view that is not held.
func (s *Store) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.changed)
	}
	s.mu.Unlock()
	return s.db.Close()
}

func uint64Key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
