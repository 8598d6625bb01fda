// SPDX-License-Identifier: Apache-2.0

// Package receipt proves that a reading is in an anchored batch: a COSE receipt of RFC 9942
// with the tree of RFC 9162 (docs/formats.md, "Receipt" and "Statement").
//
// A bridge signs the root of a batch once and attaches to that signature the inclusion
// path of each reading. A device, or anybody who pins the stream's key, recomputes the
// root from the reading and the path and verifies the signature over it, offline. A
// Statement puts reading, receipt and the ledger's anchor in one file.
//
// Bytes come in and typed values go out, or one error that names the decision. Nothing is
// verified by parsing. The package does no I/O, reads no clock and keeps no state; a
// Signed survives a crash if its Bytes do.
package receipt

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
)

// MaxSize is the length in bytes of the largest receipt: all claims at their longest and a
// path of 53 hashes take less than half of it.
const MaxSize = 8192

const (
	vdsRFC9162     = 1   // IANA "COSE Verifiable Data Structure Algorithms"
	labelProofs    = 396 // vdp, RFC 9942
	proofInclusion = -1
)

// profile is the protected header of a receipt.
func profile() cose.Profile {
	return cose.Profile{
		Labels:      []int64{cose.LabelAlgorithm, cose.LabelKeyID, cose.LabelClaims, cose.LabelVDS},
		Unprotected: true,
		Detached:    true,
	}
}

// Receipt is a parsed receipt: a stream's signed claims about a batch, and the path of one
// reading to the batch's root.
type Receipt struct {
	Claims Claims
	KeyID  cose.KeyID
	// Algorithm is the one the stream is said to have signed with.
	Algorithm cose.Algorithm
	// Size is the number of readings in the batch. The signature does not cover it and a
	// path may fit several sizes: compare it with the anchor's (Statement.VerifyAnchor).
	Size uint64
	// Index is the reading's place in the batch, from 0.
	Index uint64
	// Path is the inclusion path, from the leaf's sibling up.
	Path []merkle.Hash

	raw     []byte
	message cose.Message
	header  cose.Header
}

// Parse reads one receipt strictly and verifies nothing. It copies data. Errors are those
// of reading.Parse.
func Parse(data []byte) (*Receipt, error) {
	r, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	return r, nil
}

func parse(data []byte) (*Receipt, error) {
	raw, m, header, claims, err := open(data)
	if err != nil {
		return nil, err
	}
	r := &Receipt{
		Claims: claims, KeyID: header.KeyID, Algorithm: header.Algorithm,
		raw: raw, message: m, header: header,
	}
	if err := r.setProof(m.Unprotected); err != nil {
		return nil, fmt.Errorf("unprotected header: %w", err)
	}
	return r, nil
}

// open reads what a receipt and a Signed have in common.
func open(data []byte) ([]byte, cose.Message, cose.Header, Claims, error) {
	if len(data) > MaxSize {
		err := fmt.Errorf("%w: %d bytes, at most %d", reading.ErrTooLarge, len(data), MaxSize)
		return nil, cose.Message{}, cose.Header{}, Claims{}, err
	}
	raw := bytes.Clone(data)
	m, header, err := cose.Open(raw, profile())
	if err != nil {
		return nil, cose.Message{}, cose.Header{}, Claims{}, err
	}
	if header.Algorithm == cose.AlgorithmES256 && !cose.LowS(m.Signature) {
		err := fmt.Errorf("%w: ES256 signature with the larger s; a receipt has one encoding", reading.ErrNotCanonical)
		return nil, cose.Message{}, cose.Header{}, Claims{}, err
	}
	if header.VDS != vdsRFC9162 {
		err := fmt.Errorf("%w: vds %d, not 1 (RFC9162_SHA256)", reading.ErrMalformed, header.VDS)
		return nil, cose.Message{}, cose.Header{}, Claims{}, err
	}
	claims, err := parseClaims(header.Claims)
	if err != nil {
		return nil, cose.Message{}, cose.Header{}, Claims{}, fmt.Errorf("claims: %w", err)
	}
	return raw, m, header, claims, nil
}

// Root returns the root to which the path leads from the leaf, a reading's bytes. It is
// the batch's root only if the stream signed it (VerifyRoot) or the ledger holds it.
func (r *Receipt) Root(leaf []byte) (merkle.Hash, error) {
	root, err := merkle.RootFromInclusion(r.Size, r.Index, merkle.LeafHash(leaf), r.Path)
	if err != nil {
		return merkle.Hash{}, fmt.Errorf("receipt: %w", err)
	}
	return root, nil
}

// Verify returns nil when the stream's key signed that the leaf, a reading's bytes, is in
// the batch. Errors are ErrWrongKey and ErrBadSignature of package reading; a leaf or path
// that is not the one signed shows as a bad signature, for the receipt has no root of its
// own to compare with.
func (r *Receipt) Verify(key cose.Key, leaf []byte) error {
	root, err := r.Root(leaf)
	if err != nil {
		return err
	}
	return r.VerifyRoot(key, root)
}

// VerifyRoot returns nil when the stream's key signed this root with the receipt's claims.
func (r *Receipt) VerifyRoot(key cose.Key, root merkle.Hash) error {
	err := r.header.Match(key)
	if err == nil {
		err = r.message.VerifyDetached(key, nil, root[:])
	}
	if err != nil {
		return fmt.Errorf("receipt of %s/%d: %w", r.Claims.Stream, r.Claims.Number, err)
	}
	return nil
}

// ClaimHash returns SHA-256 over the protected header and the root: what the stream signed, whatever
// its signature. Two receipts of a batch for different readings have the same.
func (r *Receipt) ClaimHash(root merkle.Hash) [32]byte {
	h := sha256.New()
	h.Write(r.message.Protected)
	h.Write(root[:])
	return [32]byte(h.Sum(nil))
}

// Bytes returns the receipt as it was read. It must not be modified.
func (r *Receipt) Bytes() []byte { return slices.Clip(r.raw) }
