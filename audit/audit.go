// SPDX-License-Identifier: Apache-2.0

// Package audit verifies a statement offline and says in plain words what that proves and what it
// does not. In come a statement and pinned keys, out goes a report of steps. It does no I/O and
// reads no clock.
package audit

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/receipt"
)

// The steps of a verification, in order. The first that fails ends it.
const (
	StepFormat   = "format"    // the file is one statement in its one encoding
	StepDevice   = "device"    // a pinned key of the device signed exactly these bytes
	StepReceipt  = "receipt"   // a pinned key of the stream signed the root of a tree with this reading
	StepEvidence = "evidence"  // the anchor in the file is the one that the receipt names
	StepLedger   = "ledger"    // the ledger holds that anchor
	StepValidity = "key dates" // the keys were valid
)

// A Step is one thing that was checked.
type Step struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// A Report is the outcome of a verification.
type Report struct {
	OK        bool     `json:"ok"`
	Steps     []Step   `json:"steps"`
	Proven    []string `json:"proven"`
	NotProven []string `json:"notProven"`

	// What the statement says, once its format is known to be right.
	Reading *reading.Reading `json:"-"`
	Receipt *receipt.Receipt `json:"-"`
	Anchor  record.Anchor    `json:"-"`
}

// ErrFailed is wrapped by Err.
var ErrFailed = errors.New("audit: the statement is not proven")

// Err names the step that failed, or is nil.
func (r *Report) Err() error {
	for _, s := range r.Steps {
		if !s.OK {
			return fmt.Errorf("%w: step %q: %s", ErrFailed, s.Name, s.Detail)
		}
	}
	return nil
}

func (r *Report) pass(step, format string, args ...any) {
	r.Steps = append(r.Steps, Step{Name: step, OK: true, Detail: fmt.Sprintf(format, args...)})
}

func (r *Report) fail(step string, err error) *Report {
	r.OK = false
	r.Steps = append(r.Steps, Step{Name: step, Detail: err.Error()})
	r.Proven, r.NotProven = nil, []string{"Anything: the statement was changed, is of other keys than the pinned ones, or was never valid."}
	return r
}

// Verify checks a statement against pinned keys, offline.
func Verify(data []byte, pins Pins) *Report {
	r := &Report{}
	s, err := receipt.ParseStatement(data)
	if err != nil {
		return r.fail(StepFormat, err)
	}
	r.Reading, r.Receipt = s.Reading, s.Receipt
	r.pass(StepFormat, "one Transparent Statement (RFC 9943) of %d bytes", len(data))

	claims := s.Reading.Claims()
	device, key, err := pins.deviceKey(claims.Device, s.Reading.KeyID())
	if err == nil {
		err = s.VerifyReading(key)
	}
	if err != nil {
		return r.fail(StepDevice, err)
	}
	r.pass(StepDevice, "%s, sequence number %d, signed with %s key %s", claims.Device, claims.Sequence, key.Algorithm(), key.ID())

	streamKey, err := pins.streamKey(s.Receipt.Claims.Stream, s.Receipt.KeyID)
	if err == nil {
		err = s.VerifyReceipt(streamKey)
	}
	if err != nil {
		return r.fail(StepReceipt, err)
	}
	r.pass(StepReceipt, "reading %d of %d in batch %d of stream %s", s.Receipt.Index+1, s.Receipt.Size, s.Receipt.Claims.Number, s.Receipt.Claims.Stream)

	err = r.checkEvidence(s)
	if err == nil {
		err = r.checkLedgerName(pins)
	}
	if err != nil {
		return r.fail(StepEvidence, err)
	}
	r.pass(StepEvidence, "anchor %x", s.Receipt.Claims.Anchor)
	if err := checkValidity(device, s.Reading, s.Receipt); err != nil {
		return r.fail(StepValidity, err)
	}
	r.pass(StepValidity, "the device's key was valid when the ledger took the batch")
	r.OK = true
	r.conclude()
	return r
}

// checkEvidence compares the anchor in the statement with the receipt, field by field.
func (r *Report) checkEvidence(s *receipt.Statement) error {
	if err := s.VerifyAnchor(); err != nil {
		return err
	}
	a, err := record.ParseAnchor(s.Anchor)
	if err != nil {
		return err
	}
	root, err := s.Root()
	if err != nil {
		return err
	}
	c := s.Receipt.Claims
	switch {
	case a.Stream != c.Stream || a.Number != c.Number:
		return fmt.Errorf("the anchor is of batch %d of stream %s, the receipt of batch %d of stream %s", a.Number, a.Stream, c.Number, c.Stream)
	case a.Root != root.String():
		return fmt.Errorf("the anchor's root is %s, the receipt's is %s", a.Root, root)
	case a.Size != s.Receipt.Size:
		return fmt.Errorf("the anchor is of %d readings, the receipt of %d", a.Size, s.Receipt.Size)
	}
	r.Anchor = a
	return nil
}

