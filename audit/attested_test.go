// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// by asks peers of organisations.
func by(s *scene, organisations ...string) func(*world.Question) {
	return func(q *world.Question) { q.By = s.Peers(organisations...) }
}

// saying has the peers answer something else.
func saying(change func(a *record.Attestation)) func(*world.Question) {
	return func(q *world.Question) { q.OnAnswer = change }
}

func TestTooFewOrganisationsAttestNothing(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	r := s.verify(s.statement(b, world.Attested(s.attest(b, by(s, "Org2MSP")))))
	requireFailed(t, r, audit.AttestedSignatures, "peers of Org2MSP attest")
	require.NotContains(t, r.Reached, audit.Attested)
}

func TestOrganisationsMayAttestEachForItself(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	e := world.Attested(s.attest(b, by(s, "Org3MSP")), s.attest(b, by(s, "Org1MSP")))
	r := s.verify(s.statement(b, e))
	require.NoError(t, r.Err())
	require.Equal(t, []string{"Org1MSP", "Org3MSP"}, r.AttestedBy)
}

func TestEvidenceBesideTheStatementCountsAsIfItWereInIt(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	v := verifier(t, s.World)
	data := s.statement(b, receipt.Evidence{Envelope: b.Call.Envelope(t)})
	require.ErrorIs(t, v.Verify(data).Err(), audit.ErrNotProven)
	r := v.Verify(data, world.Attested(s.attest(b)), receipt.Evidence{Blocks: [][]byte{s.Block(b.Block).Bytes(t)}})
	requireProven(t, r)
}

func TestARogueOrganisationIsNamedAndVouchesForNothing(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	lie := s.attest(b, by(s, "Org3MSP"), saying(func(a *record.Attestation) { a.Anchors[0].TxID = record.ZeroHash }))
	for _, attestations := range [][][]byte{{s.attest(b), lie}, {lie, s.attest(b)}} {
		r := s.verify(s.statement(b, world.Attested(attestations...)))
		require.NoError(t, r.Err())
		require.Equal(t, []string{"Org1MSP", "Org2MSP"}, r.AttestedBy)
		require.Contains(t, r.Notes, "peers of Org3MSP attest otherwise about batch 1")
	}
	// One of two is a voucher less.
	r := s.verify(s.statement(b, world.Attested(s.attest(b, by(s, "Org1MSP")), lie)))
	requireFailed(t, r, audit.AttestedSignatures, "trust.json asks for 2 organisations")
	require.Contains(t, r.Notes, "peers of Org3MSP attest otherwise about batch 1")

	lie = s.attest(b, by(s, "Org3MSP"), saying(func(a *record.Attestation) { a.Devices[0].DeviceType = "thermometer" }))
	r = s.verify(s.statement(b, world.Attested(lie, s.attest(b))))
	require.NoError(t, r.Err())
	require.Contains(t, r.Notes, "peers of Org3MSP attest otherwise about device Org1MSP/pump-1")
}

func TestAnOrganisationWhosePeersContradictEachOtherIsNamed(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	lie := s.attest(b, by(s, "Org2MSP"), saying(func(a *record.Attestation) { a.Anchors[0].TxID = record.ZeroHash }))
	r := s.verify(s.statement(b, world.Attested(lie, s.attest(b))))
	require.NoError(t, r.Err())
	require.Equal(t, []string{"peers of Org2MSP contradict each other about batch 1"}, r.Notes)
}

func TestARecordNeedsAsManyOrganisationsAsTheAnchor(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	mallory := world.EdDSA(t, "mallory")
	// Org1MSP is rogue and gives the stream, or the device, a key of its own, of which Org2MSP knows nothing.
	forge := func(keys []record.Key) {
		keys[0].ID, keys[0].Public = mallory.Key().ID().String(), mallory.Key().Text()
	}
	honest := s.attest(b, by(s, "Org2MSP"))
	for what, lie := range map[string]func(a *record.Attestation){
		"the record of stream Org1MSP/bridge-1": func(a *record.Attestation) { forge(a.Stream.Keys) },
		"the record of device Org1MSP/pump-1":   func(a *record.Attestation) { forge(a.Devices[0].Keys) },
	} {
		for _, order := range []bool{false, true} {
			attestations := [][]byte{s.attest(b, by(s, "Org1MSP"), saying(lie)), honest}
			if order {
				attestations[0], attestations[1] = attestations[1], attestations[0]
			}
			r := s.verify(s.statement(b, world.Attested(attestations...)))
			require.Contains(t, failed(r), audit.AttestedSignatures)
			require.Contains(t, r.Check(audit.AttestedSignatures).Detail, what)
			require.False(t, r.OK)
		}
	}
	// An attestation without this batch that nobody signed makes no receipt good.
	nobody := s.Attest(world.Question{Stream: s.stream, Devices: []name.Name{s.device}, By: []*world.Member{}})
	r := s.verify(s.statement(b, world.Attested(nobody)))
	requireFailed(t, r, audit.AttestedSignatures, "peers of no organisation attest the record of stream")
}

