// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/reading/name"
)

// AnchorType is the type of an Anchor.
const AnchorType = "anchor"

// AnchorEntryType is the type of an AnchorEntry.
const AnchorEntryType = "anchor-entry"

// HeadType is the type of a Head.
const HeadType = "head"

// DeviceSigned is the kind of trust of a reading that its device signed. It is the only kind
// today.
const DeviceSigned = "device-signed"

// Span is the earliest and the latest of several times, both inclusive, in milliseconds.
type Span struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// Anchor is a batch as its bridge states it (docs/formats.md, Anchor). Its canonical bytes are
// what the anchor hash covers.
type Anchor struct {
	Type        string            `json:"type"`
	Version     int               `json:"version"`
	Stream      name.Name         `json:"stream"`
	Number      uint64            `json:"number"`
	Previous    string            `json:"previous"`
	Root        string            `json:"root"`
	Size        uint64            `json:"size"`
	BridgeTime  Span              `json:"bridgeTime"`
	DeviceTime  Span              `json:"deviceTime"`
	Counts      map[string]uint64 `json:"counts"`
	Gaps        uint64            `json:"gaps"`
	Quarantined uint64            `json:"quarantined"`
}

// Validate reports the first fault of the anchor, naming the field.
func (a Anchor) Validate() error {
	return First(
		checkSchema(a.Type, AnchorType, a.Version),
		checkFullName("stream", a.Stream),
		checkNumber("number", a.Number, 1),
		CheckHash("previous", a.Previous),
		CheckHash("root", a.Root),
		checkNumber("size", a.Size, 1),
		a.BridgeTime.check("bridgeTime"),
		a.DeviceTime.check("deviceTime"),
		a.checkCounts(),
		checkNumber("gaps", a.Gaps, 0),
		checkNumber("quarantined", a.Quarantined, 0),
	)
}

// checkCounts reports whether the counts are of known kinds and sum to the size.
func (a Anchor) checkCounts() error {
	var sum uint64
	for _, kind := range sortedKeys(a.Counts) {
		if kind != DeviceSigned {
			return Faultf("counts."+kind, "is unknown; the kinds are: %s", DeviceSigned)
		}
		if err := checkNumber("counts."+kind, a.Counts[kind], 0); err != nil {
			return err
		}
		sum += a.Counts[kind]
	}
	if sum != a.Size {
		return Faultf("counts", "sum to %d, but the size is %d", sum, a.Size)
	}
	return nil
}

// check reports whether the span is in order.
func (s Span) check(field string) error {
	if err := First(CheckTime(field+".first", s.First), CheckTime(field+".last", s.Last)); err != nil {
		return err
	}
	if s.First > s.Last {
		return Faultf(field, "first is after last")
	}
	return nil
}

// Encode returns the canonical bytes of the anchor.
func (a Anchor) Encode() ([]byte, error) { return Encode(a) }

// Hash returns SHA-256 of the anchor's canonical bytes. The error is that of Encode, which fails
// for a stream without a valid name only.
func (a Anchor) Hash() ([32]byte, error) {
	data, err := a.Encode()
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(data), nil
}

// HashText returns Hash in hexadecimal, as the next anchor's Previous states it.
func (a Anchor) HashText() (string, error) {
	hash, err := a.Hash()
	return hex.EncodeToString(hash[:]), err
}

// ParseAnchor reads an anchor from its canonical bytes and validates it. Bytes that are not
// canonical are refused, since their hash would not be the anchor's.
func ParseAnchor(data []byte) (Anchor, error) {
	var a Anchor
	if err := Decode(data, &a); err != nil {
		return Anchor{}, fmt.Errorf("anchor: %w", err)
	}
	if err := a.Validate(); err != nil {
		return Anchor{}, fmt.Errorf("anchor: %w", err)
	}
	canonical, err := a.Encode()
	if err != nil {
		return Anchor{}, err
	}
	if !bytes.Equal(canonical, data) {
		return Anchor{}, errors.New("anchor: not in canonical form (RFC 8785: every field, keys sorted, no white space)")
	}
	return a, nil
}

// AnchorEntry is what the ledger stores of an anchor: the anchor itself, and what the
// transaction that brought it adds.
type AnchorEntry struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	Anchor  Anchor `json:"anchor"`
	// Hash is the anchor hash in hexadecimal.
	Hash string `json:"hash"`
	// TxID is the id of the transaction that stored the anchor.
	TxID string `json:"txId"`
	// LedgerTime is that transaction's timestamp: the time its client claimed, in milliseconds.
	LedgerTime int64 `json:"ledgerTime"`
	// Creator is the MSP ID of that transaction's client.
	Creator string `json:"creator"`
}

// Head is the last anchor of a stream: number 0, ZeroHash and time 0 before the first.
type Head struct {
	Type    string    `json:"type"`
	Version int       `json:"version"`
	Stream  name.Name `json:"stream"`
	Number  uint64    `json:"number"`
	Hash    string    `json:"hash"`
	// LedgerTime is the last anchor's: the next one's is not before it.
	LedgerTime int64 `json:"ledgerTime"`
}

// checkSchema reports whether a record is of the wanted type and of a version this code knows.
func checkSchema(got, want string, version int) error {
	if got != want {
		return Faultf("type", "is %q; %q is expected", clip(got), want)
	}
	if version != Version {
		return Faultf("version", "is %d; this code knows %d", version, Version)
	}
	return nil
}
