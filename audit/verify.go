// SPDX-License-Identifier: Apache-2.0

// Package audit verifies a statement offline and says in plain words what that proves, for whom, and
// what it does not. All that is trusted beforehand is a [trust.Trust]: the certificate authorities of
// the channel's organisations and orderers, and how many organisations must vouch.
//
// A statement's bytes come in and a [Report] of checks goes out. What the evidence in it does not
// cover is a check that was skipped, and said so. The package does no I/O, reads no clock, and keeps
// nothing but certificates that it has verified before.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/receipt"
)

// A Verifier verifies statements. It is safe for concurrent use; one that is used for many statements
// verifies each certificate once.
type Verifier struct {
	trust   *trust.Verifier
	require Requirement
	answers memo[signedAnswer]
	blocks  memo[signedBlock]
}

// NewVerifier returns a verifier that trusts t and asks for what require says. Errors wrap
// trust.ErrInvalid.
func NewVerifier(t trust.Trust, require Requirement) (*Verifier, error) {
	v, err := trust.NewVerifier(t)
	if err != nil {
		return nil, err
	}
	return &Verifier{trust: v, require: require}, nil
}

// Trust returns what the verifier trusts.
func (v *Verifier) Trust() trust.Trust { return v.trust.Trust() }

// Verify verifies a statement. Evidence that was collected beside it, later perhaps, counts as if it
// were in the statement. It never returns nil.
func (v *Verifier) Verify(data []byte, beside ...receipt.Evidence) *Report {
	r := &Report{EndorsedBy: []string{}, OrderedBy: []string{}, AttestedBy: []string{}, Reached: []Level{}}
	s, err := receipt.ParseStatement(data)
	if err != nil {
		r.fail(StatementFormat, "%v", err)
		return v.conclude(r, nil)
	}
	evidence := s.Evidence
	for _, e := range beside {
		evidence = merge(evidence, e)
	}
	r.describe(s, len(data))
	j := &judgement{
		v: v, r: r, s: s, evidence: evidence,
		positions: map[string]standing.Position{}, held: map[string]standing.Position{}, last: map[string]string{}, allowing: map[string]bool{},
		followed: map[string]bool{},
	}
	j.anchor()
	j.attestations()
	j.transaction()
	j.receipt()
	j.reading()
	j.repudiation()
	if j.undecided && j.dated() {
		r.note("whether a change of device or stream came before the anchor was decided by the times that their clients claimed, for the evidence does not give its place")
	}
	return v.conclude(r, j)
}

// merge joins two pieces of evidence.
func merge(a, b receipt.Evidence) receipt.Evidence {
	if len(a.Envelope) == 0 {
		a.Envelope = b.Envelope
	}
	a.Blocks = append(append([][]byte(nil), a.Blocks...), b.Blocks...)
	a.Attestations = append(append([][]byte(nil), a.Attestations...), b.Attestations...)
	return a
}

// describe notes what the statement says of itself.
func (r *Report) describe(s *receipt.Statement, size int) {
	claims, rec := s.Reading.Claims(), s.Receipt.Claims
	r.Reading, r.Receipt = s.Reading, s.Receipt
	r.Device, r.Sequence, r.Key = claims.Device, claims.Sequence, s.Reading.KeyID().String()
	r.Stream, r.Number, r.Index, r.Size = rec.Stream, rec.Number, s.Receipt.Index, s.Receipt.Size
	r.Ledger, r.Tx = rec.Ledger, hex.EncodeToString(rec.Transaction[:])
	r.Clocks = Clocks{Device: claims.Time, Ledger: rec.LedgerTime}
	r.pass(StatementFormat, "one Transparent Statement (RFC 9943) of %d bytes", size)
}

// judgement is the verification of one statement.
type judgement struct {
	v        *Verifier
	r        *Report
	s        *receipt.Statement
	evidence receipt.Evidence

	// What enough organisations attest, nil where nothing is attested.
	device  *record.Device
	stream  *record.Stream
	reports []record.EquivocationReport
	// positions are where transactions took effect, as enough organisations attest, and held where a
	// signed block holds them. A transaction that is ordered again is in a later block too, where peers
	// find it invalid and no orderer says so: held is not earlier than where it took effect.
	positions, held map[string]standing.Position
	// followed are the changes of which enough organisations attest that they came after the anchor.
	followed map[string]bool
	// last names, for the transaction of each change that a record tells, that of its last change.
	last map[string]string
	// allowing are the changes without which device, stream and their keys would vouch for nothing.
	allowing map[string]bool
	// undecided says that the time which a client claimed decided about the order of a change.
	undecided bool
}

