// SPDX-License-Identifier: Apache-2.0

package order

import (
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer/etcdraft"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// NonceSize is the size in bytes of the nonce in a signature header, as in Fabric.
const NonceSize = 24

// block makes the next block of a batch, signed by the orderer.
func (o *Orderer) block(batch [][]byte) (*common.Block, error) {
	height, previous := o.config.Committer.Tip()
	return NewBlock(o.config.Signer, height, previous, batch)
}

// raftStart is how far the log of the one consenter is ahead of the blocks: it took office first.
const raftStart = 2

// NewBlock makes and signs a block of envelopes. The committer fills in the transactions filter.
func NewBlock(signer Signer, number uint64, previous []byte, data [][]byte) (*common.Block, error) {
	block := unsigned(number, previous, data)
	header, err := wire.HeaderBytes(block.GetHeader())
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, NonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("draw nonce: %w", err)
	}
	var e wire.Encoder
	consenter := e.Bytes(&etcdraft.BlockMetadata{ConsenterIds: []uint64{1}, NextConsenterId: 2, RaftIndex: number + raftStart})
	value := e.Bytes(&common.OrdererBlockMetadata{
		LastConfig:        &common.LastConfig{Index: 0}, // the channel's only configuration
		ConsenterMetadata: e.Bytes(&common.Metadata{Value: consenter}),
	})
	signatureHeader := e.Bytes(&common.SignatureHeader{Creator: signer.Serialize(), Nonce: nonce})
	signature, err := signer.Sign(slices.Concat(value, signatureHeader, header))
	if err != nil {
		return nil, err
	}
	block.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES] = e.Bytes(&common.Metadata{
		Value:      value,
		Signatures: []*common.MetadataSignature{{SignatureHeader: signatureHeader, Signature: signature}},
	})
	return block, e.Err
}

// FirstBlock makes the block of a channel's configuration, as configtxgen does: nobody signs it.
func FirstBlock(envelope []byte) (*common.Block, error) {
	var e wire.Encoder
	block := unsigned(0, nil, [][]byte{envelope})
	block.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES] = e.Bytes(&common.Metadata{
		Value: e.Bytes(&common.OrdererBlockMetadata{LastConfig: &common.LastConfig{Index: 0}}),
	})
	return block, e.Err
}

// unsigned makes a block whose metadata have Fabric's five entries, all empty.
func unsigned(number uint64, previous []byte, data [][]byte) *common.Block {
	return &common.Block{
		Header:   &common.BlockHeader{Number: number, PreviousHash: previous, DataHash: wire.Hash(data...)},
		Data:     &common.BlockData{Data: data},
		Metadata: &common.BlockMetadata{Metadata: make([][]byte, len(common.BlockMetadataIndex_name))},
	}
}
