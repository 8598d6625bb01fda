// SPDX-License-Identifier: Apache-2.0

package standing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading/name"
)

const day = 24 * 3_600_000 // the grace, in milliseconds

func at(time int64, tx string) record.Moment { return record.Moment{Time: time, Tx: tx} }

func end(time int64, tx string) *record.Moment { m := at(time, tx); return &m }

// pump is a device with a key that authorised its successor at 2000, and one that was replaced as lost
// at 3000.
func pump() record.Device {
	return record.Device{
		Owner: "Org1MSP", ID: "pump-1", Status: record.Active, Registered: at(1000, "register"),
		Keys: []record.Key{
			{ID: "first", From: at(1000, "register"), Until: end(2000, "rotate")},
			{ID: "second", From: at(2000, "rotate"), Until: end(3000, "replace"), Reason: "lost", CompromisedSince: 2500},
			{ID: "third", From: at(3000, "replace")},
		},
	}
}

func TestAKeyVouchesFromItsBeginUntilItsEndAndGraceIsForRotations(t *testing.T) {
	for _, c := range []struct {
		key    string
		time   int64
		reason standing.Reason
	}{
		{"first", 999, standing.NotRegistered},
		{"first", 1000, standing.OK},
		{"first", 2000, standing.OK},
		{"first", 2000 + day - 1, standing.OK},
		{"first", 2000 + day, standing.KeyEnded},
		{"second", 1999, standing.KeyNotYet},
		{"second", 2000, standing.OK},
		{"second", 2999, standing.OK},
		{"second", 3000, standing.KeyReplaced},
		{"third", 2999, standing.KeyNotYet},
		{"third", 3000, standing.OK},
		{"fourth", 3000, standing.UnknownKey},
	} {
		v := standing.Device(pump(), c.key, at(c.time, "anchor"), nil)
		require.Equal(t, c.reason, v.Reason, "%s at %d: %s", c.key, c.time, v.Detail)
		require.Equal(t, c.reason == standing.OK, v.Stood())
		require.NotEmpty(t, v.Detail)
	}
}

func TestTheOrderOfTransactionsDecidesWhereItIsKnown(t *testing.T) {
	places := map[string]standing.Position{
		"register": {Block: 5}, "before": {Block: 6, Index: 0}, "replace": {Block: 6, Index: 1}, "after": {Block: 6, Index: 2},
	}
	order := func(tx string) (standing.Position, bool) { p, known := places[tx]; return p, known }
	require.Equal(t, standing.OK, standing.Device(pump(), "second", at(9000, "before"), order).Reason, "whatever its client's clock said")
	require.Equal(t, standing.KeyReplaced, standing.Device(pump(), "second", at(2500, "after"), order).Reason)
	require.Equal(t, standing.KeyReplaced, standing.Device(pump(), "second", at(9000, "elsewhere"), order).Reason, "an unknown place: by time")
	require.True(t, standing.Before(at(9, "before"), at(1, "replace"), order))
	require.False(t, standing.Before(at(9, "before"), at(9, "elsewhere"), order))
}

func TestWhatEndsADeviceCountsBeforeItsKeys(t *testing.T) {
	d := pump()
	d.Suspensions = []record.Period{{From: at(4000, "suspend"), Until: end(5000, "resume")}, {From: at(6000, "again")}}
	for time, want := range map[int64]standing.Reason{3999: standing.OK, 4000: standing.Suspended, 4999: standing.Suspended, 5000: standing.OK, 7000: standing.Suspended} {
		require.Equal(t, want, standing.Device(d, "third", at(time, "anchor"), nil).Reason, time)
	}
	d.Transferred, d.TransferredTo = end(7000, "accept"), name.New("Org2MSP", "pump-9")
	v := standing.Device(d, "third", at(7000, "anchor"), nil)
	require.Equal(t, standing.Transferred, v.Reason)
	require.Contains(t, v.Detail, "Org2MSP/pump-9")
	d.Revoked = end(8000, "revoke")
	require.Equal(t, standing.Transferred, standing.Device(d, "third", at(7999, "anchor"), nil).Reason)
	require.Equal(t, standing.Revoked, standing.Device(d, "third", at(8000, "anchor"), nil).Reason)
	status, registered := standing.DeviceStatus(d, at(7500, "anchor"), nil)
	require.True(t, registered)
	require.Equal(t, record.Transferred, status)
	_, registered = standing.DeviceStatus(d, at(999, "anchor"), nil)
	require.False(t, registered)
}

func TestTheOwnerDisownsWhatWasSignedFromATimeOn(t *testing.T) {
	require.Nil(t, standing.Device(pump(), "second", at(2499, "anchor"), nil).Repudiated)
	v := standing.Device(pump(), "second", at(2500, "anchor"), nil)
	require.True(t, v.Stood())
	require.False(t, v.Trusted())
	require.Equal(t, &standing.Repudiation{By: "Org1MSP", At: at(3000, "replace"), Since: 2500, Reason: "lost"}, v.Repudiated)

	d := pump()
	d.Revoked, d.CompromisedSince, d.StatusReason = end(9000, "revoke"), 3500, "stolen"
	require.Nil(t, standing.Device(d, "third", at(3499, "anchor"), nil).Repudiated)
	require.Equal(t, int64(3500), standing.Device(d, "third", at(3500, "anchor"), nil).Repudiated.Since)
	d.CompromisedSince = 1 // by a record that no contract wrote: never before the owner had it
	require.NotNil(t, standing.Device(d, "first", at(1000, "anchor"), nil).Repudiated)
	require.Equal(t, standing.NotRegistered, standing.Device(d, "first", at(999, "anchor"), nil).Reason)
}

func TestNowIsAfterEverythingThatTheRecordTells(t *testing.T) {
	d := pump()
	require.Equal(t, standing.KeyReplaced, standing.DeviceNow(d, "second", 2500).Reason, "our clock is behind the ledger's")
	require.Equal(t, standing.OK, standing.DeviceNow(d, "third", 2500).Reason)
	require.Equal(t, standing.OK, standing.DeviceNow(d, "first", 2000+day-1).Reason)
	require.Equal(t, standing.KeyEnded, standing.DeviceNow(d, "first", 2000+day).Reason)
	d.Suspensions = []record.Period{{From: at(1<<50, "suspend")}}
	require.Equal(t, standing.Suspended, standing.DeviceNow(d, "third", 4000).Reason, "dated far ahead, and in force")
}

func TestAStreamsKeyIsJudgedLikeADevices(t *testing.T) {
	s := record.Stream{Owner: "Org1MSP", ID: "bridge-1", Opened: at(1000, "open"), Keys: pump().Keys}
	require.Equal(t, standing.NotRegistered, standing.Stream(s, "first", at(999, "anchor"), nil).Reason)
	require.Equal(t, standing.KeyEnded, standing.Stream(s, "first", at(2000+day, "anchor"), nil).Reason)
	require.Equal(t, int64(2500), standing.Stream(s, "second", at(2500, "anchor"), nil).Repudiated.Since)
	require.True(t, standing.Stream(s, "third", at(3000, "anchor"), nil).Trusted())
}

func TestTheOpenKeyIsFoundAtEveryMoment(t *testing.T) {
	for time, want := range map[int64]string{999: "", 1000: "first", 1999: "first", 2000: "second", 3000: "third", 1 << 50: "third"} {
		key, open := standing.KeyAt(pump().Keys, at(time, "anchor"), nil)
		require.Equal(t, want != "", open, time)
		require.Equal(t, want, key.ID, time)
	}
}
