// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/chaincode/record"
)

// at is a moment with a transaction id of its own.
func at(ms int64) record.Moment {
	return record.Moment{Time: ms, Tx: strings.Repeat(string(rune('a'+ms%6)), 64)}
}

// running is an active device with one open key.
func running() record.Device {
	return record.Device{Owner: "Org1MSP", ID: "pump-1", Status: record.Active, Keys: []record.Key{{ID: "k", From: at(1)}}, Registered: at(1), Updated: at(1)}
}

func TestAStopNarrowsAndAnEmptyOneChangesNothing(t *testing.T) {
	require.Equal(t, running(), running().With(record.Stop{}))
	suspended, revoked := at(2), at(3)
	d := running().With(record.Stop{Suspended: &suspended, Reason: "smells"})
	require.Equal(t, record.Suspended, d.Status)
	require.Equal(t, []record.Period{{From: suspended}}, d.Suspensions)
	require.Equal(t, suspended, d.Updated, "the last change is the stop")
	both := running().With(record.Stop{Suspended: &suspended, Revoked: &revoked, Reason: "stolen", CompromisedSince: 2})
	require.Equal(t, record.Revoked, both.Status)
	require.Equal(t, []record.Period{{From: suspended}}, both.Suspensions)
	require.Equal(t, revoked, *both.Keys[0].Until)
	require.Nil(t, running().Keys[0].Until)
}

func TestARecordThatToldOfASuspensionIsNotSuspendedByItAgain(t *testing.T) {
	suspended, ended := at(2), at(3)
	d := running()
	d.Suspensions = []record.Period{{From: suspended, Until: &ended}}
	require.Equal(t, d, d.With(record.Stop{Suspended: &suspended}))
}

func TestAStopNeverWidens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := running()
		d.Status = rapid.SampledFrom(record.Statuses()).Draw(rt, "status")
		moment := func(label string) *record.Moment {
			if rapid.Bool().Draw(rt, label) {
				m := at(rapid.Int64Range(0, 9).Draw(rt, label+" at"))
				return &m
			}
			return nil
		}
		if d.Status == record.Revoked {
			m := at(4)
			d.Revoked, d.Keys[0].Until = &m, &m
		}
		s := record.Stop{Suspended: moment("suspended"), Revoked: moment("revoked")}
		got := d.With(s)
		require.Equal(rt, got, got.With(s), "the same stop again changes nothing")
		require.Len(rt, got.Keys, len(d.Keys))
		require.GreaterOrEqual(rt, len(got.Suspensions), len(d.Suspensions))
		if got.Status != d.Status {
			require.Contains(rt, []record.Status{record.Suspended, record.Revoked}, got.Status)
			require.NotEqual(rt, record.Revoked, d.Status)
			require.False(rt, d.Status == record.Transferred && got.Status == record.Suspended)
		}
		_, was := d.CurrentKey()
		_, is := got.CurrentKey()
		require.False(rt, is && !was)
	})
}
