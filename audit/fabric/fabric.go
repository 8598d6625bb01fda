// SPDX-License-Identifier: Apache-2.0

// Package fabric reads and verifies what a Fabric network signed: the transaction that its creator
// and the endorsing peers signed, and the block that its orderers signed. In come bytes as Fabric
// makes them and whom to trust (package trust); out go what they say and who vouches for it. It
// does no I/O and reads no clock.
//
// Every message must be in the one encoding that Fabric writes: fields in the order of their
// numbers, each once, none unknown, nothing after the end. A reader in another language then cannot
// read other values from the same bytes.
package fabric

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
)

// The sizes in bytes of the largest transaction and of the largest block that are read.
const (
	MaxTransaction = 8 << 20
	MaxBlock       = 64 << 20
)

// MaxSignatures is how many endorsements a transaction, or signatures a block, may have. Networks
// have far fewer; it bounds what a verification costs.
const MaxSignatures = 256

// What can be wrong.
var (
	// ErrFormat: the bytes are not what Fabric writes.
	ErrFormat = errors.New("fabric: wrong format")
	// ErrProposal: the transaction is not the one that the endorsers signed a response to.
	ErrProposal = errors.New("fabric: proposal does not match")
	// ErrChannel: it is of another channel than the trusted one.
	ErrChannel = errors.New("fabric: another channel")
	// ErrUnsigned: there is no signature.
	ErrUnsigned = errors.New("fabric: not signed")
	// ErrData: the block's transactions are not those that its header names.
	ErrData = errors.New("fabric: block data do not match the header")
	// ErrSignatures: too few orderers vouch for the block.
	ErrSignatures = errors.New("fabric: too few signatures")
	// ErrNoTransaction: the block does not hold the transaction.
	ErrNoTransaction = errors.New("fabric: no such transaction in the block")
)

// decode reads a message in its one encoding. what names it in errors.
func decode(what string, content []byte, m proto.Message) error {
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(content, m); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, what, err)
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, what, err)
	}
	if !bytes.Equal(again, content) {
		return fmt.Errorf("%w: %s is not in its one encoding: it has unknown, repeated or disordered fields", ErrFormat, what)
	}
	return nil
}

func formatError(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrFormat, fmt.Errorf(format, args...))
}
