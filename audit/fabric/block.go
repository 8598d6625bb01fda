// SPDX-License-Identifier: Apache-2.0

package fabric

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"
)

// A Block is a block of a channel: its header, all its transactions, and the orderers' signatures.
// Whether peers found a transaction in it valid is not part of it: orderers do not sign that.
type Block struct {
	Number uint64
	// Previous is the hash of the header of the block before; empty in block 0.
	Previous []byte
	// Channel is what every transaction in the block names.
	Channel string
	// Configuration is the number of the configuration block in force, as the orderers signed it.
	// Block 0 is not signed, and its Configuration is 0.
	Configuration uint64
	// Entries are its transactions, in order.
	Entries []Entry

	header   *common.BlockHeader
	metadata *common.Metadata
}

// An Entry is a transaction in a block, of any type.
type Entry struct {
	// ID is the transaction's id. It is empty for an entry that is no endorser transaction or whose id
	// is not that of its creator and nonce: no peer finds such a one valid.
	ID       string
	Type     int32  // a common.HeaderType; 3 is an endorser transaction
	Envelope []byte // a common.Envelope
}

// ParseBlock reads a block as [Trim] makes it. Each entry must be the one encoding of an envelope:
// the header's hash is over all of them without a border between, and only then can the same bytes
// not be cut into other transactions. Errors wrap [ErrFormat].
func ParseBlock(block []byte) (*Block, error) {
	if len(block) > MaxBlock {
		return nil, formatError("%d bytes; a block has at most %d", len(block), MaxBlock)
	}
	raw := &common.Block{}
	if err := decode("block", block, raw); err != nil {
		return nil, err
	}
	if raw.GetHeader() == nil || len(raw.GetData().GetData()) == 0 {
		return nil, formatError("the block has no header or no transaction")
	}
	if len(raw.GetMetadata().GetMetadata()) != 1 {
		return nil, formatError("the block has %d metadata; only the first, the signatures, belongs into evidence", len(raw.GetMetadata().GetMetadata()))
	}
	b := &Block{
		Number: raw.GetHeader().GetNumber(), Previous: raw.GetHeader().GetPreviousHash(),
		header: raw.GetHeader(), metadata: &common.Metadata{},
	}
	if err := decode("block signatures", raw.GetMetadata().GetMetadata()[0], b.metadata); err != nil {
		return nil, err
	}
	if count := len(b.metadata.GetSignatures()); count > MaxSignatures {
		return nil, formatError("%d signatures; at most %d are read", count, MaxSignatures)
	}
	signed := &common.OrdererBlockMetadata{}
	if err := decode("orderer's metadata", b.metadata.GetValue(), signed); err != nil {
		return nil, err
	}
	b.Configuration = signed.GetLastConfig().GetIndex()
	for i, content := range raw.GetData().GetData() {
		channel, entry, err := readEntry(content, len(raw.GetData().GetData()) == 1)
		if err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
		if i > 0 && channel != b.Channel {
			return nil, formatError("transaction %d is of channel %q, those before it of %q", i, channel, b.Channel)
		}
		b.Channel, b.Entries = channel, append(b.Entries, entry)
	}
	return b, nil
}

// readEntry reads the headers of an envelope. One that stands alone may lack a signature, as the
// first block's does; it cannot be cut in two.
func readEntry(content []byte, single bool) (channel string, e Entry, err error) {
	envelope, payload, header, signature := &common.Envelope{}, &common.Payload{}, &common.ChannelHeader{}, &common.SignatureHeader{}
	if err := decode("envelope", content, envelope); err != nil {
		return "", Entry{}, err
	}
	if len(envelope.GetPayload()) == 0 || len(envelope.GetSignature()) == 0 && !single {
		return "", Entry{}, formatError("the envelope lacks payload or signature")
	}
	// What others put into their transactions need not be in one encoding.
	if err = proto.Unmarshal(envelope.GetPayload(), payload); err == nil {
		err = proto.Unmarshal(payload.GetHeader().GetChannelHeader(), header)
	}
	if err == nil {
		err = proto.Unmarshal(payload.GetHeader().GetSignatureHeader(), signature)
	}
	if err != nil {
		return "", Entry{}, formatError("headers: %w", err)
	}
	e = Entry{Type: header.GetType(), Envelope: content}
	if id := transactionID(signature); e.Type == int32(common.HeaderType_ENDORSER_TRANSACTION) && header.GetTxId() == id {
		e.ID = id
	}
	return header.GetChannelId(), e, nil
}

// VerifyData checks that the transactions are those that the header names. Errors wrap [ErrData].
func (b *Block) VerifyData() error {
	hash := sha256.New()
	for _, e := range b.Entries {
		hash.Write(e.Envelope)
	}
	if sum := hash.Sum(nil); !bytes.Equal(sum, b.header.GetDataHash()) {
		return fmt.Errorf("%w: block %d names %x, they have %x", ErrData, b.Number, b.header.GetDataHash(), sum)
	}
	return nil
}

// Hash is the hash of the header, which the block after names as Previous.
func (b *Block) Hash() ([]byte, error) {
	header, err := b.headerBytes()
	sum := sha256.Sum256(header)
	return sum[:], err
}

// headerBytes is the header as orderers sign it, in ASN.1 DER.
func (b *Block) headerBytes() ([]byte, error) {
	content, err := asn1.Marshal(struct {
		Number         *big.Int
		Previous, Data []byte
	}{new(big.Int).SetUint64(b.Number), b.header.GetPreviousHash(), b.header.GetDataHash()})
	if err != nil {
		return nil, formatError("block header: %w", err)
	}
	return content, nil
}

// Find returns the index of an endorser transaction in the block, and the transaction. When the
// same id is there twice it is the first: peers find the second invalid. Errors wrap
// [ErrNoTransaction], [ErrFormat] or [ErrProposal].
func (b *Block) Find(txID string) (index int, t *Transaction, err error) {
	for i, e := range b.Entries {
		if e.ID != "" && e.ID == txID {
			t, err := ParseTransaction(e.Envelope)
			return i, t, err
		}
	}
	return 0, nil, fmt.Errorf("%w: %s, block %d", ErrNoTransaction, txID, b.Number)
}

// Trim takes a block as peers and orderers serve it and leaves out of its metadata what no orderer
// signs: only index 0, the signatures, stays. [ParseBlock] reads the result.
func Trim(block []byte) ([]byte, error) {
	if len(block) > MaxBlock {
		return nil, formatError("%d bytes; a block has at most %d", len(block), MaxBlock)
	}
	raw := &common.Block{}
	if err := proto.Unmarshal(block, raw); err != nil {
		return nil, formatError("block: %w", err)
	}
	if len(raw.GetMetadata().GetMetadata()) == 0 {
		return nil, formatError("the block has no metadata")
	}
	out := &common.Block{
		Header: raw.GetHeader(), Data: raw.GetData(),
		Metadata: &common.BlockMetadata{Metadata: raw.GetMetadata().GetMetadata()[:1]},
	}
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(out)
	if err != nil {
		return nil, formatError("block: %w", err)
	}
	return content, nil
}
