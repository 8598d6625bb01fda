// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/receipt"
)

// requireNothingProven checks that no level is reached for which the attestations are needed.
func requireNothingProven(t testing.TB, r *audit.Report, levels ...audit.Level) {
	t.Helper()
	require.False(t, r.OK)
	for _, l := range levels {
		require.NotContains(t, r.Reached, l, "%v %v", r.Proven, r.Notes)
	}
}

func TestOneOrganisationCannotHideEvidenceAgainstABatch(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	honest := s.attest(b, by(s, "Org2MSP"), func(q *world.Question) { q.Reports = report(t, b, 1) })
	lie := s.attest(b, by(s, "Org1MSP"))
	for _, attestations := range [][][]byte{{honest, lie}, {lie, honest}} {
		r := s.verify(s.statement(b, world.Attested(attestations...)))
		requireNothingProven(t, r, audit.Unrepudiated)
		require.Equal(t, audit.Skipped, r.Check(audit.Repudiated).Outcome)
		require.Contains(t, r.Check(audit.Repudiated).Detail, "peers of Org1MSP attest that there is no evidence")
	}
	// As of before the report the honest one agrees, and as of no later state.
	before := s.attest(b, by(s, "Org2MSP"))
	s.anchor()
	honest = s.attest(b, by(s, "Org2MSP"), func(q *world.Question) { q.Reports = report(t, b, 1) })
	lie = s.attest(b, by(s, "Org1MSP"))
	r := s.verify(s.statement(b, world.Attested(before, honest, lie)))
	require.NoError(t, r.Err())
	require.EqualValues(t, 1, r.AsOf.Number)
	require.Contains(t, r.Notes, "peers of Org2MSP alone attest evidence against batch 1 of stream Org1MSP/bridge-1")
}

func TestAnAnswerThatIsFullOfOtherEvidenceAcquitsNoBatch(t *testing.T) {
	s := plain(t)
	first := s.anchor()
	b := s.anchor()
	wide := func(q *world.Question) { q.From = 1 }
	requireNothingProven(t, s.verify(s.statement(b, world.Attested(s.attest(b, full(t, first), wide)))), audit.Unrepudiated)
	requireProvenAttested(t, s.verify(s.statement(b, world.Attested(s.attest(b, full(t, first))))))
	requireProvenAttested(t, s.verify(s.statement(b, world.Attested(s.attest(b, wide)))))
}

func TestOneOrganisationCannotMakeTheStateSeemNewer(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	honest := s.attest(b, by(s, "Org2MSP"))
	for i, number := range []uint64{1, 2, 1 << 40, 1, 2, 1 << 40} {
		rogue := []string{"Org1MSP", "Org3MSP"}[i/3]
		lie := s.attest(b, by(s, rogue), func(q *world.Question) {
			q.OnAnswer = func(a *record.Attestation) { a.Head.Number = number }
			q.OnCall = func(c *world.Call) {
				c.Time += 1000 * world.Hour
				placed(c, record.HeadKey(s.stream), 999999)
			}
		})
		for _, attestations := range [][][]byte{{honest, lie}, {lie, honest}} {
			r := s.verify(s.statement(b, world.Attested(attestations...)))
			requireProvenAttested(t, r)
			require.Equal(t, b.Block, r.AsOf.Block)
			require.EqualValues(t, 1, r.AsOf.Number)
			require.Less(t, r.AsOf.Asked, s.Clock+world.Hour)
		}
	}
}

func TestNobodysClockDatesTheState(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	later := func(q *world.Question) { q.OnCall = func(c *world.Call) { c.Time += 100000 * world.Hour } }
	r := s.verify(s.statement(b, world.Attested(s.attest(b, later))))
	requireProvenAttested(t, r)
	for _, sentence := range r.Proven {
		require.NotContains(t, sentence, "2037", "whoever asks may date that as he likes")
	}
	require.Contains(t, r.NotProven, "When the attestations were asked for: who asked dates that 2037-05-29T16:01:04.000Z.")
}

// backdated is a scene whose device was revoked before its batch, which the bridge dates before that.
func backdated(t testing.TB) (*scene, *world.Batch) {
	t.Helper()
	s := plain(t)
	s.ChangeDeviceAt(s.device, "devices:Revoke", s.Clock+world.Hour, world.Revoked("stolen", 0))
	return s, s.anchor()
}

