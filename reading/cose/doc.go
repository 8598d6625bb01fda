// SPDX-License-Identifier: Apache-2.0

// Package cose is the part of COSE (RFC 9052, RFC 9053) on which readings, receipts,
// possession proofs and rotations stand: public keys, signers, and one signed message
// form, COSE_Sign1 with Ed25519 or ECDSA P-256.
//
// Bytes come in and typed values go out, or one error that names the decision
// (ErrMalformed, ErrNotCanonical, ErrBadSignature, …) and says where. Everything is read
// strictly: each value has one encoding, so what parses encodes to the same bytes again.
//
// Nothing here does I/O, reads a clock or keeps state. Keys and Signers may be used by
// any number of goroutines.
package cose

import (
	"errors"

	"github.com/anchorline/anchorline/reading/internal/dcbor"
)

var (
	// ErrMalformed means that bytes are not what the format describes.
	ErrMalformed = dcbor.ErrMalformed
	// ErrNotCanonical means that bytes are not in the core deterministic encoding of RFC
	// 8949 §4.2.1, the only one that is accepted.
	ErrNotCanonical = dcbor.ErrNotCanonical
	// ErrTooLarge means that a message is larger than its kind may be.
	ErrTooLarge = errors.New("too large")
	// ErrUnknownCritical means that crit names a header label that is not understood
	// here, so the message must not be used (RFC 9052 §3.1).
	ErrUnknownCritical = errors.New("critical header not understood")
	// ErrUnsupportedAlgorithm means that a key or message is for another algorithm than
	// EdDSA with Ed25519 or ES256 with P-256.
	ErrUnsupportedAlgorithm = errors.New("unsupported algorithm")
	// ErrBadKey means that bytes are not a public or private key that can be used safely.
	ErrBadKey = errors.New("bad key")
	// ErrWrongKey means that a message names another key, or another algorithm, than the
	// one it is verified with.
	ErrWrongKey = errors.New("signed with another key")
	// ErrWrongType means that a message is of another kind (header 16, typ) than expected.
	ErrWrongType = errors.New("wrong message type")
	// ErrBadSignature means that the signature is not the key's over these bytes.
	ErrBadSignature = errors.New("bad signature")
)