// at is the moment of the anchor's transaction.
func (j *judgement) at() record.Moment { return record.Moment{Time: j.r.Clocks.Ledger, Tx: j.r.Tx} }

// order tells the position of a transaction. Of a change whose own is not attested it may still be known
// that it is not after the anchor: from a block that holds it, or, because a record's changes follow
// each other, from the position of the record's last change. What is held only after the anchor allowed
// nothing before it. And a change that an earlier state with the anchor does not tell came after it.
func (j *judgement) order(tx string) (standing.Position, bool) {
	if p, known := j.positions[tx]; known {
		return p, true
	}
	anchor, anchored := j.positions[j.r.Tx]
	held, isHeld := j.held[tx]
	last, changed := j.positions[j.last[tx]]
	switch {
	case j.followed[tx]:
		return afterwards, true
	case anchored && isHeld && (held.Before(anchor) || j.allowing[tx]):
		return held, true
	case anchored && changed && last.Before(anchor):
		return last, true
	}
	j.undecided = true
	return standing.Position{}, false
}

// changed notes the changes that a record tells, and those that allowed a key of it to vouch.
func (j *judgement) changed(changes []record.Moment, last string, begun record.Moment, keys []record.Key, used string) {
	for _, c := range changes {
		j.last[c.Tx] = last
	}
	j.allowing[begun.Tx] = true
	if key, known := record.FindKey(keys, used); known {
		j.allowing[key.From.Tx] = true
	}
}

// anchor compares the anchor in the statement with the receipt, and the path with the anchor.
func (j *judgement) anchor() {
	r, claims := j.r, j.s.Receipt.Claims
	if sum := sha256.Sum256(j.s.Anchor); sum != claims.Anchor {
		r.fail(AnchorHash, "the anchor in the statement has hash %x, the receipt names %x", sum, claims.Anchor)
		r.skip([]ID{AnchorContent, InclusionPath}, "the anchor is not the one that the receipt names")
		return
	}
	a, err := record.ParseAnchor(j.s.Anchor)
	if err != nil {
		r.fail(AnchorHash, "%v", err)
		r.skip([]ID{AnchorContent, InclusionPath}, "the anchor cannot be read")
		return
	}
	r.Anchor, r.Clocks.Bridge = a, a.BridgeTime
	r.pass(AnchorHash, "anchor %x", claims.Anchor)
	if a.Stream != claims.Stream || a.Number != claims.Number {
		r.fail(AnchorContent, "the anchor is of batch %d of stream %s, the receipt of batch %d of stream %s", a.Number, a.Stream, claims.Number, claims.Stream)
	} else {
		r.pass(AnchorContent, "batch %d of stream %s, %d readings", a.Number, a.Stream, a.Size)
	}
	root, err := j.s.Root()
	switch {
	case err != nil:
		r.fail(InclusionPath, "%v", err)
	case a.Size != j.s.Receipt.Size:
		r.fail(InclusionPath, "the anchor is of %d readings, the receipt's path of %d", a.Size, j.s.Receipt.Size)
	case a.Root != root.String():
		r.fail(InclusionPath, "reading and path lead to root %s, the anchor's is %s", root, a.Root)
	default:
		r.pass(InclusionPath, "the reading is number %d of %d in the batch", j.s.Receipt.Index+1, a.Size)
	}
}

// undated says why nothing can be judged as of the anchor.
const undated = "not enough organisations attest when the ledger took the batch"

// dated reports whether more than the stream's own word says when the ledger took the batch. A
// transaction does not, for who makes it dates it, and an ordered one need not have taken effect.
func (j *judgement) dated() bool { return j.r.passed(AttestedSignatures, AttestedAnchor) }

// receipt judges the stream's signature over the batch.
func (j *judgement) receipt() {
	r, claims := j.r, j.s.Receipt.Claims
	if want := j.v.Trust().Ledger; claims.Ledger != want {
		r.fail(ReceiptLedger, "the receipt is of ledger %s, trusted is %s", claims.Ledger, want)
	} else {
		r.pass(ReceiptLedger, "ledger %s", want)
	}
	if j.stream == nil {
		r.skip([]ID{ReceiptKey, ReceiptSignature, ReceiptStanding}, "no attestation holds the record of stream %s", claims.Stream)
		return
	}
	id := j.s.Receipt.KeyID.String()
	key, err := registeredKey(j.stream.Keys, id)
	if err != nil {
		r.fail(ReceiptKey, "stream %s: %v", claims.Stream, err)
		r.skip([]ID{ReceiptSignature, ReceiptStanding}, "the key is not the stream's")
		return
	}
	r.pass(ReceiptKey, "%s key %s of stream %s", key.Algorithm(), id, claims.Stream)
	if j.r.Check(AnchorHash).Outcome == Failed || j.r.Check(InclusionPath).Outcome == Failed {
		r.skip([]ID{ReceiptSignature}, "the root that the receipt signs is not known")
	} else if err := j.s.Receipt.Verify(key, j.s.Reading.Bytes()); err != nil {
		r.fail(ReceiptSignature, "%v", err)
	} else {
		r.pass(ReceiptSignature, "stream %s signed that the reading is in its batch %d", claims.Stream, claims.Number)
	}
	if !j.dated() {
		r.skip([]ID{ReceiptStanding}, undated)
	} else if v := standing.Stream(*j.stream, id, j.at(), j.order); v.Stood() {
		r.pass(ReceiptStanding, "%s", v.Detail)
	} else {
		r.fail(ReceiptStanding, "%s", v.Detail)
	}
}

