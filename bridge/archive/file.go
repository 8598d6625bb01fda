// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
)

// The file is a CBOR sequence (RFC 8742): a header, an entry per reading, and the SHA-256 of all
// bytes before it, so that damage is found before anything is concluded from the file.
type header struct {
	_       struct{} `cbor:",toarray"`
	Magic   string
	Version uint64
	Anchor  []byte
	Size    uint64
}

type entry struct {
	_        struct{} `cbor:",toarray"`
	Received int64
	Reading  []byte
}

const (
	magic   = "anchorline-batch"
	version = 1
)

// minEntry is the length of the shortest entry: what a header can make us allocate is bounded by
// the length of the file.
const minEntry = 3

// encode writes a batch's file; entries hands over its size readings, one at a time.
func encode(w io.Writer, anchor []byte, size uint64, entries func(yield func(Entry) error) error) error {
	sum := sha256.New()
	enc := cbor.NewEncoder(io.MultiWriter(w, sum))
	if err := enc.Encode(header{Magic: magic, Version: version, Anchor: anchor, Size: size}); err != nil {
		return fmt.Errorf("archive: encode: %w", err)
	}
	n := uint64(0)
	err := entries(func(e Entry) error {
		n++
		return enc.Encode(entry{Received: e.Received, Reading: e.Reading})
	})
	if err == nil && n != size {
		err = fmt.Errorf("%d readings, not %d", n, size)
	}
	if err != nil {
		return fmt.Errorf("archive: encode: %w", err)
	}
	if err := cbor.NewEncoder(w).Encode(sum.Sum(nil)); err != nil {
		return fmt.Errorf("archive: encode: %w", err)
	}
	return nil
}

// trailer is the length of the checksum item: a head of two bytes (0x58 0x20) and the hash.
const trailer = 2 + sha256.Size

func decode(data []byte) (*Batch, error) {
	if len(data) < trailer {
		return nil, errors.New("too short")
	}
	body := data[:len(data)-trailer]
	sum := sha256.Sum256(body)
	if !bytes.Equal(data[len(body):], append([]byte{0x58, sha256.Size}, sum[:]...)) {
		return nil, errors.New("checksum does not match: restore the file from a backup")
	}
	dec := cbor.NewDecoder(bytes.NewReader(body))
	var h header
	if err := dec.Decode(&h); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if h.Magic != magic || h.Version != version {
		return nil, fmt.Errorf("not a batch file of version %d", version)
	}
	if h.Size > uint64(len(body)/minEntry) {
		return nil, fmt.Errorf("header claims %d readings", h.Size)
	}
	b := &Batch{Anchor: h.Anchor, Entries: make([]Entry, 0, h.Size)}
	for range h.Size {
		var e entry
		if err := dec.Decode(&e); err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(b.Entries), err)
		}
		b.Entries = append(b.Entries, Entry{Received: e.Received, Reading: e.Reading})
	}
	if dec.NumBytesRead() != len(body) {
		return nil, errors.New("bytes after the last entry")
	}
	return b, nil
}
