// SPDX-License-Identifier: Apache-2.0

package cose

import (
	"encoding/hex"
	"fmt"
)

// KeyIDSize is the length of a KeyID in bytes.
const KeyIDSize = 8

// KeyID names a public key: the first 8 bytes of its SHA-256 COSE Key thumbprint (RFC
// 9679). It finds a key; it does not prove one, for 8 bytes can be made to collide.
type KeyID [KeyIDSize]byte

// String returns the id in lower-case hexadecimal, 16 digits.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns what String returns.
func (id KeyID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads exactly what MarshalText writes, or returns ErrMalformed.
func (id *KeyID) UnmarshalText(text []byte) error {
	var read KeyID
	if len(text) != hex.EncodedLen(KeyIDSize) {
		return fmt.Errorf("%w: key id has %d characters; give 16 hexadecimal digits", ErrMalformed, len(text))
	}
	if _, err := hex.Decode(read[:], text); err != nil || read.String() != string(text) {
		return fmt.Errorf("%w: key id %q; give 16 lower-case hexadecimal digits", ErrMalformed, text)
	}
	*id = read
	return nil
}