func TestOneOrganisationCannotUnsettleThePlaceOfARevocation(t *testing.T) {
	s, b := backdated(t)
	honest := s.attest(b, by(s, "Org2MSP"))
	for what, lie := range map[string]func(c *world.Call){
		"the device elsewhere": func(c *world.Call) { placed(c, record.DeviceKey(s.device), b.Block+9) },
		"the anchor elsewhere": func(c *world.Call) { placed(c, record.AnchorKey(s.stream, 1), 1) },
		"nothing read":         func(c *world.Call) { c.Reads = nil },
	} {
		for _, blocks := range [][][]byte{nil, {s.Block(b.Block).Bytes(t)}} {
			attestation := s.attest(b, by(s, "Org1MSP"), func(q *world.Question) { q.OnCall = lie })
			e := receipt.Evidence{Blocks: blocks, Attestations: [][]byte{honest, attestation}}
			requireNothingProven(t, s.verify(s.statement(b, e)), audit.Signed)
			e.Attestations = [][]byte{attestation, honest}
			r := s.verify(s.statement(b, e))
			requireNothingProven(t, r, audit.Signed)
			require.Contains(t, failed(r), audit.AttestedSignatures, what)
		}
	}
}

func TestATransactionThatIsOrderedAgainIsNotLaterForThat(t *testing.T) {
	for _, earlier := range []bool{false, true} {
		s := plain(t)
		requireFailed(t, s.verify(orderedAgain(s, earlier)), audit.ReadingStanding, "was suspended")
	}
	// The anchor's own transaction is where the attestations place it.
	s := plain(t)
	b := s.anchor()
	own := s.Block(s.anchor().Block)
	own.Envelopes = append(own.Envelopes, b.Call.Envelope(t))
	e := receipt.Evidence{Blocks: [][]byte{own.Bytes(t)}, Attestations: [][]byte{s.attest(b)}}
	requireFailed(t, s.verify(s.statement(b, e)), audit.OrderedBlock, "the attestations place it")
}

func TestTheEarliestBlockThatHoldsTheTransactionCounts(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	first, again := s.Block(b.Block), s.Block(s.anchor().Block)
	again.Envelopes = append(again.Envelopes, b.Call.Envelope(t))
	for _, blocks := range [][][]byte{{first.Bytes(t), again.Bytes(t)}, {again.Bytes(t), first.Bytes(t)}} {
		r := s.verify(s.statement(b, receipt.Evidence{Blocks: blocks, Attestations: [][]byte{s.attest(b)}}))
		requireProven(t, r)
		require.Equal(t, b.Block, r.Position.Block)
	}
}

// orderedAgain is a statement of a device that was suspended before the anchor and resumed after it. The
// suspension is ordered a second time, which anybody can do who may send to the orderers, and only that
// block, or the earlier one after it, is in the evidence.
func orderedAgain(s *scene, earlier bool) []byte {
	s.Suspend(s.device)
	block, there := s.BlockOf(s.Device(s.device).Updated.Tx)
	require.True(s.t, there)
	b := s.anchor()
	s.Resume(s.device)
	replay := s.Block(s.anchor().Block)
	replay.Envelopes = append(replay.Envelopes, block.Envelopes...)
	e := receipt.Evidence{Blocks: [][]byte{replay.Bytes(s.t)}, Attestations: [][]byte{s.attest(b)}}
	if earlier {
		e.Blocks = append(e.Blocks, block.Bytes(s.t))
	}
	return s.statement(b, e)
}

func TestWhatABlockHoldsAfterTheAnchorAllowedNothingBeforeIt(t *testing.T) {
	s := plain(t)
	requireFailed(t, s.verify(datedBack(s)), audit.ReadingStanding, "was registered at")
}

// datedBack is a statement of a device whose owner registers it after the batch, under a date before it.
func datedBack(s *scene) []byte {
	s.device.ID = "pump-9"
	b := s.anchor()
	clock := s.Clock
	s.Clock = world.Begin
	s.Register(s.device, s.pump.Key())
	s.Clock = clock
	block, there := s.BlockOf(s.Device(s.device).Registered.Tx)
	require.True(s.t, there)
	s.ChangeDevice(s.device, "devices:Describe", func(*record.Device, record.Moment) {})
	return s.statement(b, receipt.Evidence{Blocks: [][]byte{block.Bytes(s.t)}, Attestations: [][]byte{s.attest(b)}})
}

