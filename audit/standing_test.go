// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading/name"
)

// requireRefused checks that the reading's signer did not stand, for a reason.
func requireRefused(t *testing.T, s *scene, data []byte, reason standing.Reason) {
	t.Helper()
	r := s.verify(data)
	requireFailed(t, r, audit.ReadingStanding, r.Standing.Detail)
	require.Equal(t, reason, r.Standing.Reason)
	require.False(t, r.Has(audit.Signed))
	require.True(t, r.Has(audit.Received), "what the stream did stands")
}

func TestAReadingCountsForNothingUnlessKeyAndDeviceStoodAtTheAnchor(t *testing.T) {
	reasons := map[string]standing.Reason{
		"key-ended-more-than-the-grace-before":               standing.KeyEnded,
		"key-put-in-later":                                   standing.KeyNotYet,
		"key-replaced-as-stolen-and-clock-set-back":          standing.KeyReplaced,
		"registered-later":                                   standing.NotRegistered,
		"suspended":                                          standing.Suspended,
		"suspended-and-resumed-later":                        standing.Suspended,
		"revoked":                                            standing.Revoked,
		"revoked-with-a-compromise-dated-back":               standing.Revoked,
		"transferred":                                        standing.Transferred,
		"new-owners-record-of-a-reading-before-the-transfer": standing.NotRegistered,
		"revoked-by-a-later-date-and-an-earlier-place":       standing.Revoked,
		"revoked-before-in-the-same-block":                   standing.Revoked,
		"stopped-by-a-later-date-and-an-earlier-place":       standing.Revoked,
	}
	vectors := standingVectors()
	require.Len(t, vectors, len(reasons))
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			s := plain(t)
			requireRefused(t, s, v.build(s), reasons[v.name])
		})
	}
}

func TestADevicesClockDecidesNothing(t *testing.T) {
	s := plain(t)
	future := world.Reading(t, s.pump, s.device, 1, s.Clock+1000*world.Hour)
	past := world.Reading(t, s.pump, s.device, 2, 0)
	b := s.Anchor(s.stream, s.bridge, future, past)
	e := s.whole(b)
	for i := range 2 {
		requireProven(t, s.verify(b.Proof(t, i, e).Statement(t)))
	}
}

func TestAnOwnersLaterWordIsToldBesideWhatStood(t *testing.T) {
	second := world.EdDSA(t, "second").Key()
	for whose, happen := range map[string]func(s *scene, since int64) record.Moment{
		"device": func(s *scene, since int64) record.Moment { return s.Revoke(s.device, "stolen in May", since) },
		"key": func(s *scene, since int64) record.Moment {
			return s.RotateDevice(s.device, second, "stolen in May", since)
		},
		"stream": func(s *scene, since int64) record.Moment {
			return s.RotateStream(s.stream, second, "stolen in May", since)
		},
	} {
		s := plain(t)
		b := s.anchor()
		s.Pass(world.Hour)
		happen(s, b.Entry.LedgerTime-world.Second)
		r := s.verify(s.statement(b, s.whole(b)))
		requireFailed(t, r, audit.Repudiated,
			"valid when anchored; repudiated by Org1MSP at 2026-01-01T01:01:04.000Z, since 2026-01-01T00:01:02.000Z: stolen in May")
		require.Equal(t, audit.Levels()[:5], r.Reached, whose)

		// A compromise that begins after the anchor takes nothing from it.
		s = plain(t)
		b = s.anchor()
		s.Pass(world.Hour)
		happen(s, b.Entry.LedgerTime+world.Second)
		requireProven(t, s.verify(s.statement(b, s.whole(b))))
	}
}

func TestWhatTheNewOwnerSaysDoesNotTouchTheFormerOnesEvidence(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	to := name.New("Org2MSP", "pump-7")
	s.Transfer(s.device, to, world.EdDSA(t, "pump-7").Key())
	s.Revoke(to, "stolen", world.Begin)
	e := s.whole(b)
	e.Attestations = append(e.Attestations, s.attest(b, func(q *world.Question) { q.Devices = []name.Name{to, s.device} }))
	requireProven(t, s.verify(s.statement(b, e)))

	// The former owner itself may still disown what was signed in its own time.
	s.ChangeDevice(s.device, "devices:Revoke", world.Revoked("was stolen before it was sold", b.Entry.LedgerTime))
	r := s.verify(s.statement(b, s.whole(b)))
	requireFailed(t, r, audit.Repudiated, "was stolen before it was sold")
}

func TestPlacesDecideWhereTheyAreKnownAndTimesWhereTheyAreNot(t *testing.T) {
	// revokedFirst is revoked before the anchor, by a transaction that is dated an hour later.
	revokedFirst := func() (*scene, *world.Batch) {
		s := plain(t)
		s.ChangeDeviceAt(s.device, "devices:Revoke", s.Clock+world.Hour, world.Revoked("scrapped", 0))
		return s, s.anchor()
	}
	s, b := revokedFirst()
	r := s.verify(s.statement(b, world.Attested(s.attest(b))))
	requireFailed(t, r, audit.ReadingStanding, "was revoked")
	require.Equal(t, b.Block, r.Position.Block)

	// The device was described since, so that the attestations do not place the revocation.
	s.ChangeDevice(s.device, "devices:Describe", func(*record.Device, record.Moment) {})
	r = s.verify(s.statement(b, world.Attested(s.attest(b))))
	require.NoError(t, r.Err(), "no place is known, and by their dates the anchor came first")
	require.Contains(t, strings.Join(r.Notes, "; "), "was decided by the times that their clients claimed")

	// A block that holds it says that it was not later.
	e := world.Attested(s.attest(b))
	e.Blocks = [][]byte{s.Block(b.Block).Bytes(t), s.Block(b.Block - 1).Bytes(t)}
	r = s.verify(s.statement(b, e))
	requireFailed(t, r, audit.ReadingStanding, "was revoked")
}

func TestAPlaceThatTooFewSignedIsNotUsed(t *testing.T) {
	s := plain(t)
	s.ChangeDeviceAt(s.device, "devices:Revoke", s.Clock+world.Hour, world.Revoked("scrapped", 0))
	b := s.anchor()
	honest := s.attest(b)
	// A rogue peer of Org3MSP signs the same records with a place of its own for the revocation.
	lie := s.attest(b, by(s, "Org3MSP"), func(q *world.Question) {
		q.OnCall = func(c *world.Call) { placed(c, record.DeviceKey(s.device), b.Block+1) }
	})
	for _, attestations := range [][][]byte{{honest, lie}, {lie, honest}} {
		r := s.verify(s.statement(b, world.Attested(attestations...)))
		requireFailed(t, r, audit.ReadingStanding, "was revoked")
		require.Contains(t, r.Notes, "peers of Org3MSP attest otherwise about device Org1MSP/pump-1")
	}
}

func TestAStolenStreamKeyMakesNoReceiptOnceItIsReplaced(t *testing.T) {
	s := plain(t)
	second := world.EdDSA(t, "bridge-1 second")
	before := s.anchor()
	s.RotateStream(s.stream, second.Key(), "stolen", 0)
	after := s.Anchor(s.stream, second, s.read(s.pump), s.read(s.pump))
	requireProven(t, s.verify(s.statement(before, s.whole(before))))
	requireProven(t, s.verify(s.statement(after, s.whole(after))))
	after.Signer = s.bridge
	requireFailed(t, s.verify(s.statement(after, s.whole(after))), audit.ReceiptStanding, "was replaced")
}
