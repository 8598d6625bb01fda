// SPDX-License-Identifier: Apache-2.0

package cose

import (
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/reading/internal/dcbor"
)

// Header labels that are understood here.
const (
	LabelAlgorithm   int64 = 1   // RFC 9052 §3.1
	LabelCritical    int64 = 2   // RFC 9052 §3.1
	LabelContentType int64 = 3   // RFC 9052 §3.1
	LabelKeyID       int64 = 4   // RFC 9052 §3.1
	LabelClaims      int64 = 15  // CWT Claims, RFC 9597
	LabelType        int64 = 16  // typ, RFC 9596
	LabelVDS         int64 = 395 // verifiable data structure, RFC 9942
)

// Header is a protected header. A zero field is a header parameter that is absent.
type Header struct {
	Algorithm   Algorithm
	ContentType ContentType
	KeyID       KeyID
	Claims      []byte // the encoded CWT Claims map
	Type        string
	VDS         uint64
}

// Profile says what the header of one kind of message holds.
type Profile struct {
	// Labels that must be present; crit may name these and no others. Only they are
	// decoded.
	Labels []int64
	// Type is what header 16 must say, if it is one of Labels.
	Type string
	// Open permits other labels, as long as crit does not name them.
	Open bool
	// Unprotected permits an unprotected header that is not empty (Open).
	Unprotected bool
	// Detached says whether the payload is detached (Open).
	Detached bool
}

// ParseHeader decodes a protected header map. Claims refers to encoded. Errors are
// ErrMalformed, ErrNotCanonical, ErrUnknownCritical, ErrUnsupportedAlgorithm and
// ErrWrongType.
func ParseHeader(encoded []byte, profile Profile) (Header, error) {
	if len(encoded) == 0 {
		return Header{}, fmt.Errorf("%w: no protected header", ErrMalformed)
	}
	parameters, err := parseMap(encoded)
	if err != nil {
		return Header{}, err
	}
	if err := checkCritical(parameters, profile); err != nil {
		return Header{}, err
	}
	if err := checkLabels(parameters, profile); err != nil {
		return Header{}, err
	}
	var h Header
	for _, label := range profile.Labels {
		value, err := parameters.Get(label)
		if err != nil {
			return Header{}, err
		}
		if err := h.set(label, value); err != nil {
			return Header{}, fmt.Errorf("label %d: %w", label, err)
		}
	}
	if slices.Contains(profile.Labels, LabelType) && h.Type != profile.Type {
		return Header{}, fmt.Errorf("%w: %.100q, not %q", ErrWrongType, h.Type, profile.Type)
	}
	return h, nil
}

// checkCritical refuses a crit that is not an array of present labels (RFC 9052 §3.1) or
// names one that the profile does not understand.
func checkCritical(parameters dcbor.Map, profile Profile) error {
	critical, err := parameters.Get(LabelCritical)
	if err != nil {
		return nil // there is none
	}
	labels, err := critical.Array()
	if err != nil {
		return fmt.Errorf("crit: %w", err)
	}
	if len(labels) == 0 {
		return fmt.Errorf("%w: crit names no label", ErrMalformed)
	}
	for _, item := range labels {
		if err := checkLabel(item); err != nil {
			return fmt.Errorf("crit: %w", err)
		}
		label, err := item.Int()
		if err != nil || !slices.Contains(profile.Labels, label) {
			return fmt.Errorf("%w: label %s", ErrUnknownCritical, describe(item))
		}
	}
	return nil
}

// checkLabels refuses keys that are no labels and, in a profile that is not open, labels
// that do not belong.
func checkLabels(parameters dcbor.Map, profile Profile) error {
	for key := range parameters.All() {
		if err := checkLabel(key); err != nil {
			return err
		}
		label, err := key.Int()
		if !profile.Open && (err != nil || !slices.Contains(profile.Labels, label)) {
			return fmt.Errorf("%w: label %s does not belong here", ErrMalformed, describe(key))
		}
	}
	return nil
}

