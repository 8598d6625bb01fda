// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// ErrNotProven is wrapped by the error of a report that is not OK.
var ErrNotProven = errors.New("audit: the statement is not proven")

// A Report says what a statement proves, for whom, and what was not checked.
type Report struct {
	// OK is true when no check failed and everything that was required is reached.
	OK bool `json:"ok"`
	// Reached are the levels that the statement reached, lowest first.
	Reached []Level `json:"reached"`
	// Missing says what was required and not reached.
	Missing []string `json:"missing,omitempty"`
	// Checks are all checks, in the order of IDs.
	Checks []Check `json:"checks"`

	// Device, Sequence and Key are who signed what, and Stream and Number who received it. They are
	// claims until their levels are reached.
	Device   name.Name `json:"device,omitzero"`
	Sequence uint64    `json:"sequence,omitempty"`
	Key      string    `json:"key,omitempty"`
	Stream   name.Name `json:"stream,omitzero"`
	Number   uint64    `json:"number,omitempty"`
	Index    uint64    `json:"index"`
	Size     uint64    `json:"size,omitempty"`
	Ledger   string    `json:"ledger,omitempty"`
	Tx       string    `json:"tx,omitempty"`

	// Clocks are the three clocks, each its owner's word.
	Clocks Clocks `json:"clocks"`
	// EndorsedBy and AttestedBy are organisations, OrderedBy names of orderers.
	EndorsedBy []string `json:"endorsedBy"`
	OrderedBy  []string `json:"orderedBy"`
	AttestedBy []string `json:"attestedBy"`
	// Position is where the anchor's transaction took effect, by the attestations; without those it is
	// where a block holds it, which may be a second time.
	Position *standing.Position `json:"position,omitempty"`
	// AsOf is the state to which the attestations refer.
	AsOf *State `json:"asOf,omitempty"`
	// Standing is the judgement of the device's key when the ledger took the batch.
	Standing *standing.Verdict `json:"standing,omitempty"`

	// ReportingPeriod is the longest silence in milliseconds that the device's record allows it, 0 for
	// none registered or no record attested.
	ReportingPeriod int64 `json:"reportingPeriod,omitempty"`

	// Proven and NotProven are sentences for people.
	Proven    []string `json:"proven"`
	NotProven []string `json:"notProven"`
	// Notes are what an auditor should know beside that: peers that attest otherwise, signatures
	// that do not count.
	Notes []string `json:"notes,omitempty"`

	// fewest is how many organisations attest what the fewest of them do: anchor, stream or device.
	fewest int
	// acquitting are the organisations that attest that no evidence against the batch is there.
	acquitting []string

	// What the file holds, once its format is known to be right.
	Reading *reading.Reading `json:"-"`
	Receipt *receipt.Receipt `json:"-"`
	Anchor  record.Anchor    `json:"-"`
}

// Clocks are three claims of time in milliseconds since 1970.
type Clocks struct {
	// Device is the device's clock when it signed.
	Device int64 `json:"device"`
	// Bridge is the bridge's clock when it received the first and the last reading of the batch.
	Bridge record.Span `json:"bridge"`
	// Ledger is the timestamp of the anchor's transaction.
	Ledger int64 `json:"ledger"`
}

// State is a state of the ledger, by the newest anchor of the stream in it. What is attested is as of
// this state or a later one.
type State struct {
	// Number is that of the stream's newest anchor, Block the block that holds it (0 if unknown).
	Number uint64 `json:"number"`
	Block  uint64 `json:"block,omitempty"`
	// Asked is when the attestation was asked for: the word of who asked, which nobody checks.
	Asked int64 `json:"asked"`
}

// Err names what failed or is missing, or is nil for a report that is OK.
func (r *Report) Err() error {
	for _, c := range r.Checks {
		if c.Outcome == Failed {
			return fmt.Errorf("%w: %s: %s", ErrNotProven, c.ID, c.Detail)
		}
	}
	if !r.OK {
		return fmt.Errorf("%w: %v", ErrNotProven, r.Missing)
	}
	return nil
}

// Refuted reports whether a check failed. A report that is neither OK nor refuted lacks evidence.
func (r *Report) Refuted() bool {
	return slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Outcome == Failed })
}

// Has reports whether the statement reached a level.
func (r *Report) Has(l Level) bool { return slices.Contains(r.Reached, l) }

// Check returns the check of this id.
func (r *Report) Check(id ID) Check {
	for _, c := range r.Checks {
		if c.ID == id {
			return c
		}
	}
	return Check{ID: id, Outcome: Skipped, Detail: "not looked at"}
}

func (r *Report) passed(ids ...ID) bool {
	return !slices.ContainsFunc(ids, func(id ID) bool { return r.Check(id).Outcome != Passed })
}

func (r *Report) put(id ID, o Outcome, format string, args ...any) {
	c := Check{ID: id, Outcome: o, Detail: fmt.Sprintf(format, args...)}
	i := slices.IndexFunc(r.Checks, func(c Check) bool { return c.ID == id })
	switch {
	case i < 0:
		r.Checks = append(r.Checks, c)
	case r.Checks[i].Outcome == Failed: // the first fault of a check is the one that is told
	default:
		r.Checks[i] = c
	}
}

func (r *Report) pass(id ID, format string, args ...any) { r.put(id, Passed, format, args...) }

func (r *Report) skip(ids []ID, format string, args ...any) {
	for _, id := range ids {
		r.put(id, Skipped, format, args...)
	}
}

func (r *Report) fail(id ID, format string, args ...any) { r.put(id, Failed, format, args...) }

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// finish puts the checks into their order, those that nothing was said of as skipped.
func (r *Report) finish() {
	ordered := make([]Check, 0, len(IDs()))
	for _, id := range IDs() {
		ordered = append(ordered, r.Check(id))
	}
	r.Checks = ordered
}