func TestAnOrderedTransactionThatNeverTookEffectDatesNothing(t *testing.T) {
	s := plain(t)
	r := s.verify(neverTookEffect(s))
	requireFailed(t, r, audit.AttestedAnchor, "the ledger holds anchor")
	requireNothingProven(t, r, audit.Signed, audit.Attested, audit.Unrepudiated)
}

// neverTookEffect is a statement of a batch that a thief of the device's key has a client of the bridge's
// owner order under a number that is taken, dated before the theft. Org1MSP alone endorses it.
func neverTookEffect(s *scene) []byte {
	s.ChangeDeviceAt(s.device, "devices:Revoke", s.Clock+world.Hour, world.Revoked("stolen", 0))
	anchored := s.anchor()
	shadow := plain(s.t)
	shadow.pump, shadow.next = s.pump, 50
	forged := shadow.anchor()
	forged.Call.Endorsers = s.Peers("Org1MSP")
	block := shadow.Block(forged.Block)
	block.Envelopes[forged.Index] = forged.Call.Envelope(s.t)
	e := receipt.Evidence{Blocks: [][]byte{block.Bytes(s.t)}, Attestations: [][]byte{s.attest(anchored)}}
	return forged.Proof(s.t, 1, e).Statement(s.t)
}

func TestWhatDidNotVouchIsNotSaidToBeUndisowned(t *testing.T) {
	for _, v := range append(readingVectors(), receiptVectors()...) {
		s := v.scene(t)
		r := s.verify(v.build(s))
		switch v.check {
		case audit.ReadingKey, audit.ReadingStanding, audit.ReceiptKey, audit.ReceiptStanding:
			require.Equal(t, audit.Skipped, r.Check(audit.Repudiated).Outcome, "%s-%s", v.check, v.name)
			requireNothingProven(t, r, audit.Unrepudiated)
		}
	}
}

// rogueVectors are what one organisation, and whoever may order transactions, can make.
func rogueVectors() []vector {
	return []vector{
		{check: audit.ReadingStanding, name: "suspended-and-the-suspension-ordered-again", build: func(s *scene) []byte { return orderedAgain(s, false) }},
		{check: audit.ReadingStanding, name: "registered-in-a-later-block-under-an-earlier-date", build: datedBack},
		{check: audit.AttestedAnchor, name: "ordered-and-never-valid", build: neverTookEffect},
		{check: audit.AttestedSignatures, name: "place-that-one-organisation-gives-the-device", build: unsettled(func(s *scene, c *world.Call) {
			placed(c, record.DeviceKey(s.device), 99)
		})},
		{check: audit.AttestedSignatures, name: "place-that-one-organisation-gives-the-anchor", build: unsettled(func(s *scene, c *world.Call) {
			placed(c, record.AnchorKey(s.stream, 1), 1)
		})},
		{check: audit.AttestedSignatures, name: "nothing-read-by-one-organisation", build: unsettled(func(_ *scene, c *world.Call) { c.Reads = nil })},
	}
}

// unsettled is a statement of a device that was revoked before its batch under a later date, with an honest
// attestation and one of Org1MSP alone, which places the changes otherwise.
func unsettled(lie func(s *scene, c *world.Call)) func(*scene) []byte {
	return func(s *scene) []byte {
		s.ChangeDeviceAt(s.device, "devices:Revoke", s.Clock+world.Hour, world.Revoked("stolen", 0))
		b := s.anchor()
		rogue := s.attest(b, by(s, "Org1MSP"), func(q *world.Question) { q.OnCall = func(c *world.Call) { lie(s, c) } })
		return s.statement(b, world.Attested(s.attest(b, by(s, "Org2MSP")), rogue))
	}
}

