// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/internal/dcbor"
)

const (
	// MaxBatch is the most receipts that one message to a device carries.
	MaxBatch = 256
	// MaxBatchSize is the length in bytes of the largest such message.
	MaxBatchSize = MaxBatch * (MaxSize + 16)
)

// Entry is a device's receipt for one of its readings.
type Entry struct {
	Sequence uint64 // of the reading, from 1
	Receipt  []byte // encoded; see Parse
}

// EncodeBatch returns the message that carries 1 to MaxBatch receipts to a device. Errors
// are ErrTooLarge and ErrMalformed of package reading.
func EncodeBatch(entries []Entry) ([]byte, error) {
	if len(entries) > MaxBatch {
		return nil, fmt.Errorf("receipts: %w: %d, at most %d; send several messages", reading.ErrTooLarge, len(entries), MaxBatch)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("receipts: %w: none to send", reading.ErrMalformed)
	}
	b := dcbor.AppendArray(nil, len(entries))
	for _, entry := range entries {
		if err := entry.validate(); err != nil {
			return nil, fmt.Errorf("receipts: %w", err)
		}
		b = dcbor.AppendUint(dcbor.AppendArray(b, 2), entry.Sequence)
		b = dcbor.AppendBytes(b, entry.Receipt)
	}
	return b, nil
}

// DecodeBatch reads what EncodeBatch writes. It does not parse the receipts, which refer
// to data. Errors are ErrTooLarge, ErrMalformed and ErrNotCanonical of package reading.
func DecodeBatch(data []byte) ([]Entry, error) {
	entries, err := decodeBatch(data)
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	return entries, nil
}

func decodeBatch(data []byte) ([]Entry, error) {
	if len(data) > MaxBatchSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", reading.ErrTooLarge, len(data), MaxBatchSize)
	}
	item, err := dcbor.Parse(data)
	if err != nil {
		return nil, err
	}
	items, err := item.Array()
	if err != nil {
		return nil, err
	}
	if len(items) == 0 || len(items) > MaxBatch {
		return nil, fmt.Errorf("%w: %d receipts, not 1 to %d", reading.ErrMalformed, len(items), MaxBatch)
	}
	entries := make([]Entry, len(items))
	for i, item := range items {
		if entries[i], err = decodeEntry(item); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return entries, nil
}

func decodeEntry(item dcbor.Item) (Entry, error) {
	parts, err := item.Array()
	if err != nil {
		return Entry{}, err
	}
	if len(parts) != 2 {
		return Entry{}, fmt.Errorf("%w: %d elements, not 2", reading.ErrMalformed, len(parts))
	}
	var entry Entry
	if entry.Sequence, err = parts[0].Uint(); err != nil {
		return Entry{}, fmt.Errorf("sequence number: %w", err)
	}
	if entry.Receipt, err = parts[1].Bytes(); err != nil {
		return Entry{}, fmt.Errorf("receipt: %w", err)
	}
	return entry, entry.validate()
}

func (e Entry) validate() error {
	if e.Sequence == 0 || e.Sequence > reading.MaxNumber {
		return fmt.Errorf("%w: sequence number %d", reading.ErrMalformed, e.Sequence)
	}
	if len(e.Receipt) > MaxSize {
		return fmt.Errorf("%w: receipt of reading %d has %d bytes, at most %d", reading.ErrTooLarge, e.Sequence, len(e.Receipt), MaxSize)
	}
	return nil
}
