// SPDX-License-Identifier: Apache-2.0

// Package export is one file with many readings of a device and everything that proves them
// (docs/formats.md, "Export"). What readings of a batch share is carried once a batch, and what
// batches share once.
//
// Parts go in and a file comes out; a file goes in and statements come out, one after the other, so
// that a file needs the memory of one batch and of its attestations. Nothing is verified here: package audit
// does that with each statement. A file that was cut off, or that something was added to, is refused.
package export

import (
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

const (
	magic   = "anchorline-export"
	version = 1
)

// MaxBatch is the size in bytes of the largest item of a file: a batch's readings and their evidence.
const MaxBatch = 256 << 20

// ErrFormat is wrapped by every error about a file's content.
var ErrFormat = errors.New("not an export of readings")

// A Header says what a file was made for.
type Header struct {
	// Device is whose readings these are.
	Device name.Name
	// From and To are the sequence numbers that were asked for. The file also holds the readings just
	// outside, where there are any.
	From, To uint64
}

// A Batch is what a file holds of one batch.
type Batch struct {
	// Anchor is the anchor's canonical bytes, Signed the stream's signature over its root.
	Anchor []byte
	Signed *receipt.Signed
	// Size is the number of readings in the whole batch.
	Size     uint64
	Evidence receipt.Evidence
	Readings []Reading
}

// A Reading is one reading of a batch and its way to the root.
type Reading struct {
	Index uint64
	Bytes []byte
	Path  []merkle.Hash
}

// The items of a file, a CBOR sequence (RFC 8742), told apart by their first element.
const (
	itemHeader      = 0
	itemAttestation = 1
	itemBatch       = 2
	itemEnd         = 3
)

type (
	wireHeader struct {
		_       struct{} `cbor:",toarray"`
		Kind    uint64
		Magic   string
		Version uint64
		Device  string
		From    uint64
		To      uint64
	}
	wireAttestation struct {
		_           struct{} `cbor:",toarray"`
		Kind        uint64
		Attestation []byte
	}
	wireBatch struct {
		_            struct{} `cbor:",toarray"`
		Kind         uint64
		Anchor       []byte
		Signed       []byte
		Size         uint64
		Envelope     []byte
		Blocks       [][]byte
		Attestations []uint64 // by their order in the file, from 0
		Readings     []wireReading
	}
	wireReading struct {
		_     struct{} `cbor:",toarray"`
		Index uint64
		Bytes []byte
		Path  [][]byte
	}
	wireEnd struct {
		_        struct{} `cbor:",toarray"`
		Kind     uint64
		Readings uint64
	}
)

// A Writer writes a file.
type Writer struct {
	enc          *cbor.Encoder
	attestations map[string]uint64
	readings     uint64
}

// NewWriter begins a file.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	if err := h.Device.Validate(); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	out := &Writer{enc: cbor.NewEncoder(w), attestations: map[string]uint64{}}
	return out, out.put(wireHeader{Kind: itemHeader, Magic: magic, Version: version, Device: h.Device.String(), From: h.From, To: h.To})
}

func (w *Writer) put(item any) error {
	if err := w.enc.Encode(item); err != nil {
		return fmt.Errorf("export: write: %w", err)
	}
	return nil
}

// Batch writes readings of one batch.
func (w *Writer) Batch(b Batch) error {
	item := wireBatch{
		Kind: itemBatch, Anchor: b.Anchor, Signed: b.Signed.Bytes(), Size: b.Size,
		Envelope: b.Evidence.Envelope, Blocks: b.Evidence.Blocks,
	}
	for _, a := range b.Evidence.Attestations {
		number, written := w.attestations[string(a)]
		if !written {
			number = uint64(len(w.attestations))
			w.attestations[string(a)] = number
			if err := w.put(wireAttestation{Kind: itemAttestation, Attestation: a}); err != nil {
				return err
			}
		}
		item.Attestations = append(item.Attestations, number)
	}
	for _, r := range b.Readings {
		path := make([][]byte, len(r.Path))
		for i, hash := range r.Path {
			path[i] = hash[:]
		}
		item.Readings = append(item.Readings, wireReading{Index: r.Index, Bytes: r.Bytes, Path: path})
		w.readings++
	}
	return w.put(item)
}

// Close ends the file. Without its end a file is refused.
func (w *Writer) Close() error { return w.put(wireEnd{Kind: itemEnd, Readings: w.readings}) }

// Read calls each with the statement of every reading of a file, and with the evidence of its batch,
// which is not in the statement. Errors wrap ErrFormat, or are those of the reader or of each.
func Read(r io.Reader, each func(statement []byte, evidence receipt.Evidence) error) (Header, error) {
	mode, err := cbor.DecOptions{
		MaxArrayElements: 1 << 24, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
	}.DecMode()
	if err != nil {
		return Header{}, fmt.Errorf("export: %w", err)
	}
	f := &file{dec: mode.NewDecoder(r), mode: mode, each: each}
	for !f.ended {
		if err := f.item(); err != nil {
			return f.header, err
		}
	}
	var more cbor.RawMessage
	if err := f.dec.Decode(&more); !errors.Is(err, io.EOF) {
		return f.header, fmt.Errorf("%w: something follows the end", ErrFormat)
	}
	return f.header, nil
}