// reading judges the device's signature, and whether the device's word counted at that time.
func (j *judgement) reading() {
	r := j.r
	if j.device == nil {
		r.skip([]ID{ReadingKey, ReadingSignature, ReadingStanding}, "no attestation holds the record of device %s as of this batch or later", r.Device)
		return
	}
	key, err := registeredKey(j.device.Keys, r.Key)
	if err != nil {
		r.fail(ReadingKey, "device %s: %v", r.Device, err)
		r.skip([]ID{ReadingSignature, ReadingStanding}, "the key is not the device's")
		return
	}
	r.pass(ReadingKey, "%s key %s of device %s", key.Algorithm(), r.Key, r.Device)
	if err := j.s.Reading.Verify(key); err != nil {
		r.fail(ReadingSignature, "%v", err)
	} else {
		r.pass(ReadingSignature, "the holder of key %s signed exactly these %d bytes as reading %d", r.Key, len(j.s.Reading.Payload()), r.Sequence)
	}
	if !j.dated() {
		r.skip([]ID{ReadingStanding}, undated)
		return
	}
	v := standing.Device(*j.device, r.Key, j.at(), j.order)
	r.Standing = &v
	if v.Stood() {
		r.pass(ReadingStanding, "%s", v.Detail)
	} else {
		r.fail(ReadingStanding, "%s", v.Detail)
	}
}

// repudiation looks for what was said later against key, device, stream or batch.
func (j *judgement) repudiation() {
	r := j.r
	for _, e := range j.reports {
		if e.Stream == r.Stream && e.Number == r.Number {
			r.fail(Repudiated, "evidence against batch %d of stream %s is on the ledger (%s, reported by %s at %s)",
				e.Number, e.Stream, e.Contradiction, e.By, clock(e.Reported.Time))
		}
	}
	var verdicts []standing.Verdict
	if j.device != nil {
		verdicts = append(verdicts, standing.Device(*j.device, r.Key, j.at(), j.order))
	}
	if j.stream != nil {
		verdicts = append(verdicts, standing.Stream(*j.stream, j.s.Receipt.KeyID.String(), j.at(), j.order))
	}
	for _, v := range verdicts {
		if v.Stood() && v.Repudiated != nil {
			r.fail(Repudiated, "valid when anchored; repudiated by %s at %s, since %s: %s",
				v.Repudiated.By, clock(v.Repudiated.At.Time), clock(v.Repudiated.Since), v.Repudiated.Reason)
		}
	}
	open := slices.IndexFunc(r.Checks, func(c Check) bool {
		return c.Outcome == Failed && slices.Contains([]ID{ReadingKey, ReadingStanding, ReceiptKey, ReceiptStanding}, c.ID)
	})
	switch {
	case r.Check(Repudiated).Outcome == Failed:
	case open >= 0:
		r.skip([]ID{Repudiated}, "%s failed: what did not vouch cannot be disowned later", r.Checks[open].ID)
	case len(verdicts) < 2:
		r.skip([]ID{Repudiated}, "no attestation holds the records of both device and stream")
	case len(r.acquitting) < j.v.Trust().Attestations:
		r.skip([]ID{Repudiated}, "peers of %s attest that there is no evidence against the batch; trust.json asks for %d organisations", list(r.acquitting), j.v.Trust().Attestations)
	default:
		r.pass(Repudiated, "nobody disowned key, device or batch as of %s", r.AsOf)
	}
}

// registeredKey finds a key of a record by its id.
func registeredKey(keys []record.Key, id string) (cose.Key, error) {
	stored, known := record.FindKey(keys, id)
	if !known {
		return cose.Key{}, fmt.Errorf("key %s was never registered", id)
	}
	key, err := cose.ParseKeyText(stored.Public)
	if err == nil && key.ID().String() != id {
		err = fmt.Errorf("key %s has thumbprint %s", id, key.ID())
	}
	return key, err
}
