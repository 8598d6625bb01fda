// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/gap"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// A receiptKind is what is with a batch's receipt.
type receiptKind string

const (
	honest   receiptKind = "by the stream's key"
	late     receiptKind = "by the stream's key at the end" // after a crash of the bridge
	old      receiptKind = "by a former key of the stream"
	stranger receiptKind = "by a key that is not the stream's"
	broken   receiptKind = "with a signature that is none"
	backward receiptKind = "of an earlier time than the ledger's"
)

// archive is the archive of a stream's bridge.
func (h *history) archive(s *stream) *archive.Archive {
	a, err := archive.Open(filepath.Join(h.dir, s.name.Owner))
	h.require(err, "open the archive")
	return a
}

// anchor is a batch of readings, some of them lies, that a bridge anchors.
func (h *history) anchor() change {
	s := pick(h, "stream", h.streams)
	b := &batch{stream: s, number: uint64(len(s.batches) + 1)}
	for range rapid.IntRange(1, 3).Draw(h.t, "readings") {
		b.readings = append(b.readings, h.reading())
	}
	b.receipt = pick(h, "receipt", []receiptKind{honest, honest, honest, honest, honest, late, old, old, stranger, broken, backward})
	file, anchor := h.file(b)
	h.require(h.archive(s).Put(file), "archive the batch")
	b.hash, _ = anchor.HashText()
	return change{
		who: of(h.world.users, s.name.Owner), time: max(h.now(), s.earliest()), function: "anchors:Anchor", request: string(file.Anchor),
		said: fmt.Sprintf("%s anchors batch %d, receipt %s: %s", s.name, b.number, b.receipt, strings.Join(describe(b.readings), "; ")),
		apply: func(at moment, txID string) {
			b.at, b.txID = at, txID
			s.batches = append(s.batches, b)
			if b.receipt != late {
				h.sign(b)
			}
		},
		seen: func(l *ledger.Client, _ string) (bool, error) {
			head, err := l.Head(h.test.Context(), s.name)
			return head.Number == b.number, err
		},
	}
}

func describe(readings []*sensed) (said []string) {
	for _, r := range readings {
		text := fmt.Sprintf("%s/%d by key %s", r.device.name, r.sequence, idOf(r.signer))
		if r.forged {
			text += " (forged)"
		}
		said = append(said, text)
	}
	return said
}

// reading is one of a device that is registered or will be: by any key that it has, had or will have, or
// by a stranger's, dated as whoever signs it likes.
func (h *history) reading() *sensed {
	d := pick(h, "device", h.devices)
	l, registered := d.now()
	signers := []cose.Signer{d.next}
	if registered {
		current := l.current().signer
		signers = []cose.Signer{current, current, current, current, d.next, h.stranger()}
		for _, k := range l.keys {
			signers = append(signers, k.signer)
		}
	}
	d.last++
	r := &sensed{device: d, sequence: d.last}
	r.signer = signers[rapid.IntRange(0, len(signers)-1).Draw(h.t, "key")]
	backdated := pick(h, "device's clock is behind by", []int64{0, 0, 0, 60 * minute, 48 * 60 * minute})
	var err error
	r.data, err = reading.Sign(r.signer, reading.Claims{Device: d.name, Sequence: r.sequence, Time: time.Now().UnixMilli() - backdated}, reading.SenMLJSON, []byte(`[{"n":"t","v":1}]`))
	h.require(err, "sign a reading")
	if r.forged = rapid.IntRange(0, 9).Draw(h.t, "forged") == 9; r.forged {
		r.data = slices.Clone(r.data)
		r.data[len(r.data)-1] ^= 1
	}
	return r
}

// stranger is a key that nobody registers.
func (h *history) stranger() cose.Signer {
	kept := h.keys
	defer func() { h.keys = kept }()
	h.keys = math.MaxUint16 - 1
	return h.newKey()
}

// file is a batch as its bridge archives it, and the anchor.
func (h *history) file(b *batch) (*archive.Batch, record.Anchor) {
	file, received := &archive.Batch{Number: b.number}, time.Now().UnixMilli()
	span := record.Span{First: reading.MaxNumber}
	for _, r := range b.readings {
		parsed, err := reading.Parse(r.data)
		h.require(err, "parse a reading")
		at := parsed.Claims().Time
		span = record.Span{First: min(span.First, at), Last: max(span.Last, at)}
		file.Entries = append(file.Entries, archive.Entry{Received: received, Reading: r.data})
	}
	previous := record.ZeroHash
	if b.number > 1 {
		previous = b.stream.batches[b.number-2].hash
	}
	size := uint64(len(file.Entries))
	a := record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: b.stream.name, Number: b.number, Previous: previous,
		Root: file.Tree().Root().String(), Size: size, Counts: map[string]uint64{record.DeviceSigned: size},
		BridgeTime: record.Span{First: received, Last: received}, DeviceTime: span, Gaps: h.gaps(b),
	}
	var err error
	file.Anchor, err = a.Encode()
	h.require(err, "encode the anchor")
	return file, a
}

