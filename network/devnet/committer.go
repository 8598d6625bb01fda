// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/chaincode"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
	"github.com/anchorline/anchorline/network/devnet/internal/validate"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// committer validates ordered blocks and stores them.
type committer struct {
	*store.Store
	validator *validate.Validator
}

// Commit validates a block, notes the result in its metadata, and stores it.
func (c *committer) Commit(block *common.Block) error {
	flags, change, err := c.validator.Validate(block)
	if err != nil {
		return err
	}
	block.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = flags
	return c.Store.Commit(block, change)
}

// history answers what a committed transaction wrote.
type history struct{ ledger *store.Store }

// Written returns what the transaction of a version wrote to a key.
func (h history) Written(name store.Name, version store.Version) (chaincode.Modification, error) {
	block, err := h.ledger.Block(version.Block)
	if err != nil {
		return chaincode.Modification{}, err
	}
	data := block.GetData().GetData()
	if version.Index >= uint64(len(data)) {
		return chaincode.Modification{}, fmt.Errorf("%w: block %d has no transaction %d", store.ErrCorrupt, version.Block, version.Index)
	}
	envelope := &common.Envelope{}
	if err := proto.Unmarshal(data[version.Index], envelope); err != nil {
		return chaincode.Modification{}, fmt.Errorf("decode transaction: %w", err)
	}
	tx, err := wire.ParseTransaction(envelope)
	if err != nil {
		return chaincode.Modification{}, err
	}
	for _, ns := range tx.Results.GetNsRwset() {
		if ns.GetNamespace() != name.Namespace {
			continue
		}
		set, err := wire.Decode(ns.GetRwset(), &kvrwset.KVRWSet{})
		if err != nil {
			return chaincode.Modification{}, err
		}
		for _, write := range set.GetWrites() {
			if write.GetKey() == name.Key {
				return chaincode.Modification{
					TxID: tx.Channel.GetTxId(), Time: tx.Channel.GetTimestamp(),
					Value: write.GetValue(), IsDelete: write.GetIsDelete(),
				}, nil
			}
		}
	}
	return chaincode.Modification{}, fmt.Errorf("%w: transaction %s did not write %q", store.ErrCorrupt, tx.Channel.GetTxId(), name.Key)
}
