// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/chaincode/call"
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
	if err == nil {
		err = answers(t.Args, said)
	}
	if err != nil {
		return signedAnswer{failed: AttestedAnswer, err: err}
	}
	organisations, faults := t.VerifyEndorsements(v.trust)
	return signedAnswer{answer: answer{transaction: t, organisations: organisations, said: said}, faults: faults}
}

// answers checks that an answer is to the question that was asked.
func answers(args [][]byte, said record.Attestation) error {
	if len(args) != 1 {
		return fmt.Errorf("the question has %d arguments, not 1", len(args))
	}
	var asked call.AttestRequest
	if err := record.Decode(args[0], &asked); err != nil {
		return fmt.Errorf("the question: %w", err)
	}
	switch stream := said.Stream.Name(); {
	case said.Nonce != asked.Nonce:
		return errors.New("it holds another nonce than the question")
	case stream != asked.Stream:
		return fmt.Errorf("it is of stream %s, the question of %s", stream, asked.Stream)
	}
	for _, e := range said.Anchors {
		if n := e.Anchor.Number; n < asked.From || n > asked.To {
			return fmt.Errorf("it holds batch %d, for which nobody asked", n)
		}
	}
	for _, d := range said.Devices {
		if !slices.Contains(asked.Devices, d.Name()) {
			return fmt.Errorf("it holds device %s, for which nobody asked", d.Name())
		}
	}
	return nil
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
	votes := newBallot[record.AnchorEntry](record.AnchorKey(j.r.Stream, j.r.Number))
	what := fmt.Sprintf("batch %d", j.r.Number)
	for _, a := range answers {
		for _, e := range a.said.Anchors {
			if e.Anchor.Number == j.r.Number {
				j.counts(votes.add(e, a), a, what)
			}
		}
	}
	winner := votes.winner()
	if winner == nil {
		j.r.skip([]ID{AttestedSignatures, AttestedAnchor}, "no attestation is about batch %d of stream %s", j.r.Number, j.r.Stream)
		return
	}
	j.others(votes.except(winner, func(answer) bool { return true }), what)
	if both := votes.both(winner); len(both) > 0 {
		j.r.note("peers of %s contradict each other about %s", list(both), what)
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
	locate(j, winner, winner.value.TxID)
	if p, known := j.positions[j.r.Tx]; known {
		j.r.Position = &p
	}
	j.r.pass(AttestedAnchor, "the ledger's state holds batch %d of stream %s, brought by transaction %s", j.r.Number, j.r.Stream, winner.value.TxID)
}

// counts notes an answer that names no place of what it tells.
func (j *judgement) counts(counted bool, a answer, what string) {
	if !counted {
		j.r.note("peers of %s do not say that they read %s in the ledger; that does not count", list(a.organisations), what)
	}
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
	devices := newBallot[record.Device](record.DeviceKey(j.r.Device), record.StopKey(j.r.Device))
	streams := newBallot[record.Stream](record.StreamKey(j.r.Stream), record.StreamStopKey(j.r.Stream))
	silent := newBallot[struct{}]()
	device, stream := "device "+j.r.Device.String(), "stream "+j.r.Stream.String()
	for _, a := range answers {
		if a.said.Head.Number < j.r.Number {
			j.r.note("an attestation as of batch %d is older than this batch; its records were not used", a.said.Head.Number)
			continue
		}
		j.counts(streams.add(a.said.Stream, a), a, stream)
		for _, d := range a.said.Devices {
			if d.Name() == j.r.Device {
				j.counts(devices.add(d, a), a, device)
			}
		}
		if acquits(a.said, j.r.Number) {
			silent.add(struct{}{}, a)
		}
	}
	j.attestedReports(answers, silent.winner())
	if s := attested(j, streams, stream); s != nil {
		j.stream = &s.value
		j.changed(s.value.Changes(), s.value.Updated.Tx, s.value.Opened, s.value.Keys, j.s.Receipt.KeyID.String())
		locate(j, s, s.value.Updated.Tx)
		earlier(j, streams, s, record.Stream.Changes, func(s record.Stream) record.Moment { return s.Updated })
	}
	if d := attested(j, devices, device); d != nil {
		j.device = &d.value
		j.r.ReportingPeriod = d.value.ReportingPeriod
		j.changed(d.value.Changes(), d.value.Updated.Tx, d.value.Registered, d.value.Keys, j.r.Key)
		for _, p := range d.value.Suspensions {
			if p.Until != nil {
				j.allowing[p.Until.Tx] = true
			}
		}
		locate(j, d, d.value.Updated.Tx)
		earlier(j, devices, d, record.Device.Changes, func(d record.Device) record.Moment { return d.Updated })
	}
}

// attested returns the newest record that enough organisations attest. A record that fewer attest
// fails the check of signatures, and is returned all the same: it is judged, and named.
func attested[T any](j *judgement, votes *ballot[T], what string) *candidate[T] {
	need := j.v.Trust().Attestations
	c := votes.newest(need)
	if c == nil {
		return nil
	}
	j.r.fewest = min(j.r.fewest, len(c.organisations))
	if len(c.organisations) < need {
		j.r.fail(AttestedSignatures, "peers of %s attest the record of %s; trust.json asks for %d organisations", list(c.organisations), what, need)
	}
	state := c.asOf(need)
	j.asOf(state)
	j.others(votes.except(c, func(a answer) bool { // what is older may differ
		read, there := lastPosition(a, votes.keys)
		return there && !read.Before(c.place) && a.said.Head.Number >= state.Number
	}), what)
	return c
}

// acquits reports whether an answer says that no evidence against a batch is on the ledger. It holds as
// much evidence as there is room for, that against the batches that were asked for before anything else.
func acquits(said record.Attestation, number uint64) bool {
	if slices.ContainsFunc(said.Equivocations, func(e record.EquivocationReport) bool { return e.Number == number }) {
		return false
	}
	alone := len(said.Anchors) == 1 && said.Anchors[0].Anchor.Number == number
	return alone || len(said.Equivocations) < record.MaxAttestedReports
}

// attestedReports takes the evidence against the stream that enough organisations attest: a report is
// never deleted, so one that was there once counts. That there is none must enough attest too.
func (j *judgement) attestedReports(answers []answer, silent *candidate[struct{}]) {
	votes, need := newBallot[record.EquivocationReport](), j.v.Trust().Attestations
	for _, a := range answers {
		for _, e := range a.said.Equivocations {
			votes.add(e, a)
		}
	}
	for _, c := range votes.candidates {
		if len(c.organisations) >= min(need, max(1, len(j.r.AttestedBy))) {
			j.reports = append(j.reports, c.value)
		} else {
			j.r.note("peers of %s alone attest evidence against batch %d of stream %s", list(c.organisations), c.value.Number, c.value.Stream)
		}
	}
	if silent != nil {
		j.r.acquitting = silent.organisations
		j.asOf(silent.asOf(need))
	}
}

// asOf notes the state to which the judgement refers: what is not newer than that of device, of stream
// and of the word that there is no evidence against the batch.
func (j *judgement) asOf(s State) {
	if j.r.AsOf != nil {
		s = s.older(*j.r.AsOf)
	}
	j.r.AsOf = &s
}

// locate takes the place of a transaction from the version of the record that it wrote last, where
// enough organisations signed it.
func locate[T any](j *judgement, c *candidate[T], tx string) {
	if len(c.organisations) >= j.v.Trust().Attestations {
		j.positions[tx] = c.place
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

// lastPosition returns the latest version of keys that together make a record, of which the first must
// have been read: the position of the record's last change.
func lastPosition(a answer, keys []string) (standing.Position, bool) {
	last, read := readPosition(a, keys[0])
	for _, key := range keys[1:] {
		if p, there := readPosition(a, key); there && last.Before(p) {
			last = p
		}
	}
	return last, read
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