// gaps is how many numbers the batch skips, after the batches before it.
func (h *history) gaps(b *batch) (found uint64) {
	memory := gap.NewMemory()
	for _, one := range append(slices.Clone(b.stream.batches), b) {
		counter := gap.NewCounter(memory, one.number)
		for _, r := range one.readings {
			h.require(counter.Add(r.device.name, r.sequence), "count gaps")
		}
		found = counter.Gaps()
	}
	return found
}

// sign makes the receipt of a batch, honest or not.
func (h *history) sign(b *batch) {
	keys := b.stream.now()
	b.signer = keys[len(keys)-1].signer
	switch b.receipt {
	case old, backward:
		b.signer = keys[rapid.IntRange(0, len(keys)-1).Draw(h.t, "former key")].signer
	case stranger:
		b.signer = h.stranger()
	}
	hash, err := hex.DecodeString(b.hash)
	h.require(err, "read the anchor's hash")
	id, err := hex.DecodeString(b.txID)
	h.require(err, "read the transaction's id")
	claims := receipt.Claims{
		Stream: b.stream.name, Ledger: h.world.verifier.Trust().Ledger, Number: b.number,
		Anchor: [sha256.Size]byte(hash), Transaction: [sha256.Size]byte(id), LedgerTime: b.at.time,
	}
	if b.receipt == backward {
		claims.LedgerTime -= 60 * minute
	}
	file, err := h.archive(b.stream).Get(b.number)
	h.require(err, "read the archive")
	signed, err := receipt.Sign(b.signer, file.Tree().Root(), claims)
	h.require(err, "sign the receipt")
	if b.receipt == broken {
		data := slices.Clone(signed.Bytes())
		data[len(data)-1] ^= 1
		signed, err = receipt.ParseSigned(data)
		h.require(err, "read the receipt")
	}
	h.require(h.archive(b.stream).PutReceipt(b.number, signed), "archive the receipt")
	h.note("     receipt of batch %d of %s by key %s", b.number, b.stream.name, idOf(b.signer))
}

// witness collects what was signed about batches that are anchored, as a bridge does: their blocks, and,
// unless it is behind, attestations of all that have none.
func (h *history) witness(attests bool) {
	l := h.world.users[0].ledger
	for _, s := range h.streams {
		for _, b := range s.batches {
			if has, err := h.archive(s).HasEvidence(b.number); has || err != nil {
				h.require(err, "look for evidence")
				continue
			}
			block, err := l.BlockOf(h.test.Context(), b.txID)
			h.require(err, "fetch the block")
			block, err = fabric.Trim(block)
			h.require(err, "trim the block")
			h.require(h.archive(s).PutEvidence(b.number, receipt.Evidence{Blocks: [][]byte{block}}), "archive the block")
		}
		if attests && s.attested < len(s.batches) {
			h.attest(s)
		}
	}
}

// attest has both organisations attest the batches of a stream that they have not attested yet.
func (h *history) attest(s *stream) {
	from, to := s.attested+1, min(len(s.batches), s.attested+record.MaxAttestedAnchors)
	q := online.Question{Stream: s.name, From: uint64(from), To: uint64(to)}
	for _, b := range s.batches[from-1 : to] {
		b.asOf = h.place
		for _, r := range b.readings {
			if _, registered := r.device.now(); registered && !slices.Contains(q.Devices, r.device.name) {
				q.Devices = append(q.Devices, r.device.name)
			}
		}
	}
	slices.SortFunc(q.Devices, name.Compare)
	h.eventually("attest", func() error {
		found, err := online.Attest(h.test.Context(), h.world.users[0].ledger, organisations, q)
		if err == nil && len(found) != 1 {
			err = fmt.Errorf("the organisations do not answer as one")
		}
		if err != nil {
			return err
		}
		return h.archive(s).PutAttestation(q.From, q.To, found[0])
	})
	h.note("     batches %d to %d of %s are attested as of place %d", from, to, s.name, h.place)
	s.attested = to
}

// finish signs the receipts that are due, and has everything attested.
func (h *history) finish() {
	for _, s := range h.streams {
		for _, b := range s.batches {
			if b.receipt == late {
				h.sign(b)
			}
		}
		for s.attested < len(s.batches) {
			h.witness(true)
		}
	}
}
