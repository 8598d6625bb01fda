// SPDX-License-Identifier: Apache-2.0

package fabric

import (
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
)

// A Namespace is what a transaction reads and writes of one chaincode's state.
type Namespace struct {
	Name     string
	Reads    []Read
	Ranges   int // how many ranges of keys it reads
	Writes   []Write
	Metadata []MetadataWrite
	// Collections names the private data collections that it touches.
	Collections []string
}

// A Read is the version of a key that a transaction saw.
type Read struct {
	Key    string
	Exists bool
	Block  uint64 // of the transaction that wrote what was read
	Index  uint64 // of it in the block
}

// A Write is a new value of a key, or its end.
type Write struct {
	Key    string
	Delete bool
	Value  []byte
}

// A MetadataWrite is the new metadata of a key: VALIDATION_PARAMETER holds its endorsement policy.
// No entries end them.
type MetadataWrite struct {
	Key     string
	Entries map[string][]byte
}

// readNamespaces reads a read-write set.
func readNamespaces(content []byte) ([]Namespace, error) {
	set := &rwset.TxReadWriteSet{}
	if err := decode("read-write set", content, set); err != nil {
		return nil, err
	}
	if set.GetDataModel() != rwset.TxReadWriteSet_KV {
		return nil, formatError("the read-write set is of data model %d; 0 is known", set.GetDataModel())
	}
	var found []Namespace
	seen := map[string]bool{}
	for _, ns := range set.GetNsRwset() {
		if seen[ns.GetNamespace()] {
			return nil, formatError("namespace %q is there twice", ns.GetNamespace())
		}
		seen[ns.GetNamespace()] = true
		kv := &kvrwset.KVRWSet{}
		if err := decode("read-write set of "+ns.GetNamespace(), ns.GetRwset(), kv); err != nil {
			return nil, err
		}
		n, err := readNamespace(ns.GetNamespace(), kv)
		if err != nil {
			return nil, err
		}
		for _, c := range ns.GetCollectionHashedRwset() {
			n.Collections = append(n.Collections, c.GetCollectionName())
		}
		found = append(found, n)
	}
	return found, nil
}

func readNamespace(name string, kv *kvrwset.KVRWSet) (Namespace, error) {
	n := Namespace{Name: name, Ranges: len(kv.GetRangeQueriesInfo())}
	for _, r := range kv.GetReads() {
		n.Reads = append(n.Reads, Read{
			Key: r.GetKey(), Exists: r.GetVersion() != nil, Block: r.GetVersion().GetBlockNum(), Index: r.GetVersion().GetTxNum(),
		})
	}
	written := map[string]bool{}
	for _, w := range kv.GetWrites() {
		if written[w.GetKey()] {
			return Namespace{}, formatError("key %q of %s is written twice", w.GetKey(), name)
		}
		written[w.GetKey()] = true
		if w.GetIsDelete() && len(w.GetValue()) > 0 {
			return Namespace{}, formatError("key %q of %s is deleted and written", w.GetKey(), name)
		}
		n.Writes = append(n.Writes, Write{Key: w.GetKey(), Delete: w.GetIsDelete(), Value: w.GetValue()})
	}
	changed := map[string]bool{}
	for _, m := range kv.GetMetadataWrites() {
		if changed[m.GetKey()] {
			return Namespace{}, formatError("the metadata of key %q of %s are written twice", m.GetKey(), name)
		}
		changed[m.GetKey()] = true
		entries := make(map[string][]byte, len(m.GetEntries()))
		for _, e := range m.GetEntries() {
			if _, twice := entries[e.GetName()]; twice {
				return Namespace{}, formatError("metadata %q of key %q of %s are written twice", e.GetName(), m.GetKey(), name)
			}
			entries[e.GetName()] = e.GetValue()
		}
		n.Metadata = append(n.Metadata, MetadataWrite{Key: m.GetKey(), Entries: entries})
	}
	return n, nil
}

// Namespace returns what the transaction reads and writes of a chaincode's state, empty if nothing.
func (t *Transaction) Namespace(chaincode string) Namespace {
	for _, n := range t.Namespaces {
		if n.Name == chaincode {
			return n
		}
	}
	return Namespace{Name: chaincode}
}

// Write returns what the transaction writes under a key of a chaincode's state, and whether it does.
func (t *Transaction) Write(chaincode, key string) (Write, bool) {
	for _, w := range t.Namespace(chaincode).Writes {
		if w.Key == key {
			return w, true
		}
	}
	return Write{}, false
}
