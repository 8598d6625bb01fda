// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// Name is a key of the state in its namespace.
type Name struct{ Namespace, Key string }

// Version says which transaction wrote a value.
type Version struct{ Block, Index uint64 }

// Value is a value of the state. Metadata is an encoded kvrwset.KVMetadataWrite, or empty.
type Value struct {
	Version  Version
	Metadata []byte
	Content  []byte
}

// Change is what a block does to the ledger beside being appended.
type Change struct {
	State        map[Name]*Value // nil deletes
	History      []Write
	Transactions []Entry
}

// Write is what a valid transaction wrote to a key, for its history.
type Write struct {
	Name
	Version
	Modification []byte // an encoded queryresult.KeyModification
}

// Entry indexes one transaction of the block.
type Entry struct {
	ID    string
	Index uint32
	Code  peer.TxValidationCode
}

// Commit appends a block with its effects and fsyncs them. It waits until no snapshot is
// open.
func (s *Store) Commit(block *common.Block, change Change) error {
	content, err := proto.Marshal(block)
	if err != nil {
		return fmt.Errorf("encode block %d: %w", block.GetHeader().GetNumber(), err)
	}
	hash, err := wire.HeaderHash(block.GetHeader())
	if err != nil {
		return err
	}
	number := block.GetHeader().GetNumber()

	s.simulations.Lock()
	defer s.simulations.Unlock()
	err = s.db.Update(func(tx *bolt.Tx) error {
		if err := tx.Bucket(bucketBlocks).Put(uint64Key(number), content); err != nil {
			return err
		}
		if err := tx.Bucket(bucketHashes).Put(hash, uint64Key(number)); err != nil {
			return err
		}
		if err := s.keep(tx, change); err != nil {
			return err
		}
		return change.write(tx, number)
	})
	if err != nil {
		return fmt.Errorf("commit block %d: %w", number, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.height, s.lastHash, s.bytes = number+1, hash, s.bytes+int64(len(content))
	if !s.closed {
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return nil
}

// keep notes for the views that are held what a change is about to overwrite.
func (s *Store) keep(tx *bolt.Tx, change Change) error {
	for _, held := range s.held {
		for name := range change.State {
			if _, kept := held.before[name]; kept {
				continue
			}
			value, err := read(tx, name)
			if err != nil {
				return err
			}
			held.before[name] = value
		}
	}
	return nil
}

func (c Change) write(tx *bolt.Tx, number uint64) error {
	for name, value := range c.State {
		namespace, err := tx.Bucket(bucketState).CreateBucketIfNotExists([]byte(name.Namespace))
		if err != nil {
			return err
		}
		if value == nil {
			err = namespace.Delete([]byte(name.Key))
		} else {
			err = namespace.Put([]byte(name.Key), value.encode())
		}
		if err != nil {
			return fmt.Errorf("state %s %q: %w", name.Namespace, name.Key, err)
		}
	}
	for _, write := range c.History {
		namespace, err := tx.Bucket(bucketHistory).CreateBucketIfNotExists([]byte(write.Namespace))
		if err != nil {
			return err
		}
		if err := namespace.Put(historyKey(write.Key, write.Version), write.Modification); err != nil {
			return fmt.Errorf("history of %s %q: %w", write.Namespace, write.Key, err)
		}
	}
	txs := tx.Bucket(bucketTxs)
	for _, entry := range c.Transactions {
		if entry.ID == "" || txs.Get([]byte(entry.ID)) != nil {
			continue
		}
		place := binary.BigEndian.AppendUint32(uint64Key(number), entry.Index)
		if err := txs.Put([]byte(entry.ID), binary.BigEndian.AppendUint32(place, uint32(entry.Code))); err != nil {
			return fmt.Errorf("index transaction %s: %w", entry.ID, err)
		}
	}
	return nil
}

func (v *Value) encode() []byte {
	out := make([]byte, 0, 20+len(v.Metadata)+len(v.Content))
	out = binary.BigEndian.AppendUint64(out, v.Version.Block)
	out = binary.BigEndian.AppendUint64(out, v.Version.Index)
	out = binary.BigEndian.AppendUint32(out, uint32(len(v.Metadata)))
	out = append(out, v.Metadata...)
	return append(out, v.Content...)
}

// decodeValue copies a value out of the database's memory.
func decodeValue(content []byte) (*Value, error) {
	if len(content) < 20 {
		return nil, fmt.Errorf("%w: a value of %d bytes", ErrCorrupt, len(content))
	}
	size := uint64(binary.BigEndian.Uint32(content[16:]))
	if uint64(len(content)) < 20+size {
		return nil, fmt.Errorf("%w: metadata of %d bytes in %d", ErrCorrupt, size, len(content))
	}
	return &Value{
		Version:  Version{Block: binary.BigEndian.Uint64(content), Index: binary.BigEndian.Uint64(content[8:])},
		Metadata: append([]byte(nil), content[20:20+size]...),
		Content:  append([]byte{}, content[20+size:]...),
	}, nil
}

func historyPrefix(key string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(key))), key...)
}

func historyKey(key string, v Version) []byte {
	out := binary.BigEndian.AppendUint64(historyPrefix(key), v.Block)
	return binary.BigEndian.AppendUint64(out, v.Index)
}
