// SPDX-License-Identifier: Apache-2.0

// Package record is what the ledger stores: the types, their composite keys and their one
// encoding.
//
// Records come in as Go values and go out as canonical JSON (RFC 8785), so that the same record
// is the same bytes on every peer and under LevelDB and CouchDB alike. Every record names its
// type and the version of its schema. The package does no I/O, reads no clock and imports
// nothing of this module but names: clients, auditors and the chaincode share it.
//
// Times are int64 milliseconds since the Unix epoch. Numbers are at most MaxNumber, so that
// JSON carries them exactly. Hashes, digests and key ids are lower-case hexadecimal.
package record

import (
	"encoding/hex"
	"unicode/utf8"

	"github.com/anchorline/anchorline/reading/name"
)

// Version is the schema version that this code writes. A record of a higher version is refused
// rather than misread; see docs/chaincode.md for the migration rule.
const Version = 1

// Limits on what a record or a request may hold.
const (
	// MaxNumber is the largest sequence, batch or block number and time, 2^53-1.
	MaxNumber = 1<<53 - 1
	// MaxDocument is the size in bytes of the largest request or record.
	MaxDocument = 1 << 20
	// MaxName is the length in bytes of the longest device id, stream id or device type.
	MaxName = name.MaxID
	// MaxMSP is the length in bytes of the longest MSP ID.
	MaxMSP = name.MaxOwner
	// MaxText is the size in bytes of the longest reason or attribute value.
	MaxText = 256
	// MaxAttributes is the number of attributes a device may have.
	MaxAttributes = 32
	// MaxKeys is the number of keys a device or a stream may have in its life.
	MaxKeys = 256
)

// ZeroHash is the previous hash of the first anchor of a stream.
const ZeroHash = "0000000000000000000000000000000000000000000000000000000000000000"

// CheckName reports whether s is a valid device id, stream id, device type or attribute name:
// [A-Za-z0-9][A-Za-z0-9._:-]{0,63}. The error names the field.
func CheckName(field, s string) error {
	if !name.ValidID(s) {
		return Faultf(field, "must match [A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
	}
	return nil
}

// checkFullName reports whether n names a record of an organisation. The error names the field.
func checkFullName(field string, n name.Name) error {
	if err := n.Validate(); err != nil {
		return Faultf(field, "%v", err)
	}
	return nil
}

// CheckMSP reports whether s can be the ID of an MSP. The error names the field.
func CheckMSP(field, s string) error {
	if !name.ValidOwner(s) {
		return Faultf(field, "must be an MSP ID, [A-Za-z0-9][A-Za-z0-9._-]{0,127}")
	}
	return nil
}

// CheckText reports whether s is free text of at most max bytes without control characters.
// The error names the field.
func CheckText(field, s string, max int) error {
	if len(s) > max {
		return Faultf(field, "is %d bytes long; at most %d are allowed", len(s), max)
	}
	if !utf8.ValidString(s) { // the shim panics at a key that is not
		return Faultf(field, "must be UTF-8")
	}
	for _, r := range s {
		// U+10FFFF cannot be part of a composite key.
		if r < 0x20 || r == 0x7f || r == utf8.MaxRune {
			return Faultf(field, "must not hold control characters or U+10FFFF")
		}
	}
	return nil
}

// CheckHash reports whether s is a SHA-256 digest in lower-case hexadecimal. The error names
// the field.
func CheckHash(field, s string) error {
	return checkHex(field, s, 32)
}

// checkHex reports whether s is exactly size bytes in lower-case hexadecimal.
func checkHex(field, s string, size int) error {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != size || hex.EncodeToString(b) != s {
		return Faultf(field, "must be %d lower-case hexadecimal digits", 2*size)
	}
	return nil
}

// checkNumber reports whether n is within min..MaxNumber.
func checkNumber(field string, n, min uint64) error {
	if n < min || n > MaxNumber {
		return Faultf(field, "must be within %d and %d", min, uint64(MaxNumber))
	}
	return nil
}

// CheckTime reports whether ms can be a time: milliseconds since the Unix epoch, not negative.
// The error names the field.
func CheckTime(field string, ms int64) error {
	if ms < 0 || ms > MaxNumber {
		return Faultf(field, "must be a time in milliseconds since 1970, within 0 and %d", int64(MaxNumber))
	}
	return nil
}

// CheckAttributes reports whether attributes has at most MaxAttributes entries with names as
// keys and text as values. It reports the fault of the lowest name, whatever order the map has.
func CheckAttributes(field string, attributes map[string]string) error {
	if len(attributes) > MaxAttributes {
		return Faultf(field, "has %d entries; at most %d are allowed", len(attributes), MaxAttributes)
	}
	for _, name := range sortedKeys(attributes) {
		if err := CheckName(field, name); err != nil {
			return err
		}
		if err := CheckText(field+"."+name, attributes[name], MaxText); err != nil {
			return err
		}
	}
	return nil
}
