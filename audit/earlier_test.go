// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/chaincode/record"
)

// revokedByAWrongClock is a batch, an attestation of it by organisations, and then a revocation that is dated an hour
// before the anchor, and a description after it, so that no attestation places the revocation.
func revokedByAWrongClock(t *testing.T, organisations ...string) (s *scene, b *world.Batch, before []byte) {
	t.Helper()
	s = plain(t)
	s.Pass(2 * world.Hour)
	b = s.anchor()
	before = s.attest(b, by(s, organisations...))
	s.ChangeDeviceAt(s.device, "devices:Revoke", s.Clock-world.Hour, world.Revoked("scrapped", 0))
	s.ChangeDevice(s.device, "devices:Describe", func(*record.Device, record.Moment) {})
	return s, b, before
}

func TestAChangeThatAnEarlierStateWithTheAnchorDoesNotTellCameAfterIt(t *testing.T) {
	s, b, before := revokedByAWrongClock(t, "Org1MSP", "Org2MSP")
	e := s.whole(b)
	r := s.verify(s.statement(b, e))
	requireFailed(t, r, audit.ReadingStanding, "was revoked")
	require.Contains(t, strings.Join(r.Notes, "; "), "was decided by the times that their clients claimed")

	for _, attestations := range [][][]byte{{before, e.Attestations[0]}, {e.Attestations[0], before}} {
		e.Attestations = attestations
		r := s.verify(s.statement(b, e))
		requireProven(t, r)
		require.Empty(t, r.Notes)
	}
}

func TestAnEarlierStateThatTooFewAttestTellsNothing(t *testing.T) {
	s, b, before := revokedByAWrongClock(t, "Org3MSP")
	e := s.whole(b)
	e.Attestations = append(e.Attestations, before)
	requireFailed(t, s.verify(s.statement(b, e)), audit.ReadingStanding, "was revoked")
}

func TestAnEarlierStateWithoutTheAnchorTellsNothing(t *testing.T) {
	s := plain(t)
	first := s.anchor()
	before := s.attest(first)
	s.ChangeDeviceAt(s.device, "devices:Revoke", s.Clock-world.Second, world.Revoked("scrapped", 0))
	b := s.anchor()
	s.ChangeDevice(s.device, "devices:Describe", func(*record.Device, record.Moment) {})
	e := s.whole(b)
	e.Attestations = append(e.Attestations, before)
	requireFailed(t, s.verify(s.statement(b, e)), audit.ReadingStanding, "was revoked")
}
