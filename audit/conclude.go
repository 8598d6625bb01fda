// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"slices"
	"time"
)

// conclude says which levels are reached, and in sentences what that means.
func (v *Verifier) conclude(r *Report, j *judgement) *Report {
	r.finish()
	if j != nil {
		r.climb()
	}
	r.Missing = v.require.missing(r)
	r.OK = !r.Refuted() && len(r.Missing) == 0
	r.speak(v)
	return r
}

// climb notes the levels whose checks passed.
func (r *Report) climb() {
	included := r.passed(AnchorHash, AnchorContent, InclusionPath)
	byReceipt := r.passed(AttestedSignatures, ReceiptKey, ReceiptSignature, ReceiptStanding, ReceiptLedger)
	byTransaction := r.passed(EndorsedTransaction, EndorsedCreator, EndorsedProposal, EndorsedWrites, EndorsedSignatures)
	attested := included && r.passed(AttestedTransaction, AttestedProposal, AttestedAnswer, AttestedSignatures, AttestedAnchor)
	for _, rung := range []struct {
		level   Level
		reached bool
	}{
		{Signed, r.passed(AttestedSignatures, ReadingKey, ReadingSignature, ReadingStanding)},
		{Received, included && (byReceipt || byTransaction)},
		{Endorsed, included && byTransaction && r.passed(EndorsedSignatures)},
		{Ordered, included && byTransaction && r.passed(OrderedBlock, OrderedSignatures)},
		{Attested, attested},
		{Unrepudiated, attested && r.passed(Repudiated)},
	} {
		if rung.reached {
			r.Reached = append(r.Reached, rung.level)
		}
	}
}

// speak writes the sentences. Each stands for checks that passed.
func (r *Report) speak(v *Verifier) {
	r.Proven, r.NotProven = []string{}, []string{}
	prove := func(l Level, format string, args ...any) {
		if r.Has(l) {
			r.Proven = append(r.Proven, fmt.Sprintf(format, args...))
		}
	}
	lack := func(l Level, format string, args ...any) {
		if !r.Has(l) {
			r.NotProven = append(r.NotProven, fmt.Sprintf(format, args...))
		}
	}
	if r.Has(Signed) {
		prove(Signed, "The device %s, owned by %s, signed exactly these %d bytes as its reading %d.", r.Device, r.Device.Owner, len(r.Reading.Payload()), r.Sequence)
	}
	prove(Received, "Stream %s, owned by %s, received them: they are reading %d of %d in its batch %d.", r.Stream, r.Stream.Owner, r.Index+1, r.Size, r.Number)
	prove(Endorsed, "Peers of %s endorsed the anchor of that batch.", list(r.EndorsedBy))
	if r.Has(Ordered) {
		prove(Ordered, "The ordering service (%s) put it into block %d.", list(r.OrderedBy), r.Position.Block)
	}
	prove(Attested, "Peers of %s signed that the state of ledger %s holds the anchor.", list(r.AttestedBy), r.Ledger)
	if r.Has(Unrepudiated) {
		prove(Unrepudiated, "As of %s, nobody has disowned the device's key, the stream's key or the batch.", r.AsOf)
	}
	lack(Signed, "That the device signed these bytes.")
	lack(Received, "That the stream received them.")
	lack(Endorsed, "That any organisation endorsed the anchor: its transaction is not there or does not verify.")
	lack(Ordered, "That the ordering service took the anchor: no block is there or it does not verify.")
	lack(Attested, "That the ledger holds the anchor: organisations' attestations are not there, too few, or do not verify.")
	lack(Unrepudiated, "That nobody disowned it later.")
	r.NotProven = append(r.NotProven, "That the reading is true: a signature says who, not whether the sensor was right.")
	r.NotProven = append(r.NotProven, "That the device's other readings are all there: 'audit completeness' looks at those.")
	if r.Reading != nil {
		r.NotProven = append(r.NotProven, fmt.Sprintf("The time of day: each clock is its owner's word. The device says %s, the bridge %s to %s, the transaction %s.",
			clock(r.Clocks.Device), clock(r.Clocks.Bridge.First), clock(r.Clocks.Bridge.Last), clock(r.Clocks.Ledger)))
	}
	if r.AsOf != nil {
		r.NotProven = append(r.NotProven, fmt.Sprintf("When the attestations were asked for: who asked dates that %s.", clock(r.AsOf.Asked)))
	}
	for _, o := range v.Trust().Organisations {
		if o.Unit == "" && (slices.Contains(r.EndorsedBy, o.MSPID) || slices.Contains(r.AttestedBy, o.MSPID)) {
			r.note("%s has no NodeOUs: any of its identities counts as its peer", o.MSPID)
		}
	}
}

// String says which state it is.
func (s *State) String() string {
	if s == nil {
		return "no state"
	}
	if s.Block == 0 {
		return fmt.Sprintf("batch %d of the stream", s.Number)
	}
	return fmt.Sprintf("block %d (batch %d of the stream)", s.Block, s.Number)
}

func period(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
