// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// minutes anchors readings of the device, one batch for each group of sequence numbers. Reading n is of
// n minutes after the scene began, by the device's clock.
func minutes(s *scene, groups ...[]uint64) []*world.Batch {
	s.t.Helper()
	var batches []*world.Batch
	for _, numbers := range groups {
		var readings [][]byte
		at := s.Clock
		for _, n := range numbers {
			at = world.Begin + world.Minute + int64(n)*world.Minute
			readings = append(readings, world.Reading(s.t, s.pump, s.device, n, at))
		}
		first := world.Begin + world.Minute + int64(numbers[0])*world.Minute
		batches = append(batches, s.AnchorSpan(s.stream, s.bridge, first, at, readings...))
	}
	return batches
}

// reports verifies every reading of batches with evidence as of now.
func reports(s *scene, batches ...*world.Batch) []*audit.Report {
	s.t.Helper()
	v := verifier(s.t, s.World)
	var all []*audit.Report
	for _, b := range batches {
		e := world.Attested(s.attest(b))
		for i := range b.Readings {
			all = append(all, v.Verify(b.Proof(s.t, i, e).Statement(s.t)))
		}
	}
	return all
}

func (s *scene) asking(from, to uint64) audit.Range {
	return audit.Range{Device: s.device, Numbers: audit.Run{From: from, To: to}, ReportingPeriod: world.Minute}
}

func TestARangeIsCompleteWhenTheDevicesOwnNumbersAreAllThere(t *testing.T) {
	s := plain(t)
	batches := minutes(s, []uint64{1, 2, 3}, []uint64{4, 5}, []uint64{6, 7})
	c := audit.Complete(s.asking(2, 6), reports(s, batches[2], batches[0], batches[1]))
	require.True(t, c.OK())
	require.Equal(t, audit.Proven, c.Integrity.Answer)
	require.Equal(t, audit.Proven, c.Completeness.Answer)
	require.Equal(t, audit.Proven, c.Coverage.Answer)
	require.Equal(t, 5, c.Readings)
	require.EqualValues(t, 1, c.First)
	require.EqualValues(t, 7, c.Last)
	require.Empty(t, c.Holes)
	require.Empty(t, c.Silences)
}

func TestAHoleIsNamedAndRefutesCompletenessAlone(t *testing.T) {
	s := plain(t)
	c := audit.Complete(s.asking(1, 9), reports(s, minutes(s, []uint64{2, 3}, []uint64{6})...))
	require.Equal(t, []audit.Run{{From: 1, To: 1}, {From: 4, To: 5}, {From: 7, To: 9}}, c.Holes)
	require.Equal(t, audit.Refuted, c.Completeness.Answer)
	require.Equal(t, "missing: numbers [1 4 to 5 7 to 9]", c.Completeness.Detail)
	require.Equal(t, audit.Proven, c.Integrity.Answer)
	require.Equal(t, audit.CannotTell, c.Coverage.Answer, "the missing ones may have been sent in time")
	require.Empty(t, c.Silences)
	require.False(t, c.OK())
}

func TestWhatIsNoRangeIsNotComplete(t *testing.T) {
	s := plain(t)
	all := reports(s, minutes(s, []uint64{1, 2, 3})...)
	for _, r := range [][2]uint64{{0, 0}, {0, 3}, {3, 2}, {4, 0}} {
		c := audit.Complete(s.asking(r[0], r[1]), all)
		require.Equal(t, audit.CannotTell, c.Completeness.Answer, "%v", r)
		require.False(t, c.OK())
	}
}

func TestWhatLacksEvidenceLeavesTheQuestionOpen(t *testing.T) {
	s := plain(t)
	b := minutes(s, []uint64{1, 2})[0]
	all := reports(s, b)
	all[1] = s.verify(b.Proof(t, 1, receipt.Evidence{}).Statement(t))
	c := audit.Complete(s.asking(1, 2), all)
	require.Equal(t, audit.CannotTell, c.Integrity.Answer)
	require.Equal(t, audit.CannotTell, c.Completeness.Answer)
	require.False(t, c.OK())
}