// rogueGoodVectors prove what is beside the question, and not what one organisation alone says.
func rogueGoodVectors(attested []audit.Level) []vector {
	return []vector{
		{name: "evidence-against-the-batch-hidden-by-one-organisation", reached: attested[:len(attested)-1], build: func(s *scene) []byte {
			b := s.anchor()
			honest := s.attest(b, by(s, "Org2MSP"), func(q *world.Question) { q.Reports = report(s.t, b, 1) })
			return s.statement(b, world.Attested(honest, s.attest(b, by(s, "Org1MSP"))))
		}},
		{name: "question-that-leaves-out-what-it-does-not-ask", reached: attested, build: func(s *scene) []byte {
			b := s.anchor()
			none := s.Attest(world.Question{Stream: s.stream, OnCall: func(c *world.Call) {
				c.Args = []string{`{"stream":"Org1MSP/bridge-1","nonce":"` + nonceOf(s.t, c) + `"}`}
			}})
			return s.statement(b, world.Attested(none, s.attest(b)))
		}},
		{name: "transaction-ordered-again-later", reached: audit.Levels(), build: func(s *scene) []byte {
			b := s.anchor()
			first, again := s.Block(b.Block), s.Block(s.anchor().Block)
			again.Envelopes = append(again.Envelopes, b.Call.Envelope(s.t))
			return s.statement(b, receipt.Evidence{Blocks: [][]byte{again.Bytes(s.t), first.Bytes(s.t)}, Attestations: [][]byte{s.attest(b)}})
		}},
		{name: "too-much-other-evidence-to-tell", reached: attested[:len(attested)-1], build: func(s *scene) []byte {
			first := s.anchor()
			b := s.anchor()
			return s.statement(b, world.Attested(s.attest(b, full(s.t, first), func(q *world.Question) { q.From = 1 })))
		}},
	}
}

// full asks of a ledger that has as much evidence, against other batches, as an answer holds.
func full(t testing.TB, b *world.Batch) func(*world.Question) {
	return func(q *world.Question) {
		for n := range uint64(record.MaxAttestedReports) {
			q.Reports = append(q.Reports, report(t, b, 100+n)...)
		}
	}
}

func TestAMemberOfOneOrganisationAttestsForNoOther(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	org1 := s.Org("Org1MSP")
	for what, peers := range map[string][]*world.Member{
		"a peer under two names":            {org1.Peer, org1.Peer.As("Org2MSP")},
		"a peer and its own CA":             {org1.Peer, org1.Root.Itself().As("Org2MSP")},
		"a peer and a client of another":    {org1.Peer, s.Org("Org2MSP").Bridge},
		"a peer and an admin of another":    {org1.Peer, s.Org("Org2MSP").Admin},
		"a peer and a revoked certificate":  {org1.Peer, s.Org("Org2MSP").Stolen},
		"a peer and an orderer":             {org1.Peer, s.Orderers[0]},
		"a peer and another's certificate":  {org1.Peer, s.Org("Org2MSP").Peer.WithKeyOf(org1.Peer)},
		"a peer, its own CA's other issues": {org1.Peer, org1.Root.Issue(t, "second", []string{"peer"})},
	} {
		r := s.verify(s.statement(b, world.Attested(s.attest(b, func(q *world.Question) { q.By = peers }))))
		requireNothingProven(t, r, audit.Signed, audit.Attested, audit.Unrepudiated)
		require.Equal(t, []audit.ID{audit.AttestedSignatures}, failed(r), what)
	}
}

func TestPartsOfOtherStatementsProveNothingMore(t *testing.T) {
	s := plain(t)
	a, b := s.anchor(), s.anchor()
	proofs := []world.Proof{a.Proof(t, 0, s.whole(a)), a.Proof(t, 1, s.whole(a)), b.Proof(t, 1, s.whole(b))}
	for i, x := range proofs {
		for j, y := range proofs {
			if i == j {
				continue
			}
			mixes := map[string]world.Proof{"reading": x, "anchor": x, "path": x, "claims": x, "root": x}
			for what, p := range mixes {
				switch what {
				case "reading":
					p.Reading = y.Reading
				case "anchor":
					p.Anchor = y.Anchor
				case "path":
					p.Index, p.Size, p.Path = y.Index, y.Size, y.Path
				case "claims":
					p.Claims = y.Claims
				case "root":
					p.Root = y.Root
				}
				same := p.Statement(t)
				if r := s.verify(same); r.OK {
					require.Contains(t, [][]byte{x.Statement(t), y.Statement(t)}, same, "%s of %d in %d", what, j, i)
				}
			}
		}
	}
}

func TestAThiefOfTheStreamsKeyCannotPutAReadingIntoABatch(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	p := b.Proof(t, 1, s.whole(b))
	forged := s.read(s.pump) // the thief has the device's key as well
	tree := world.Tree([][]byte{forged, b.Readings[1], b.Readings[2]})
	path, err := tree.Inclusion(0)
	require.NoError(t, err)
	p.Reading, p.Root, p.Index, p.Path = forged, tree.Root(), 0, path
	requireNothingProven(t, s.verify(p.Statement(t)), audit.Received, audit.Attested)
}
