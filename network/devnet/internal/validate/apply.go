// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/simulate"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
)

// apply adds the writes of a valid transaction to the pass.
func (p *pass) apply(tx *transaction) error {
	version := store.Version{Block: p.number, Index: tx.index}
	for _, ns := range tx.spaces {
		metadata := make(map[string]*kvrwset.KVMetadataWrite)
		for _, write := range ns.set.GetMetadataWrites() {
			metadata[write.GetKey()] = write
		}
		for _, write := range ns.set.GetWrites() {
			name := store.Name{Namespace: ns.name, Key: write.GetKey()}
			modification, err := proto.Marshal(&queryresult.KeyModification{
				TxId: tx.Channel.GetTxId(), Timestamp: tx.Channel.GetTimestamp(), Value: write.GetValue(), IsDelete: write.GetIsDelete(),
			})
			if err != nil {
				return fmt.Errorf("encode the history of %q: %w", name.Key, err)
			}
			p.history = append(p.history, store.Write{Name: name, Version: version, Modification: modification})
			if write.GetIsDelete() || len(write.GetValue()) == 0 {
				p.state[name] = nil
				delete(metadata, write.GetKey())
				continue
			}
			before, err := p.get(name)
			if err != nil {
				return err
			}
			after := &store.Value{Version: version, Content: write.GetValue()}
			if before != nil {
				after.Metadata = before.Metadata
			}
			p.state[name] = after
		}
		for _, key := range sortedKeys(metadata) {
			if err := p.applyMetadata(store.Name{Namespace: ns.name, Key: key}, metadata[key], version); err != nil {
				return err
			}
		}
	}
	return nil
}

// applyMetadata replaces the metadata of a key that exists; one that does not is left alone.
func (p *pass) applyMetadata(name store.Name, write *kvrwset.KVMetadataWrite, version store.Version) error {
	before, err := p.get(name)
	if err != nil || before == nil {
		return err
	}
	after := &store.Value{Version: version, Content: before.Content}
	if len(write.GetEntries()) > 0 {
		if after.Metadata, err = proto.Marshal(&kvrwset.KVMetadataWrite{Entries: write.GetEntries()}); err != nil {
			return fmt.Errorf("encode metadata of %q: %w", name.Key, err)
		}
	}
	p.state[name] = after
	isPolicy := func(e *kvrwset.KVMetadataEntry) bool { return e.GetName() == simulate.ValidationParameter }
	if len(write.GetEntries()) == 0 || slices.ContainsFunc(write.GetEntries(), isPolicy) {
		if p.repoliced == nil {
			p.repoliced = make(map[store.Name]bool)
		}
		p.repoliced[name] = true
	}
	return nil
}

// get is a value as the transactions so far left it.
func (p *pass) get(name store.Name) (*store.Value, error) {
	if value, touched := p.state[name]; touched {
		return value, nil
	}
	return p.snapshot.Get(name)
}
