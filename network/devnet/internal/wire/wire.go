// SPDX-License-Identifier: Apache-2.0

// Package wire computes what Fabric computes over its protobuf messages: transaction ids,
// proposal hashes, block hashes. Pure: no I/O, no clock.
package wire

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"
)

// TransactionID is the hexadecimal SHA-256 of nonce and creator.
func TransactionID(nonce, creator []byte) string {
	return hex.EncodeToString(Hash(nonce, creator))
}

// Hash is the SHA-256 of the parts, one after the other.
func Hash(parts ...[]byte) []byte {
	digest := sha256.New()
	for _, part := range parts {
		digest.Write(part)
	}
	return digest.Sum(nil)
}

// HeaderBytes is the ASN.1 form of a block header, which is what is hashed and signed.
func HeaderBytes(h *common.BlockHeader) ([]byte, error) {
	encoded, err := asn1.Marshal(struct {
		Number       *big.Int
		PreviousHash []byte
		DataHash     []byte
	}{new(big.Int).SetUint64(h.GetNumber()), h.GetPreviousHash(), h.GetDataHash()})
	if err != nil {
		return nil, fmt.Errorf("encode header of block %d: %w", h.GetNumber(), err)
	}
	return encoded, nil
}

// HeaderHash is the hash that the next block names as its previous hash.
func HeaderHash(h *common.BlockHeader) ([]byte, error) {
	encoded, err := HeaderBytes(h)
	if err != nil {
		return nil, err
	}
	return Hash(encoded), nil
}

// Encoder marshals messages and keeps the first error, so that messages inside messages can be
// written as literals. The zero value is ready.
type Encoder struct{ Err error }

// Bytes is the message, nil when it cannot be encoded.
func (e *Encoder) Bytes(message proto.Message) []byte {
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil && e.Err == nil {
		e.Err = fmt.Errorf("encode %s: %w", message.ProtoReflect().Descriptor().Name(), err)
	}
	return content
}

// Decode unmarshals a protobuf message and names it in the error as Fabric does.
func Decode[M proto.Message](content []byte, message M) (M, error) {
	if err := proto.Unmarshal(content, message); err != nil {
		return message, fmt.Errorf("error unmarshalling %s: %w", message.ProtoReflect().Descriptor().Name(), err)
	}
	return message, nil
}

// Decoder keeps the first error of the messages that are read with it, so that messages inside
// messages are taken out one after the other. The zero value is ready.
type Decoder struct{ Err error }

// Read decodes a message, unless one before it was malformed.
func Read[M proto.Message](d *Decoder, content []byte, message M) M {
	if d.Err == nil {
		_, d.Err = Decode(content, message)
	}
	return message
}
