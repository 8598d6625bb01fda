// SPDX-License-Identifier: Apache-2.0

// Package simulate runs the reads and writes of one chaincode call against a snapshot of the
// state and records them as Fabric's read/write set. Nothing it does changes the ledger.
package simulate

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/policy"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
)

// ValidationParameter is the name of the metadata that holds a key's endorsement policy.
var ValidationParameter = peer.MetaDataKeys_VALIDATION_PARAMETER.String()

// Simulator is one call's view of the state. Reads never see the call's own writes.
type Simulator struct {
	snapshot *store.Snapshot
	txID     string

	mu        sync.Mutex
	spaces    map[string]*space
	ranges    []*Range
	wrote     bool
	paginated bool
}

// space is what the call did in one namespace.
type space struct {
	reads    map[string]*kvrwset.KVRead
	writes   map[string]*kvrwset.KVWrite
	metadata map[string]*kvrwset.KVMetadataWrite
	policies map[string][]byte // written key -> its endorsement policy, nil when it has none
	ranges   []*kvrwset.RangeQueryInfo
}

// New starts a simulation on a snapshot, which it releases in Close.
func New(snapshot *store.Snapshot, txID string) *Simulator {
	return &Simulator{snapshot: snapshot, txID: txID, spaces: make(map[string]*space)}
}

// Close releases the snapshot; every later read fails.
func (s *Simulator) Close() { s.snapshot.Release() }

func (s *Simulator) space(namespace string) *space {
	sp, ok := s.spaces[namespace]
	if !ok {
		sp = &space{
			reads:    make(map[string]*kvrwset.KVRead),
			writes:   make(map[string]*kvrwset.KVWrite),
			metadata: make(map[string]*kvrwset.KVMetadataWrite),
			policies: make(map[string][]byte),
		}
		s.spaces[namespace] = sp
	}
	return sp
}

// Get reads a value, nil when there is none.
func (s *Simulator) Get(namespace, key string) ([]byte, error) {
	value, err := s.read(namespace, key)
	if err != nil || value == nil {
		return nil, err
	}
	return value.Content, nil
}

// Metadata reads a key's metadata by name.
func (s *Simulator) Metadata(namespace, key string) (map[string][]byte, error) {
	value, err := s.read(namespace, key)
	if err != nil || value == nil {
		return nil, err
	}
	return DecodeMetadata(value.Metadata)
}

func (s *Simulator) read(namespace, key string) (*store.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, err := s.snapshot.Get(store.Name{Namespace: namespace, Key: key})
	if err != nil {
		return nil, err
	}
	s.space(namespace).reads[key] = newRead(key, value)
	return value, nil
}

// Put writes a value; nil deletes the key.
func (s *Simulator) Put(namespace, key string, value []byte) error {
	return s.write(namespace, key, func(sp *space) {
		sp.writes[key] = &kvrwset.KVWrite{Key: key, IsDelete: len(value) == 0, Value: value}
	})
}

// PutMetadata replaces a key's metadata.
func (s *Simulator) PutMetadata(namespace, key, name string, value []byte) error {
	return s.write(namespace, key, func(sp *space) {
		sp.metadata[key] = &kvrwset.KVMetadataWrite{
			Key: key, Entries: []*kvrwset.KVMetadataEntry{{Name: name, Value: value}},
		}
	})
}

func (s *Simulator) write(namespace, key string, record func(*space)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paginated {
		return fmt.Errorf("txid [%s]: unsuppored transaction. Transaction has already performed a paginated query. Writes are not allowed", s.txID)
	}
	if len(key) > store.MaxKey {
		return fmt.Errorf("key of %d bytes is longer than the %d that this network stores", len(key), store.MaxKey)
	}
	s.wrote = true
	current, err := s.snapshot.Get(store.Name{Namespace: namespace, Key: key})
	if err != nil {
		return err
	}
	sp := s.space(namespace)
	record(sp)
	sp.policies[key] = nil
	if current == nil {
		return nil
	}
	metadata, err := DecodeMetadata(current.Metadata)
	if err != nil {
		return err
	}
	if content := metadata[ValidationParameter]; len(content) > 0 {
		sp.policies[key] = content
	}
	return nil
}

// Interest tells whose endorsement the writes need: the key-level policies, and the
// chaincode's own unless every written key has a policy.
func (s *Simulator) Interest(systemNamespace string) (*peer.ChaincodeInterest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	interest := &peer.ChaincodeInterest{}
	for _, namespace := range sortedKeys(s.spaces) {
		if namespace == systemNamespace {
			continue
		}
		call := &peer.ChaincodeCall{Name: namespace}
		plain := len(s.spaces[namespace].policies) == 0
		for _, key := range sortedKeys(s.spaces[namespace].policies) {
			content := s.spaces[namespace].policies[key]
			if content == nil {
				plain = true
				continue
			}
			decoded, err := policy.Decode(content)
			if err != nil {
				return nil, err
			}
			call.KeyPolicies = append(call.KeyPolicies, decoded)
		}
		call.DisregardNamespacePolicy = !plain
		interest.Chaincodes = append(interest.Chaincodes, call)
	}
	return interest, nil
}

// Policies are the endorsement policies an interest asks for; the chaincode's stands for
// the namespace's own.
func Policies(interest *peer.ChaincodeInterest, chaincode *common.SignaturePolicyEnvelope) []*common.SignaturePolicyEnvelope {
	var policies []*common.SignaturePolicyEnvelope
	for _, call := range interest.GetChaincodes() {
		policies = append(policies, call.GetKeyPolicies()...)
		if !call.GetDisregardNamespacePolicy() {
			policies = append(policies, chaincode)
		}
	}
	if len(policies) == 0 {
		return []*common.SignaturePolicyEnvelope{chaincode}
	}
	return policies
}

// DecodeMetadata reads metadata as the store keeps it.
func DecodeMetadata(content []byte) (map[string][]byte, error) {
	if len(content) == 0 {
		return nil, nil
	}
	write := &kvrwset.KVMetadataWrite{}
	if err := proto.Unmarshal(content, write); err != nil {
		return nil, errors.Join(store.ErrCorrupt, err)
	}
	metadata := make(map[string][]byte, len(write.GetEntries()))
	for _, entry := range write.GetEntries() {
		metadata[entry.GetName()] = entry.GetValue()
	}
	return metadata, nil
}

func newRead(key string, value *store.Value) *kvrwset.KVRead {
	if value == nil {
		return &kvrwset.KVRead{Key: key}
	}
	return &kvrwset.KVRead{Key: key, Version: &kvrwset.Version{BlockNum: value.Version.Block, TxNum: value.Version.Index}}
}
