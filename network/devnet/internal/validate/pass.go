// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/policy"
	"github.com/anchorline/anchorline/network/devnet/internal/simulate"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
)

// pass is the walk over one block: the state before it, and what its valid transactions
// have changed so far.
type pass struct {
	validator *Validator
	snapshot  *store.Snapshot
	number    uint64
	state     map[store.Name]*store.Value // nil: deleted
	history   []store.Write
	repoliced map[store.Name]bool // keys whose policy this block changed
	seen      map[string]bool     // ids of this block's endorsed transactions
}

// judge sets the code of a well-formed transaction and applies it when it is valid.
func (p *pass) judge(tx *transaction) error {
	err := p.endorsed(tx)
	if errors.Is(err, errUnendorsed) {
		tx.code = peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
		return nil
	}
	if err != nil {
		return err
	}
	if p.seen[tx.Channel.GetTxId()] {
		tx.code = peer.TxValidationCode_DUPLICATE_TXID
		return nil
	}
	p.seen[tx.Channel.GetTxId()] = true
	for _, ns := range tx.spaces {
		if tx.code, err = p.current(ns); err != nil || tx.code != peer.TxValidationCode_VALID {
			return err
		}
	}
	if p.validator.Faults.Conflict() {
		tx.code = peer.TxValidationCode_MVCC_READ_CONFLICT
		return nil
	}
	return p.apply(tx)
}

// endorsed checks the policy of every written key, and the chaincode's for keys that have
// none of their own or when nothing is written.
func (p *pass) endorsed(tx *transaction) error {
	endorsers := p.validator.endorsers(tx)
	chaincodeNeeded := true
	for _, ns := range tx.spaces {
		if ns.name != p.validator.Chaincode {
			continue
		}
		for _, key := range written(ns.set) {
			name := store.Name{Namespace: ns.name, Key: key}
			if p.repoliced[name] {
				return fmt.Errorf("%w: the policy of key %q changed in this block", errUnendorsed, key)
			}
			own, err := p.keyPolicy(name)
			if err != nil {
				return err
			}
			if own == nil {
				if err := p.chaincodeEndorsed(endorsers); err != nil {
					return err
				}
			} else if err := evaluate(own, endorsers); err != nil {
				return err
			}
			chaincodeNeeded = false
		}
	}
	if chaincodeNeeded {
		return p.chaincodeEndorsed(endorsers)
	}
	return nil
}

func (p *pass) chaincodeEndorsed(endorsers []*member.Member) error {
	if err := policy.Evaluate(p.validator.Policy, endorsers); err != nil {
		return fmt.Errorf("%w: %w", errUnendorsed, err)
	}
	return nil
}

func evaluate(content []byte, endorsers []*member.Member) error {
	decoded, err := policy.Decode(content)
	if err == nil {
		err = policy.Evaluate(decoded, endorsers)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUnendorsed, err)
	}
	return nil
}

// keyPolicy is the endorsement policy that a key had before this block, nil without one.
func (p *pass) keyPolicy(name store.Name) ([]byte, error) {
	value, err := p.snapshot.Get(name)
	if err != nil || value == nil {
		return nil, err
	}
	metadata, err := simulate.DecodeMetadata(value.Metadata)
	if err != nil || len(metadata[simulate.ValidationParameter]) == 0 {
		return nil, err
	}
	return metadata[simulate.ValidationParameter], nil
}

// current checks that what the transaction read is still so.
func (p *pass) current(ns namespace) (peer.TxValidationCode, error) {
	for _, read := range ns.set.GetReads() {
		name := store.Name{Namespace: ns.name, Key: read.GetKey()}
		if _, touched := p.state[name]; touched {
			return peer.TxValidationCode_MVCC_READ_CONFLICT, nil
		}
		value, err := p.snapshot.Get(name)
		if err != nil {
			return 0, err
		}
		if !sameVersion(read, value) {
			return peer.TxValidationCode_MVCC_READ_CONFLICT, nil
		}
	}
	for _, info := range ns.set.GetRangeQueriesInfo() {
		same, err := p.sameRange(ns.name, info)
		if err != nil {
			return 0, err
		}
		if !same {
			return peer.TxValidationCode_PHANTOM_READ_CONFLICT, nil
		}
	}
	return peer.TxValidationCode_VALID, nil
}

func sameVersion(read *kvrwset.KVRead, value *store.Value) bool {
	if value == nil || read.GetVersion() == nil {
		return value == nil && read.GetVersion() == nil
	}
	return read.GetVersion().GetBlockNum() == value.Version.Block && read.GetVersion().GetTxNum() == value.Version.Index
}

// sameRange runs a range query again, over the state and this block's changes.
func (p *pass) sameRange(namespace string, info *kvrwset.RangeQueryInfo) (bool, error) {
	end := info.GetEndKey()
	if !info.GetItrExhausted() && end != "" {
		end += "\x00" // the last key that was read belongs to the range
	}
	var summary simulate.Summary
	merged := p.merge(namespace, info.GetStartKey(), end)
	for {
		key, value, err := merged.next()
		if err != nil {
			return false, err
		}
		if value == nil {
			break
		}
		read := &kvrwset.KVRead{Key: key, Version: &kvrwset.Version{BlockNum: value.Version.Block, TxNum: value.Version.Index}}
		if err := summary.Add(read); err != nil {
			return false, err
		}
	}
	reads, hashes, err := summary.Done()
	if err != nil {
		return false, err
	}
	return proto.Equal(hashes, info.GetReadsMerkleHashes()) &&
		proto.Equal(&kvrwset.QueryReads{KvReads: reads}, &kvrwset.QueryReads{KvReads: info.GetRawReads().GetKvReads()}), nil
}

func written(set *kvrwset.KVRWSet) []string {
	var keys []string
	for _, write := range set.GetWrites() {
		keys = append(keys, write.GetKey())
	}
	for _, write := range set.GetMetadataWrites() {
		keys = append(keys, write.GetKey())
	}
	return keys
}