// file is a file that is being read.
type file struct {
	dec          *cbor.Decoder
	mode         cbor.DecMode
	each         func([]byte, receipt.Evidence) error
	header       Header
	begun, ended bool
	attestations [][]byte
	readings     uint64
}

func (f *file) item() error {
	var raw cbor.RawMessage
	if err := f.dec.Decode(&raw); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: it is cut off after %d readings", ErrFormat, f.readings)
		}
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(raw) > MaxBatch {
		return fmt.Errorf("%w: an item of %d bytes; at most %d", ErrFormat, len(raw), MaxBatch)
	}
	if len(raw) < 2 || raw[0] < 0x80 || raw[0] > 0x97 {
		return fmt.Errorf("%w: an item is no array", ErrFormat)
	}
	kind := raw[1]
	if !f.begun && kind != itemHeader || f.begun && kind == itemHeader {
		return fmt.Errorf("%w: it does not begin with one header", ErrFormat)
	}
	switch kind {
	case itemHeader:
		return f.begin(raw)
	case itemAttestation:
		var a wireAttestation
		if err := f.read(raw, &a); err != nil {
			return err
		}
		f.attestations = append(f.attestations, a.Attestation)
		return nil
	case itemBatch:
		return f.batch(raw)
	case itemEnd:
		var e wireEnd
		if err := f.read(raw, &e); err != nil {
			return err
		}
		if e.Readings != f.readings {
			return fmt.Errorf("%w: it holds %d readings and says %d", ErrFormat, f.readings, e.Readings)
		}
		f.ended = true
		return nil
	default:
		return fmt.Errorf("%w: unknown item %d", ErrFormat, kind)
	}
}

func (f *file) read(raw []byte, v any) error {
	if err := f.mode.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return nil
}

func (f *file) begin(raw []byte) error {
	var h wireHeader
	if err := f.read(raw, &h); err != nil {
		return err
	}
	if h.Magic != magic || h.Version != version {
		return fmt.Errorf("%w: it is %.40q of version %d, not %s of version %d", ErrFormat, h.Magic, h.Version, magic, version)
	}
	device, err := name.Parse(h.Device)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	f.begun, f.header = true, Header{Device: device, From: h.From, To: h.To}
	return nil
}

func (f *file) batch(raw []byte) error {
	var b wireBatch
	if err := f.read(raw, &b); err != nil {
		return err
	}
	signed, err := receipt.ParseSigned(b.Signed)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	evidence := receipt.Evidence{Envelope: b.Envelope, Blocks: b.Blocks}
	if evidence.Attestations, err = f.named(b.Attestations); err != nil {
		return err
	}
	if err := checkSize(evidence); err != nil {
		return err
	}
	for _, r := range b.Readings {
		statement, err := r.statement(signed, b)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
		f.readings++
		if err := f.each(statement, evidence); err != nil {
			return err
		}
	}
	return nil
}

// named returns the attestations that a batch names, each once.
func (f *file) named(numbers []uint64) ([][]byte, error) {
	var found [][]byte
	seen := map[uint64]bool{}
	for _, n := range numbers {
		if n >= uint64(len(f.attestations)) || seen[n] {
			return nil, fmt.Errorf("%w: a batch names attestation %d of %d, or names it twice", ErrFormat, n, len(f.attestations))
		}
		seen[n] = true
		found = append(found, f.attestations[n])
	}
	return found, nil
}

// checkSize holds a batch's evidence to the limits of a statement's: each of its readings is verified
// with all of it.
func checkSize(e receipt.Evidence) error {
	size := len(e.Envelope)
	for _, list := range [][][]byte{e.Blocks, e.Attestations} {
		if len(list) > receipt.MaxEvidenceItems {
			return fmt.Errorf("%w: a batch has %d blocks or attestations; at most %d", ErrFormat, len(list), receipt.MaxEvidenceItems)
		}
		for _, item := range list {
			size += len(item)
		}
	}
	if size > receipt.MaxEvidenceSize {
		return fmt.Errorf("%w: a batch has %d bytes of evidence; at most %d", ErrFormat, size, receipt.MaxEvidenceSize)
	}
	return nil
}

func (r wireReading) statement(signed *receipt.Signed, b wireBatch) ([]byte, error) {
	path := make([]merkle.Hash, len(r.Path))
	for i, hash := range r.Path {
		if len(hash) != merkle.Size {
			return nil, fmt.Errorf("a hash of %d bytes: %w", len(hash), reading.ErrMalformed)
		}
		path[i] = merkle.Hash(hash)
	}
	return receipt.NewStatement(r.Bytes, signed.Receipt(b.Size, r.Index, path), b.Anchor, receipt.Evidence{})
}