// checkLabel refuses what is neither an integer of 64 bits nor text.
func checkLabel(item dcbor.Item) error {
	if _, err := item.Int(); err == nil {
		return nil
	}
	if _, err := item.Text(); err == nil {
		return nil
	}
	return fmt.Errorf("%w: label %s is neither an integer nor text", ErrMalformed, describe(item))
}

func describe(label dcbor.Item) string {
	if n, err := label.Int(); err == nil {
		return fmt.Sprint(n)
	}
	if text, err := label.Text(); err == nil {
		return fmt.Sprintf("%.40q", text)
	}
	return fmt.Sprintf("%.40x", label.Raw())
}

func (h *Header) set(label int64, value dcbor.Item) (err error) {
	switch label {
	case LabelAlgorithm:
		h.Algorithm, err = parseAlgorithm(value)
	case LabelContentType:
		h.ContentType, err = parseContentType(value)
	case LabelKeyID:
		h.KeyID, err = parseKeyID(value)
	case LabelClaims:
		h.Claims = value.Raw()
		_, err = value.Map()
	case LabelType:
		h.Type, err = value.Text()
	case LabelVDS:
		h.VDS, err = value.Uint()
	default:
		err = fmt.Errorf("%w: not a label this package decodes", ErrMalformed)
	}
	return err
}

func parseAlgorithm(value dcbor.Item) (Algorithm, error) {
	number, err := value.Int()
	if err != nil {
		if name, textErr := value.Text(); textErr == nil {
			return 0, fmt.Errorf("%w: %.40q; use EdDSA (-8) or ES256 (-7)", ErrUnsupportedAlgorithm, name)
		}
		return 0, err
	}
	switch algorithm := Algorithm(number); algorithm {
	case AlgorithmEdDSA, AlgorithmES256:
		return algorithm, nil
	default:
		return 0, fmt.Errorf("%w: %d; use EdDSA (-8) or ES256 (-7)", ErrUnsupportedAlgorithm, number)
	}
}

func parseKeyID(value dcbor.Item) (KeyID, error) {
	id, err := value.Bytes()
	if err != nil {
		return KeyID{}, err
	}
	if len(id) != KeyIDSize {
		return KeyID{}, fmt.Errorf("%w: key id of %d bytes, not %d", ErrMalformed, len(id), KeyIDSize)
	}
	return KeyID(id), nil
}

// Match returns ErrWrongKey unless the header names this key and its algorithm.
func (h Header) Match(key Key) error {
	if h.KeyID != key.ID() {
		return fmt.Errorf("%w: message names key %s, given key %s", ErrWrongKey, h.KeyID, key.ID())
	}
	if h.Algorithm != key.Algorithm() {
		return fmt.Errorf("%w: message says %s, key %s is for %s", ErrWrongKey, h.Algorithm, key.ID(), key.Algorithm())
	}
	return nil
}

// Encode returns the header map in deterministic encoding. Algorithm and key id are
// always present, other fields unless they are zero.
func (h Header) Encode() ([]byte, error) {
	if h.ContentType != "" {
		if err := h.ContentType.Validate(); err != nil {
			return nil, err
		}
	}
	present := 2
	for _, set := range []bool{h.ContentType != "", h.Claims != nil, h.Type != "", h.VDS != 0} {
		if set {
			present++
		}
	}
	b := dcbor.AppendMap(nil, present)
	b = dcbor.AppendInt(dcbor.AppendInt(b, LabelAlgorithm), int64(h.Algorithm))
	if h.ContentType != "" {
		b = h.ContentType.append(dcbor.AppendInt(b, LabelContentType))
	}
	b = dcbor.AppendBytes(dcbor.AppendInt(b, LabelKeyID), h.KeyID[:])
	if h.Claims != nil {
		b = append(dcbor.AppendInt(b, LabelClaims), h.Claims...)
	}
	if h.Type != "" {
		b = dcbor.AppendText(dcbor.AppendInt(b, LabelType), h.Type)
	}
	if h.VDS != 0 {
		b = dcbor.AppendUint(dcbor.AppendInt(b, LabelVDS), h.VDS)
	}
	return b, nil
}
