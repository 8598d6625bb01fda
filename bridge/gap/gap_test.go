// SPDX-License-Identifier: Apache-2.0

package gap_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/bridge/gap"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/name"
)

var d, other = name.New("Org1MSP", "d"), name.New("Org2MSP", "d")

// count counts a batch of one device.
func count(t require.TestingT, s gap.Store, batch uint64, device name.Name, sequences ...uint64) uint64 {
	c := gap.NewCounter(s, batch)
	for _, n := range sequences {
		require.NoError(t, c.Add(device, n))
	}
	return c.Gaps()
}

func TestABatchCountsWhatItSkippedUnlessItCameLaterInTheBatch(t *testing.T) {
	for title, c := range map[string]struct {
		batches [][]uint64
		want    []uint64
	}{
		"nothing skipped":                   {[][]uint64{{1, 2, 3}, {4}}, []uint64{0, 0}},
		"first heard of at 5":               {[][]uint64{{5}}, []uint64{4}},
		"late in the same batch":            {[][]uint64{{4, 2, 1}}, []uint64{1}},
		"late in the next batch":            {[][]uint64{{4}, {1, 2, 3}}, []uint64{3, 0}},
		"late ones do not pay for new ones": {[][]uint64{{4}, {6, 3}}, []uint64{3, 1}},
		"a number twice":                    {[][]uint64{{3, 3, 1, 1}}, []uint64{1}},
		"every number in reverse":           {[][]uint64{{5, 4, 3, 2, 1}}, []uint64{0}},
		"over the end of a batch":           {[][]uint64{{1, 3}, {6, 2, 5}}, []uint64{1, 1}},
	} {
		s := gap.NewMemory()
		for i, sequences := range c.batches {
			require.Equal(t, c.want[i], count(t, s, uint64(i+1), d, sequences...), "%s: batch %d", title, i+1)
		}
	}
}

func TestAJumpOverMoreThanAMillionCountsOne(t *testing.T) {
	for skipped, want := range map[uint64]uint64{
		gap.MaxCounted: gap.MaxCounted, gap.MaxCounted + 1: 1, reading.MaxNumber - 1: 1,
	} {
		require.Equal(t, want, count(t, gap.NewMemory(), 1, d, skipped+1), skipped)
	}
	s := gap.NewMemory()
	c := gap.NewCounter(s, 1)
	for _, r := range []struct {
		device   name.Name
		sequence uint64
	}{{d, reading.MaxNumber}, {other, 3}, {d, 7}, {other, 1}, {d, 8}} {
		require.NoError(t, c.Add(r.device, r.sequence))
	}
	require.EqualValues(t, 2, c.Gaps(), "the jump, and what the other device misses")
	require.EqualValues(t, 3, c.Open(0), "the numbers that came split the jump in two")
	require.Equal(t, []gap.Missing{
		{From: 1, To: 6, Batch: 1, Jump: true}, {From: 9, To: reading.MaxNumber - 1, Batch: 1, Jump: true},
	}, s.Missing(d))
	require.Equal(t, []gap.Missing{{From: 2, To: 2, Batch: 1}}, s.Missing(other))
}

// Whatever order readings come in, the count is what plain sets of numbers say.
func TestTheCountIsWhatSetsOfNumbersSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, missing, highest := gap.NewMemory(), map[name.Name]map[uint64]bool{d: {}, other: {}}, map[name.Name]uint64{}
		var open uint64
		for batch := uint64(1); batch <= 4; batch++ {
			c, found := gap.NewCounter(s, batch), map[name.Name]map[uint64]bool{d: {}, other: {}}
			for range rapid.IntRange(1, 12).Draw(t, "readings") {
				device := rapid.SampledFrom([]name.Name{d, other}).Draw(t, "device")
				n := rapid.Uint64Range(1, 30).Draw(t, "sequence")
				require.NoError(t, c.Add(device, n))
				for skipped := highest[device] + 1; skipped < n; skipped++ {
					found[device][skipped], missing[device][skipped] = true, true
				}
				highest[device] = max(highest[device], n)
				delete(found[device], n)
				delete(missing[device], n)
			}
			require.EqualValues(t, len(found[d])+len(found[other]), c.Gaps())
			open = c.Open(open)
			require.EqualValues(t, len(missing[d])+len(missing[other]), open)
		}
		for device, numbers := range missing {
			for _, m := range s.Missing(device) {
				for n := m.From; n <= m.To; n++ {
					require.True(t, numbers[n])
					delete(numbers, n)
				}
			}
			require.Empty(t, numbers)
		}
	})
}

// broken is a store that fails.
type broken struct {
	*gap.Memory
	err error
}

// Highest fails.
func (b broken) Highest(name.Name) (uint64, error) { return 0, b.err }

func TestAStoreThatFailsIsReported(t *testing.T) {
	away := errors.New("away")
	err := gap.NewCounter(broken{err: away}, 1).Add(d, 1)
	require.ErrorIs(t, err, away)
	require.ErrorContains(t, err, "Org1MSP/d")
}
