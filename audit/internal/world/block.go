// SPDX-License-Identifier: Apache-2.0

package world

import (
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"
)

// Block is a block before it is put into bytes. A copy with something changed is what an attacker
// would make.
type Block struct {
	Number    uint64
	Previous  []byte
	Envelopes [][]byte
	Signers   []Signer
	// Configuration is the number of the configuration block in force.
	Configuration uint64

	// Hooks, each nil or called with the message before it is put into bytes.
	OnHeader    func(*common.BlockHeader) // before the orderers sign
	OnSignature func(int, *common.MetadataSignature)
	OnBlock     func(*common.Block)
}

// Signer is an orderer that signs a block: of a BFT channel by its number, else by its certificate.
type Signer struct {
	*Member
	Number uint32
}

// Bytes are the block as evidence holds it.
func (b Block) Bytes(t testing.TB) []byte {
	t.Helper()
	data := sha256.Sum256(slices.Concat(b.Envelopes...))
	header := &common.BlockHeader{Number: b.Number, PreviousHash: b.Previous, DataHash: data[:]}
	hook(b.OnHeader, header)
	metadata := &common.Metadata{Value: Encode(t, &common.OrdererBlockMetadata{
		LastConfig: &common.LastConfig{Index: b.Configuration}, ConsenterMetadata: []byte("raft index and view"),
	})}
	for i, m := range b.Signers {
		s := &common.MetadataSignature{}
		said := Encode(t, &common.SignatureHeader{Creator: m.Serialize(t), Nonce: draw("block nonce", b.Number*100+uint64(i))})
		if m.Number > 0 {
			said = Encode(t, &common.IdentifierHeader{Identifier: m.Number, Nonce: draw("block nonce", b.Number*100+uint64(i))})
			s.IdentifierHeader = said
		} else {
			s.SignatureHeader = said
		}
		s.Signature = m.Sign(t, slices.Concat(metadata.GetValue(), said, headerBytes(t, header)))
		if b.OnSignature != nil {
			b.OnSignature(i, s)
		}
		metadata.Signatures = append(metadata.Signatures, s)
	}
	block := &common.Block{
		Header: header, Data: &common.BlockData{Data: b.Envelopes},
		Metadata: &common.BlockMetadata{Metadata: [][]byte{Encode(t, metadata)}},
	}
	hook(b.OnBlock, block)
	return Encode(t, block)
}

// headerBytes is a header as orderers sign it, in ASN.1 DER.
func headerBytes(t testing.TB, h *common.BlockHeader) []byte {
	t.Helper()
	content, err := asn1.Marshal(struct {
		Number         *big.Int
		Previous, Data []byte
	}{new(big.Int).SetUint64(h.GetNumber()), h.GetPreviousHash(), h.GetDataHash()})
	require.NoError(t, err)
	return content
}

// Signer returns an orderer of the world as it signs, counted from 0.
func (w *World) Signer(i int) Signer {
	s := Signer{Member: w.Orderers[i]}
	if len(w.Trust.Orderers.Consenters) > 0 {
		s.Number = uint32(i + 1)
	}
	return s
}

// Block returns a block that is on the ledger, signed by as many orderers as it takes.
func (w *World) Block(number uint64) Block {
	w.t.Helper()
	stored, there := w.blocks[number]
	require.True(w.t, there, "block %d", number)
	b := *stored
	b.Envelopes = slices.Clone(b.Envelopes)
	previous := sha256.Sum256([]byte{byte(number)})
	b.Previous, b.Configuration = previous[:], w.Trust.ConfigurationBlock
	for i := range w.Trust.Orderers.Signatures {
		b.Signers = append(b.Signers, w.Signer(i))
	}
	return b
}