func (r *Report) checkLedgerName(pins Pins) error {
	if have := r.Receipt.Claims.Ledger; pins.Ledger != "" && have != pins.Ledger {
		return fmt.Errorf("the receipt is of ledger %s, pinned is %s", have, pins.Ledger)
	}
	return nil
}

// checkValidity asks the pinned record whether the key still vouched for the device when the
// ledger took the batch, and whether the device's readings of that time are to be trusted.
func checkValidity(d record.Device, r *reading.Reading, rec *receipt.Receipt) error {
	k, ok := record.FindKey(d.Keys, r.KeyID().String())
	if !ok {
		return fmt.Errorf("key %s is not pinned for device %s", r.KeyID(), d.ID)
	}
	if k.Until != 0 && r.Claims().Time >= k.Until {
		return fmt.Errorf("key %s ended at %s, the reading says %s", k.ID, ms(k.Until), ms(r.Claims().Time))
	}
	if d.CompromisedSince != 0 && rec.Claims.LedgerTime >= d.CompromisedSince {
		return fmt.Errorf("device %s counts as compromised since %s, before the ledger took the batch at %s", d.ID, ms(d.CompromisedSince), ms(rec.Claims.LedgerTime))
	}
	return nil
}

func (r *Report) conclude() {
	c, rec := r.Reading.Claims(), r.Receipt
	r.Proven = []string{
		fmt.Sprintf("The holder of device %s's key signed exactly these %d bytes as its reading %d.", c.Device, len(r.Reading.Payload()), c.Sequence),
		fmt.Sprintf("Stream %s signed that they are in its batch %d (reading %d of %d).", rec.Claims.Stream, rec.Claims.Number, rec.Index+1, rec.Size),
		fmt.Sprintf("Stream %s signed that this batch stands on ledger %s in block %d, transaction %x, and follows anchor %s….",
			rec.Claims.Stream, rec.Claims.Ledger, rec.Claims.Block, rec.Claims.Transaction, r.Anchor.Previous[:16]),
		fmt.Sprintf("Three clocks, each its owner's word: the device says %s, the bridge received the batch from %s to %s, the transaction says %s.",
			ms(c.Time), ms(r.Anchor.BridgeTime.First), ms(r.Anchor.BridgeTime.Last), ms(rec.Claims.LedgerTime)),
	}
	if r.Anchor.Gaps == 0 {
		r.Proven = append(r.Proven, "The bridge found no sequence number missing up to this batch since the one before.")
	} else {
		r.Proven = append(r.Proven, fmt.Sprintf("The bridge found %d sequence numbers missing up to this batch since the one before.", r.Anchor.Gaps))
	}
	r.NotProven = []string{
		"That the ledger holds this anchor: offline, it is the stream's word. Compare with --ledger.",
		"That the reading is true: a signature says who, not whether the sensor was right.",
	}
}

// CompareLedger adds a step: what the ledger holds for this batch, and where.
func (r *Report) CompareLedger(entry record.AnchorEntry, block uint64) {
	if !r.OK {
		return
	}
	c := r.Receipt.Claims
	var faults []string
	check := func(what string, got, want any) {
		if got != want {
			faults = append(faults, fmt.Sprintf("%s is %v on the ledger and %v in the statement", what, got, want))
		}
	}
	check("the anchor hash", entry.Hash, fmt.Sprintf("%x", c.Anchor))
	check("the root", entry.Anchor.Root, r.Anchor.Root)
	check("the transaction", entry.TxID, fmt.Sprintf("%x", c.Transaction))
	check("the block", block, c.Block)
	check("the transaction's time", entry.LedgerTime, c.LedgerTime)
	if len(faults) > 0 {
		r.fail(StepLedger, errors.New(strings.Join(faults, "; ")))
		return
	}
	r.pass(StepLedger, "block %d, transaction %s, written by %s", block, entry.TxID, entry.Creator)
	r.Proven = append(r.Proven, fmt.Sprintf("The ledger holds this anchor: the peer asked answers with the same hash, in block %d.", block))
	r.NotProven = r.NotProven[1:]
}

func ms(t int64) string { return time.UnixMilli(t).UTC().Format("2006-01-02T15:04:05.000Z") }

// LacksAnchor adds a failed step: the ledger does not know the batch at all.
func (r *Report) LacksAnchor() {
	c := r.Receipt.Claims
	r.fail(StepLedger, fmt.Errorf("the ledger has no batch %d of stream %s: the stream signed what it did not anchor", c.Number, c.Stream))
}
