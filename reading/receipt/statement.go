// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/internal/dcbor"
	"github.com/anchorline/anchorline/reading/merkle"
)

const (
	// MaxAnchorSize is the length in bytes of the largest anchor in a statement.
	MaxAnchorSize = 65536
	// MaxStatementSize is the length in bytes of the largest statement.
	MaxStatementSize = reading.MaxSize + MaxSize + MaxAnchorSize + MaxEvidenceSize + 64
)

const (
	labelReceipts = 394 // RFC 9942
	labelAnchor   = -70010
	labelEvidence = -70011
)

// The steps in which a statement is verified fail with one of these, so that a tool can
// say which one did. Each wraps the reason as well (reading.ErrWrongKey, …).
var (
	// ErrBadReadingSignature means that the device's key did not sign the reading.
	ErrBadReadingSignature = errors.New("the reading is not signed by the device's key")
	// ErrBadReceiptSignature means that the stream's key did not sign that this reading
	// is in the batch.
	ErrBadReceiptSignature = errors.New("the receipt is not signed by the stream's key for this reading")
	// ErrAnchorMismatch means that the anchor is not the one whose hash the receipt names.
	ErrAnchorMismatch = errors.New("the anchor is not the one that the receipt names")
	// ErrAnchorContradicts means that the anchor is the one named, yet describes another
	// batch than the receipt does: another stream, number, size or root.
	ErrAnchorContradicts = errors.New("the anchor describes another batch than the receipt")
)

// Statement is a reading with the proof that it was anchored.
type Statement struct {
	Reading *reading.Reading // its Bytes are the leaf
	Receipt *Receipt
	Anchor  []byte // the anchor's canonical bytes; must not be modified
	// Evidence is what Fabric signed about the batch; it may be empty.
	Evidence Evidence
}

// NewStatement puts the bytes of a reading, of its receipt and of the anchor, and the evidence if
// there is any, in one file. It parses the first two, with their errors, and verifies nothing.
func NewStatement(encodedReading, receipt, anchor []byte, evidence Evidence) ([]byte, error) {
	if _, err := reading.Parse(encodedReading); err != nil {
		return nil, fmt.Errorf("new statement: %w", err)
	}
	if _, err := Parse(receipt); err != nil {
		return nil, fmt.Errorf("new statement: %w", err)
	}
	if err := checkAnchorSize(anchor); err != nil {
		return nil, fmt.Errorf("new statement: %w", err)
	}
	m, err := cose.Parse(encodedReading)
	if err != nil {
		return nil, fmt.Errorf("new statement: %w", err)
	}
	encoded, err := evidence.Encode()
	if err != nil {
		return nil, fmt.Errorf("new statement: %w", err)
	}
	m.Unprotected = encodeProofs(receipt, anchor, encoded)
	return m.Encode(), nil
}

func encodeProofs(receipt, anchor, evidence []byte) []byte {
	const heads = 48
	labels := 2
	if len(evidence) > 0 {
		labels++
	}
	b := dcbor.AppendMap(make([]byte, 0, heads+len(receipt)+len(anchor)+len(evidence)), labels)
	b = dcbor.AppendArray(dcbor.AppendInt(b, labelReceipts), 1)
	b = dcbor.AppendBytes(b, receipt)
	b = dcbor.AppendBytes(dcbor.AppendInt(b, labelAnchor), anchor)
	if len(evidence) > 0 {
		b = dcbor.AppendBytes(dcbor.AppendInt(b, labelEvidence), evidence)
	}
	return b
}

// ParseStatement reads a statement strictly and verifies nothing. It copies data. Errors
// are those of reading.Parse.
func ParseStatement(data []byte) (*Statement, error) {
	s, err := parseStatement(data)
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	return s, nil
}

func parseStatement(data []byte) (*Statement, error) {
	if len(data) > MaxStatementSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", reading.ErrTooLarge, len(data), MaxStatementSize)
	}
	m, err := cose.Parse(data)
	if err != nil {
		return nil, err
	}
	var s Statement
	if err := s.setProofs(m.Unprotected); err != nil {
		return nil, fmt.Errorf("unprotected header: %w", err)
	}
	m.Unprotected = nil // gives back the leaf
	if s.Reading, err = reading.Parse(m.Encode()); err != nil {
		return nil, err
	}
	return &s, nil
}

// setProofs reads the unprotected header: receipt, anchor and, if it is there, the evidence.
func (s *Statement) setProofs(unprotected []byte) error {
	r, err := parseFields(unprotected)
	if err != nil {
		return err
	}
	receipts, anchor := r.Array(labelReceipts), r.Bytes(labelAnchor)
	var evidence []byte
	if r.Has(labelEvidence) {
		evidence = r.Bytes(labelEvidence)
	}
	if err := r.Done(); err != nil {
		return err
	}
	if err := checkAnchorSize(anchor); err != nil {
		return err
	}
	s.Anchor = slices.Clip(bytes.Clone(anchor))
	if len(receipts) != 1 {
		return fmt.Errorf("%w: %d receipts, not 1", reading.ErrMalformed, len(receipts))
	}
	encoded, err := receipts[0].Bytes()
	if err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	if s.Receipt, err = Parse(encoded); err != nil {
		return err
	}
	if evidence != nil {
		s.Evidence, err = ParseEvidence(bytes.Clone(evidence))
	}
	return err
}

func checkAnchorSize(anchor []byte) error {
	if len(anchor) == 0 {
		return fmt.Errorf("%w: anchor is empty", reading.ErrMalformed)
	}
	if len(anchor) > MaxAnchorSize {
		return fmt.Errorf("%w: anchor of %d bytes, at most %d", reading.ErrTooLarge, len(anchor), MaxAnchorSize)
	}
	return nil
}

// VerifyReading is the first step: the device's key signed the reading. It returns
// ErrBadReadingSignature.
func (s *Statement) VerifyReading(device cose.Key) error {
	if err := s.Reading.Verify(device); err != nil {
		return fmt.Errorf("%w: %w", ErrBadReadingSignature, err)
	}
	return nil
}

// VerifyReceipt is the second step: the stream's key signed that this reading is in the
// batch. It returns ErrBadReceiptSignature.
func (s *Statement) VerifyReceipt(stream cose.Key) error {
	if err := s.Receipt.Verify(stream, s.Reading.Bytes()); err != nil {
		return fmt.Errorf("%w: %w", ErrBadReceiptSignature, err)
	}
	return nil
}

// Root returns the root to which the reading and its path lead.
func (s *Statement) Root() (merkle.Hash, error) { return s.Receipt.Root(s.Reading.Bytes()) }

// Verify takes all three steps in their order and returns the first error. It proves what
// the two keys vouch for. That the ledger holds the anchor, and that the keys were
// registered and valid, only the ledger can say.
func (s *Statement) Verify(device, stream cose.Key) error {
	if err := s.VerifyReading(device); err != nil {
		return err
	}
	if err := s.VerifyReceipt(stream); err != nil {
		return err
	}
	return s.VerifyAnchor()
}

// Bytes returns the statement's only encoding; ParseStatement takes it back.
func (s *Statement) Bytes() ([]byte, error) {
	return NewStatement(s.Reading.Bytes(), s.Receipt.Bytes(), s.Anchor, s.Evidence)
}
