// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
)

// attestFunction is what an attestation answers.
const attestFunction = "anchors:Attest"

// answer is one attestation that is in its form: who says what.
type answer struct {
	transaction   *fabric.Transaction
	organisations []string
	said          record.Attestation
}

// attestations reads every attestation and takes from them what enough organisations say.
func (j *judgement) attestations() {
	ids := []ID{AttestedTransaction, AttestedProposal, AttestedAnswer, AttestedSignatures, AttestedAnchor}
	if len(j.evidence.Attestations) == 0 {
		j.r.skip(ids, "no organisation's attestation is there; collect it with --ledger or 'audit evidence'")
		return
	}
	var answers []answer
	for _, envelope := range j.evidence.Attestations {
		if a, ok := j.readAnswer(envelope); ok {
			answers = append(answers, a)
		}
	}
	if len(answers) == 0 {
		j.r.skip(ids, "no attestation can be used")
		return
	}
	j.attestedAnchor(answers)
	j.attestedRecords(answers)
	j.r.pass(AttestedTransaction, "%d answers to %s", len(answers), attestFunction)
	j.r.pass(AttestedProposal, "each answers its own question")
	j.r.pass(AttestedAnswer, "each is of ledger %s", j.v.Trust().Ledger)
}

// readAnswer reads one attestation and verifies who signed it.
func (j *judgement) readAnswer(envelope []byte) (answer, bool) {
	a := j.v.answers.get(envelope, j.v.readAnswer)
	if a.err != nil {
		j.r.fail(a.failed, "%v", a.err)
		return answer{}, false
	}
	if a.said.Stream.Name() != j.r.Stream {
		j.r.note("an attestation about stream %s was not used", a.said.Stream.Name())
		return answer{}, false
	}
	for _, f := range a.faults {
		j.r.note("an attestation's signature does not count: %v", f)
	}
	return a.answer, true
}

func (v *Verifier) readAnswer(envelope []byte) signedAnswer {
	t, err := fabric.ParseTransaction(envelope)
	switch {
	case errors.Is(err, fabric.ErrProposal):
		return signedAnswer{failed: AttestedProposal, err: err}
	case err != nil:
		return signedAnswer{failed: AttestedTransaction, err: err}
	}
	if err := v.calls(t, attestFunction); err != nil {
		return signedAnswer{failed: AttestedTransaction, err: err}
	}
	if t.Signed() { // as a rule it is not, for it was never submitted; what is there must fit
		if err := t.VerifyCreator(v.trust); err != nil {
			return signedAnswer{failed: AttestedTransaction, err: err}
		}
	}
	said, err := record.ParseAttestation(t.Response)
	if err == nil && said.Ledger != v.Trust().Ledger {
		err = fmt.Errorf("it is of ledger %s, trusted is %s", said.Ledger, v.Trust().Ledger)
	}
	if err != nil {
		return signedAnswer{failed: AttestedAnswer, err: err}
	}
	organisations, faults := t.VerifyEndorsements(v.trust)
	return signedAnswer{answer: answer{transaction: t, organisations: organisations, said: said}, faults: faults}
}

// calls checks that a transaction is a successful call of a function of the trusted chaincode.
func (v *Verifier) calls(t *fabric.Transaction, function string) error {
	trusted := v.Trust()
	switch {
	case t.Channel != trusted.Channel() || t.Chaincode != trusted.Chaincode():
		return fmt.Errorf("it is of %s/%s, trusted is %s", t.Channel, t.Chaincode, trusted.Ledger)
	case t.Function != function:
		return fmt.Errorf("it calls %.80q, not %s", t.Function, function)
	case t.Status != 200:
		return fmt.Errorf("the chaincode answered with status %d: %.200s", t.Status, t.Message)
	}
	return nil
}

// attestedAnchor decides what the ledger holds under the statement's number.
func (j *judgement) attestedAnchor(answers []answer) {
	votes := newBallot[record.AnchorEntry]()
	for _, a := range answers {
		for _, e := range a.said.Anchors {
			if e.Anchor.Number == j.r.Number {
				votes.add(e, a)
			}
		}
	}
	winner := votes.winner()
	if winner == nil {
		j.r.skip([]ID{AttestedSignatures, AttestedAnchor}, "no attestation is about batch %d of stream %s", j.r.Number, j.r.Stream)
		return
	}
	j.others(votes.except(winner, func(answer) bool { return true }), "batch "+fmt.Sprint(j.r.Number))
	if both := votes.both(winner); len(both) > 0 {
		j.r.note("peers of %s contradict each other about batch %d", list(both), j.r.Number)
	}
	j.r.AttestedBy, j.r.fewest = winner.organisations, len(winner.organisations)
	need := j.v.Trust().Attestations
	if len(winner.organisations) < need {
		j.r.fail(AttestedSignatures, "peers of %s attest; trust.json asks for %d organisations", list(winner.organisations), need)
	} else {
		j.r.pass(AttestedSignatures, "peers of %s attest; %d asked for", list(winner.organisations), need)
	}
	if err := j.compareEntry(winner.value); err != nil {
		j.r.fail(AttestedAnchor, "%v", err)
		return
	}
	j.entry = &winner.value
	locate(j, winner, record.AnchorKey(j.r.Stream, j.r.Number), winner.value.TxID)
	if p, known := j.order(j.r.Tx); known {
		j.r.Position = &p
	}
	j.r.pass(AttestedAnchor, "the ledger's state holds batch %d of stream %s, brought by transaction %s", j.r.Number, j.r.Stream, winner.value.TxID)
}

