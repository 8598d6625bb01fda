// SPDX-License-Identifier: Apache-2.0

package order

import (
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// nonceSize is the size in bytes of the nonce in a block's signature header, as in Fabric.
const nonceSize = 24

// block makes the next block of a batch, signed by the orderer.
func (o *Orderer) block(batch [][]byte) (*common.Block, error) {
	height, previous := o.config.Committer.Tip()
	return NewBlock(o.config.Signer, height, previous, batch)
}

// NewBlock makes and signs a block of envelopes. Its metadata have Fabric's five entries; the
// committer fills in the transactions filter and the commit hash.
func NewBlock(signer Signer, number uint64, previous []byte, data [][]byte) (*common.Block, error) {
	block := &common.Block{
		Header:   &common.BlockHeader{Number: number, PreviousHash: previous, DataHash: wire.Hash(data...)},
		Data:     &common.BlockData{Data: data},
		Metadata: &common.BlockMetadata{Metadata: make([][]byte, len(common.BlockMetadataIndex_name))},
	}
	header, err := wire.HeaderBytes(block.GetHeader())
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("draw nonce: %w", err)
	}
	var e wire.Encoder
	value := e.Bytes(&common.OrdererBlockMetadata{LastConfig: &common.LastConfig{Index: 0}}) // the channel's only configuration
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
