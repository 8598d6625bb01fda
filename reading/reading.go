// SPDX-License-Identifier: Apache-2.0

// Package reading is the signed envelope of one device message: a COSE_Sign1 over any
// payload, with the device, its sequence number and its clock in the protected header
// (docs/formats.md, "Reading"). A device signs; everybody else parses, then verifies with
// the device's registered key.
//
// Bytes come in and a Reading goes out, or one error that names the decision and says
// where. A Reading keeps its bytes exactly as received, because they are the leaf that is
// anchored. Parsing proves nothing: until Verify has returned nil, a Reading is a claim.
//
// The package does no I/O, reads no clock and keeps no state.
package reading

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/internal/dcbor"
)

// MaxSize is the length in bytes of the largest reading.
const MaxSize = 65536

// Type is the typ header (RFC 9596) of a reading.
const Type = "application/anchorline-reading+cose"

// ContentType says what a payload is; see cose.ContentType.
type ContentType = cose.ContentType

const (
	// SenMLJSON is CoAP content format 110, application/senml+json (RFC 8428).
	SenMLJSON ContentType = "110"
	// SenMLCBOR is CoAP content format 112, application/senml+cbor (RFC 8428).
	SenMLCBOR ContentType = "112"
	// Heartbeat is the content type of a reading without a payload that says only that its device
	// was at work.
	Heartbeat ContentType = "application/anchorline-heartbeat"
)

// Each error of this package wraps exactly one of these, which are those of package cose.
var (
	ErrTooLarge             = cose.ErrTooLarge
	ErrMalformed            = cose.ErrMalformed
	ErrNotCanonical         = cose.ErrNotCanonical
	ErrUnknownCritical      = cose.ErrUnknownCritical
	ErrUnsupportedAlgorithm = cose.ErrUnsupportedAlgorithm
	ErrWrongType            = cose.ErrWrongType
	ErrWrongKey             = cose.ErrWrongKey
	ErrBadSignature         = cose.ErrBadSignature
)

// profile is the protected header of a reading. Other labels are permitted.
func profile() cose.Profile {
	return cose.Profile{
		Labels: []int64{
			cose.LabelAlgorithm, cose.LabelContentType, cose.LabelKeyID, cose.LabelClaims, cose.LabelType,
		},
		Type: Type,
		Open: true,
	}
}

// Reading is one parsed reading. It never changes, and any number of goroutines may use
// it. The slices it returns are its own: callers must not modify them.
type Reading struct {
	raw     []byte
	message cose.Message
	header  cose.Header
	claims  Claims
}

// Sign returns the encoded reading: payload and claims signed by signer. An empty
// c.Subject stands for the device's id. The payload may be empty. Errors are ErrMalformed (claims
// or content type), ErrTooLarge (the whole would exceed MaxSize) and the signer's own.
func Sign(signer cose.Signer, c Claims, ct ContentType, payload []byte) ([]byte, error) {
	if c.Subject == "" {
		c.Subject = c.Device.ID
	}
	claims, err := c.encode()
	if err != nil {
		return nil, fmt.Errorf("sign reading: %w", err)
	}
	if err := ct.Validate(); err != nil {
		return nil, fmt.Errorf("sign reading: %w", err)
	}
	if len(payload) > MaxSize { // before any work is done on it
		return nil, fmt.Errorf("sign reading: %w: payload of %d bytes, a reading has at most %d", ErrTooLarge, len(payload), MaxSize)
	}
	m, err := cose.Sign(signer, cose.Header{ContentType: ct, Claims: claims, Type: Type}, payload)
	if err != nil {
		return nil, fmt.Errorf("sign reading: %w", err)
	}
	encoded := m.Encode()
	if len(encoded) > MaxSize {
		return nil, fmt.Errorf("sign reading: %w: %d bytes, at most %d", ErrTooLarge, len(encoded), MaxSize)
	}
	return encoded, nil
}

// Parse reads one reading strictly and does not verify its signature. It copies data, so
// the caller may reuse it. Errors are ErrTooLarge, ErrMalformed, ErrNotCanonical,
// ErrUnknownCritical, ErrUnsupportedAlgorithm and ErrWrongType.
func Parse(data []byte) (*Reading, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("reading: %w: %d bytes, at most %d", ErrTooLarge, len(data), MaxSize)
	}
	raw := slices.Clip(bytes.Clone(data))
	m, header, err := cose.Open(raw, profile())
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	claims, err := parseClaims(header.Claims)
	if err != nil {
		return nil, fmt.Errorf("reading: claims: %w", err)
	}
	return &Reading{raw: raw, message: m, header: header, claims: claims}, nil
}

// Verify returns nil when key is the one the reading names (else ErrWrongKey) and made its
// signature (else ErrBadSignature). Whether the key is the device's, and was valid at the
// time, is for the caller to know.
func (r *Reading) Verify(key cose.Key) error {
	err := r.header.Match(key)
	if err == nil {
		err = r.message.Verify(key, nil)
	}
	if err != nil {
		return fmt.Errorf("reading %s/%d: %w", r.claims.Device, r.claims.Sequence, err)
	}
	return nil
}

// Claims returns what the device says of itself and of the reading.
func (r *Reading) Claims() Claims { return r.claims }

// ContentType says what the payload is.
func (r *Reading) ContentType() ContentType { return r.header.ContentType }

// KeyID names the key that is said to have signed.
func (r *Reading) KeyID() cose.KeyID { return r.header.KeyID }

// Algorithm is the algorithm the reading is said to be signed with.
func (r *Reading) Algorithm() cose.Algorithm { return r.header.Algorithm }

// Payload returns the payload, never nil. It must not be modified.
func (r *Reading) Payload() []byte { return slices.Clip(r.message.Payload) }

// Bytes returns the reading exactly as received: its leaf. It must not be modified.
func (r *Reading) Bytes() []byte { return r.raw }

// ContentHash returns the hash on which duplicates are detected: SHA-256 over the encoded
// protected header and payload, without the signature.
func (r *Reading) ContentHash() [32]byte {
	h := sha256.New()
	h.Write(dcbor.AppendBytes(nil, r.message.Protected))
	h.Write(dcbor.AppendBytes(nil, r.message.Payload))
	return [32]byte(h.Sum(nil))
}