// compareEntry compares what the ledger holds with what the receipt says.
func (j *judgement) compareEntry(e record.AnchorEntry) error {
	claims := j.s.Receipt.Claims
	hash, err := e.Anchor.HashText()
	switch want := fmt.Sprintf("%x", claims.Anchor); {
	case err != nil:
		return err
	case hash != want || e.Hash != want || e.Anchor.Stream != claims.Stream:
		return fmt.Errorf("the ledger holds anchor %s under this number, the receipt names %s", e.Hash, want)
	case e.TxID != j.r.Tx:
		return fmt.Errorf("the ledger's anchor came by transaction %s, the receipt names %s", e.TxID, j.r.Tx)
	case e.LedgerTime != claims.LedgerTime:
		return fmt.Errorf("the ledger took the batch at %s, the receipt says %s", clock(e.LedgerTime), clock(claims.LedgerTime))
	}
	return nil
}

// attestedRecords takes the newest records of device and stream that enough organisations attest.
func (j *judgement) attestedRecords(answers []answer) {
	devices, streams := newBallot[record.Device](), newBallot[record.Stream]()
	for _, a := range answers {
		if a.said.Head.Number < j.r.Number {
			j.r.note("an attestation as of batch %d is older than this batch; its records were not used", a.said.Head.Number)
			continue
		}
		streams.add(a.said.Stream, a)
		for _, d := range a.said.Devices {
			if d.Name() == j.r.Device {
				devices.add(d, a)
			}
		}
	}
	j.attestedReports(answers)
	if s := attested(j, streams, "stream "+j.r.Stream.String(), record.StreamKey(j.r.Stream)); s != nil {
		j.stream = &s.value
		j.changed(s.value.Changes(), s.value.Updated.Tx)
		locate(j, s, record.StreamKey(j.r.Stream), s.value.Updated.Tx)
	}
	if d := attested(j, devices, "device "+j.r.Device.String(), record.DeviceKey(j.r.Device)); d != nil {
		j.device = &d.value
		j.r.ReportingPeriod = d.value.ReportingPeriod
		j.changed(d.value.Changes(), d.value.Updated.Tx)
		locate(j, d, record.DeviceKey(j.r.Device), d.value.Updated.Tx)
	}
}

// attested returns the newest record that enough organisations attest. A record that fewer attest
// fails the check of signatures, and is returned all the same: it is judged, and named.
func attested[T any](j *judgement, votes *ballot[T], what, key string) *candidate[T] {
	need := j.v.Trust().Attestations
	c := votes.newest(need, key)
	if c == nil {
		return nil
	}
	j.r.fewest = min(j.r.fewest, len(c.organisations))
	if len(c.organisations) < need {
		j.r.fail(AttestedSignatures, "peers of %s attest the record of %s; trust.json asks for %d organisations", list(c.organisations), what, need)
	}
	state := c.asOf(need)
	j.asOf(state)
	place, placed, _ := c.position(key, need)
	j.others(votes.except(c, func(a answer) bool { // what is older may differ
		read, there := readPosition(a, key)
		older := placed && there && read.Before(place)
		return !older && a.said.Head.Number >= state.said.Head.Number
	}), what)
	return c
}

// attestedReports takes the evidence against the stream that enough organisations attest. A report is
// never deleted, so one that was there once counts.
func (j *judgement) attestedReports(answers []answer) {
	votes := newBallot[record.EquivocationReport]()
	for _, a := range answers {
		for _, e := range a.said.Equivocations {
			votes.add(e, a)
		}
	}
	for _, c := range votes.candidates {
		if len(c.organisations) >= min(j.v.Trust().Attestations, max(1, len(j.r.AttestedBy))) {
			j.reports = append(j.reports, c.value)
		} else {
			j.r.note("peers of %s alone attest evidence against batch %d of stream %s", list(c.organisations), c.value.Number, c.value.Stream)
		}
	}
}

// asOf notes the state to which the judgement refers: the older one of device and stream.
func (j *judgement) asOf(a answer) {
	state := State{Number: a.said.Head.Number, Asked: a.transaction.Time}
	if p, known := readPosition(a, record.HeadKey(j.r.Stream)); known {
		state.Block = p.Block
	}
	if j.r.AsOf == nil || state.Number < j.r.AsOf.Number {
		j.r.AsOf = &state
	}
}

// locate takes the position of a transaction from the version of the record that it wrote last, which
// the endorsers of enough organisations signed as what they read.
func locate[T any](j *judgement, c *candidate[T], key, tx string) {
	p, known, contradicted := c.position(key, j.v.Trust().Attestations)
	if before, twice := j.positions[tx]; contradicted || known && twice && before != p {
		j.r.note("attestations contradict each other about the place of transaction %s", tx)
		known = known && !twice
	}
	if known {
		j.positions[tx] = p
	}
}

// readPosition returns the version of a key that an attestation's endorsers read.
func readPosition(a answer, key string) (standing.Position, bool) {
	for _, r := range a.transaction.Namespace(a.transaction.Chaincode).Reads {
		if r.Key == key && r.Exists {
			return standing.Position{Block: r.Block, Index: r.Index}, true
		}
	}
	return standing.Position{}, false
}

// others notes organisations that attest something else.
func (j *judgement) others(organisations []string, what string) {
	if len(organisations) > 0 {
		j.r.note("peers of %s attest otherwise about %s", list(organisations), what)
	}
}

// list joins names for a sentence.
func list(names []string) string {
	if len(names) == 0 {
		return "no organisation"
	}
	return strings.Join(names, ", ")
}