func TestFewerThanEnoughCannotMakeAnOldRecordSeemNew(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	before := s.attest(b)
	// Long after, Org1MSP alone signs once more what the record was before the revocation.
	device := s.Device(s.device)
	s.Revoke(s.device, "stolen", b.Entry.LedgerTime)
	revoked := s.attest(b)
	s.anchor()
	lie := s.attest(b, by(s, "Org1MSP"), saying(func(a *record.Attestation) { a.Devices[0] = device }))
	for _, attestations := range [][][]byte{{before, lie, revoked}, {revoked, before, lie}} {
		requireFailed(t, s.verify(s.statement(b, world.Attested(attestations...))), audit.Repudiated, "stolen")
	}
	r := s.verify(s.statement(b, world.Attested(before, lie)))
	require.NoError(t, r.Err())
	require.EqualValues(t, 1, r.AsOf.Number, "two organisations attest the record as of batch 1, one alone as of batch 2")
}

func TestTheNewerOfTwoRecordsOfOneBatchDecides(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	before := s.attest(b)
	s.Revoke(s.device, "stolen", b.Entry.LedgerTime) // no batch comes between
	after := s.attest(b)
	for _, attestations := range [][][]byte{{before, after}, {after, before}} {
		requireFailed(t, s.verify(s.statement(b, world.Attested(attestations...))), audit.Repudiated, "stolen")
	}
	requireProvenAttested(t, s.verify(s.statement(b, world.Attested(before))))
}

// requireProvenAttested checks that all is reached but what needs the transaction.
func requireProvenAttested(t testing.TB, r *audit.Report) {
	t.Helper()
	require.NoError(t, r.Err())
	require.Equal(t, []audit.Level{audit.Signed, audit.Received, audit.Attested, audit.Unrepudiated}, r.Reached)
}

func TestARecordOlderThanTheBatchIsNotUsed(t *testing.T) {
	s := plain(t)
	s.anchor()
	early := s.Attest(world.Question{Stream: s.stream, Devices: []name.Name{s.device}})
	b := s.anchor()
	r := s.verify(s.statement(b, world.Attested(early)))
	require.Empty(t, failed(r))
	require.Empty(t, r.Reached)
	require.Contains(t, r.Notes, "an attestation as of batch 1 is older than this batch; its records were not used")
	require.Equal(t, audit.Skipped, r.Check(audit.ReadingStanding).Outcome)
}

func TestANumberThatWasNeverAnchoredProvesNothing(t *testing.T) {
	s := plain(t)
	anchored := s.anchor()
	shadow := plain(t)
	shadow.anchor()
	never := shadow.anchor() // number 2, which the ledger does not have
	q := anchored.About(s.device)
	r := s.verify(s.statement(never, world.Attested(s.Attest(q))))
	require.False(t, r.OK)
	require.Empty(t, r.Reached)
	require.Contains(t, r.Check(audit.AttestedAnchor).Detail, "no attestation is about batch 2")
	require.Contains(t, r.Missing, string(audit.Received))

	// With a state that has other batches under later numbers it cannot be either.
	s.anchor()
	s.anchor()
	r = s.verify(s.statement(never, world.Attested(s.Attest(world.Question{Stream: s.stream, From: 1, To: 3, Devices: []name.Name{s.device}}))))
	requireFailed(t, r, audit.AttestedAnchor, "the ledger")
}

func TestEvidenceOfEquivocationRepudiatesTheBatch(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	reported := func(q *world.Question) { q.Reports = report(t, b, 1) }
	r := s.verify(s.statement(b, world.Attested(s.attest(b, reported))))
	requireFailed(t, r, audit.Repudiated, "evidence against batch 1 of stream Org1MSP/bridge-1 is on the ledger (other-anchor, reported by Org2MSP")

	// It counts without the device's record, and when an older answer holds it.
	r = s.verify(s.statement(b, world.Attested(s.attest(b, reported, func(q *world.Question) { q.Devices = nil }))))
	requireFailed(t, r, audit.Repudiated, "is on the ledger")
	r = s.verify(s.statement(b, world.Attested(s.attest(b, reported), s.attest(b))))
	requireFailed(t, r, audit.Repudiated, "is on the ledger")

	// One organisation alone cannot make it up.
	r = s.verify(s.statement(b, world.Attested(s.attest(b), s.attest(b, reported, by(s, "Org3MSP")))))
	require.NoError(t, r.Err())
	require.Contains(t, r.Notes, "peers of Org3MSP alone attest evidence against batch 1 of stream Org1MSP/bridge-1")
}

func TestAnAttestationAboutAnotherStreamIsPassedOver(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	other := name.New("Org2MSP", "bridge-1")
	s.Open(other, world.EdDSA(t, "other").Key())
	e := world.Attested(s.Attest(world.Question{Stream: other, Devices: []name.Name{s.device}}), s.attest(b))
	r := s.verify(s.statement(b, e))
	require.NoError(t, r.Err())
	require.Contains(t, r.Notes, "an attestation about stream Org2MSP/bridge-1 was not used")
}

func TestAnAttestationThatIsSignedIsSignedRightly(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	signed := func(creator *world.Member) func(q *world.Question) {
		return func(q *world.Question) { q.OnCall = func(c *world.Call) { c.Unsigned, c.Creator = false, creator } }
	}
	bridge := s.Org("Org1MSP").Bridge
	require.NoError(t, s.verify(s.statement(b, world.Attested(s.attest(b, signed(bridge))))).Err())
	forged := signed(bridge.WithKeyOf(s.Org("Org2MSP").Bridge))
	requireFailed(t, s.verify(s.statement(b, world.Attested(s.attest(b, forged)))), audit.AttestedTransaction, "signature not valid")
}
