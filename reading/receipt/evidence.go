// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/internal/dcbor"
)

const (
	// MaxEvidenceSize is the length in bytes of the largest evidence: a Fabric block has to be
	// carried whole, because its data hash covers all of its transactions at once.
	MaxEvidenceSize = 16 << 20
	// MaxEvidenceItems is the most blocks, and the most attestations, in one evidence.
	MaxEvidenceItems = 256
)

// Evidence is what Fabric itself signed about a batch (docs/formats.md, "Evidence"). The bytes are
// Fabric's own; package audit verifies them. Nothing here does.
type Evidence struct {
	// Envelope is the envelope of the anchor's transaction with its endorsements. It is empty when
	// one of the blocks holds the transaction.
	Envelope []byte
	// Blocks are blocks with the orderers' signatures: the anchor's own, and those that hold changes
	// of the device or the stream, which gives their order.
	Blocks [][]byte
	// Attestations are envelopes of endorsed answers to anchors:Attest that were never submitted.
	Attestations [][]byte
}

// Keys of the evidence map.
const (
	evidenceEnvelope     = 1
	evidenceBlocks       = 2
	evidenceAttestations = 3
)

// IsZero reports whether there is no evidence at all.
func (e Evidence) IsZero() bool {
	return len(e.Envelope) == 0 && len(e.Blocks) == 0 && len(e.Attestations) == 0
}

// Encode returns the one encoding of the evidence, and nothing for no evidence. The error wraps
// reading.ErrTooLarge, or reading.ErrMalformed for an item without content.
func (e Evidence) Encode() ([]byte, error) {
	if e.IsZero() {
		return nil, nil
	}
	fields := 0
	for _, there := range []bool{len(e.Envelope) > 0, len(e.Blocks) > 0, len(e.Attestations) > 0} {
		if there {
			fields++
		}
	}
	b := dcbor.AppendMap(nil, fields)
	if len(e.Envelope) > 0 {
		b = dcbor.AppendBytes(dcbor.AppendInt(b, evidenceEnvelope), e.Envelope)
	}
	for _, list := range []struct {
		label int64
		items [][]byte
	}{{evidenceBlocks, e.Blocks}, {evidenceAttestations, e.Attestations}} {
		if len(list.items) > MaxEvidenceItems {
			return nil, fmt.Errorf("evidence: %w: %d items, at most %d", reading.ErrTooLarge, len(list.items), MaxEvidenceItems)
		}
		if len(list.items) == 0 {
			continue
		}
		b = dcbor.AppendArray(dcbor.AppendInt(b, list.label), len(list.items))
		for _, item := range list.items {
			if len(item) == 0 {
				return nil, fmt.Errorf("evidence: %w: key %d has an empty item", reading.ErrMalformed, list.label)
			}
			b = dcbor.AppendBytes(b, item)
		}
	}
	if len(b) > MaxEvidenceSize {
		return nil, fmt.Errorf("evidence: %w: %d bytes, at most %d", reading.ErrTooLarge, len(b), MaxEvidenceSize)
	}
	return b, nil
}

// ParseEvidence reads what Encode writes, strictly. The result refers to data. Errors are those of
// reading.Parse.
func ParseEvidence(data []byte) (Evidence, error) {
	e, err := parseEvidenceMap(data)
	if err != nil {
		return Evidence{}, fmt.Errorf("evidence: %w", err)
	}
	return e, nil
}

func parseEvidenceMap(data []byte) (Evidence, error) {
	if len(data) > MaxEvidenceSize {
		return Evidence{}, fmt.Errorf("%w: %d bytes, at most %d", reading.ErrTooLarge, len(data), MaxEvidenceSize)
	}
	item, err := dcbor.Parse(data)
	if err != nil {
		return Evidence{}, err
	}
	m, err := item.Map()
	if err != nil {
		return Evidence{}, err
	}
	if m.Len() == 0 {
		return Evidence{}, fmt.Errorf("%w: it is empty", reading.ErrMalformed)
	}
	var e Evidence
	for key, value := range m.All() {
		label, err := key.Int()
		if err != nil {
			return Evidence{}, err
		}
		switch label {
		case evidenceEnvelope:
			e.Envelope, err = nonEmpty(value)
		case evidenceBlocks:
			e.Blocks, err = byteStrings(value)
		case evidenceAttestations:
			e.Attestations, err = byteStrings(value)
		default:
			err = fmt.Errorf("%w: unknown key", reading.ErrMalformed)
		}
		if err != nil {
			return Evidence{}, fmt.Errorf("key %d: %w", label, err)
		}
	}
	return e, nil
}

// byteStrings reads an array of 1 to MaxEvidenceItems byte strings.
func byteStrings(item dcbor.Item) ([][]byte, error) {
	items, err := item.Array()
	if err != nil {
		return nil, err
	}
	if len(items) == 0 || len(items) > MaxEvidenceItems {
		return nil, fmt.Errorf("%w: %d items, not 1 to %d", reading.ErrMalformed, len(items), MaxEvidenceItems)
	}
	out := make([][]byte, len(items))
	for i, item := range items {
		if out[i], err = nonEmpty(item); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return out, nil
}

func nonEmpty(item dcbor.Item) ([]byte, error) {
	data, err := item.Bytes()
	if err == nil && len(data) == 0 {
		err = fmt.Errorf("%w: it is empty", reading.ErrMalformed)
	}
	return data, err
}