func TestAForgedReadingRefutesIntegrityAndFillsNoHole(t *testing.T) {
	s := plain(t)
	good := reports(s, minutes(s, []uint64{1})...)
	s.next = 2
	b := s.Anchor(s.stream, s.bridge, s.read(forger(s)))
	c := audit.Complete(s.asking(1, 2), append(good, reports(s, b)...))
	require.Equal(t, audit.Refuted, c.Integrity.Answer)
	require.Contains(t, c.Integrity.Faults[0], "reading.signature")
	require.Equal(t, []audit.Run{{From: 2, To: 2}}, c.Holes)
}

func TestTwoContentsUnderOneNumberRefuteIntegrity(t *testing.T) {
	s := plain(t)
	first := s.Anchor(s.stream, s.bridge, world.Reading(t, s.pump, s.device, 1, s.Clock-4*world.Second))
	second := s.Anchor(s.stream, s.bridge, world.Reading(t, s.pump, s.device, 1, s.Clock-4*world.Second))
	c := audit.Complete(s.asking(1, 1), reports(s, first, second))
	require.Equal(t, audit.Refuted, c.Integrity.Answer)
	require.Contains(t, c.Integrity.Faults[0], "the device signed two contents as reading 1")

	again := s.Anchor(s.stream, s.bridge, second.Readings[0])
	c = audit.Complete(s.asking(1, 1), reports(s, second, again))
	require.Equal(t, audit.Refuted, c.Integrity.Answer)
	require.Contains(t, c.Integrity.Faults[len(c.Integrity.Faults)-1], "reading 1 was anchored twice")

	c = audit.Complete(s.asking(1, 1), append(reports(s, second), reports(s, second)...))
	require.True(t, c.OK(), "the same statement twice is one reading")
}

func TestAReadingOfAnotherDeviceIsAFault(t *testing.T) {
	s := plain(t)
	all := reports(s, minutes(s, []uint64{1})...)
	q := s.asking(1, 1)
	q.Device = name.New("Org1MSP", "pump-2")
	c := audit.Complete(q, all)
	require.Equal(t, audit.Refuted, c.Integrity.Answer)
	require.Equal(t, []string{"reading 1 is of device Org1MSP/pump-1"}, c.Integrity.Faults)
	require.Zero(t, c.Readings)
}

func TestCoverageNeedsAPeriodAndAClockThatRunsOn(t *testing.T) {
	s := plain(t)
	batches := minutes(s, []uint64{1, 2})
	q := s.asking(1, 2)
	q.ReportingPeriod = 0
	require.Equal(t, audit.CannotTell, audit.Complete(q, reports(s, batches...)).Coverage.Answer)
	require.Equal(t, audit.CannotTell, audit.Complete(s.asking(1, 2), nil).Coverage.Answer)

	back := world.Begin + 2*world.Minute
	b := s.AnchorSpan(s.stream, s.bridge, int64(back), int64(back), world.Reading(t, s.pump, s.device, 3, int64(back)))
	c := audit.Complete(s.asking(1, 3), reports(s, append(batches, b)...))
	require.Equal(t, audit.CannotTell, c.Coverage.Answer)
	require.Equal(t, []string{"the device's clock ran backwards from reading 2 to 3"}, c.Coverage.Faults)
	require.Equal(t, audit.Proven, c.Completeness.Answer)
}

func TestADeviceTimeOutsideTheAnchorsClaimIsAFault(t *testing.T) {
	s := plain(t)
	b := s.AnchorSpan(s.stream, s.bridge, 1, 2, world.Reading(t, s.pump, s.device, 1, s.Clock))
	c := audit.Complete(s.asking(1, 1), reports(s, b))
	require.Equal(t, audit.Refuted, c.Integrity.Answer)
	require.Contains(t, c.Integrity.Faults[0], "its anchor claims device times from 1970-01-01T00:00:00.001Z to 1970-01-01T00:00:00.002Z")
}
