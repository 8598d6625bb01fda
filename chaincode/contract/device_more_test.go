// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// deviceList is what devices:List answers.
type deviceList struct {
	Devices  []record.Device `json:"devices"`
	Bookmark string          `json:"bookmark"`
}

// list returns the ids of all pages of a list.
func (w *world) list(filter object) []string {
	w.t.Helper()
	ids := []string{}
	for bookmark := ""; ; {
		page := decode[deviceList](w.t, w.query(w.admin2, "devices:List", filter.with("bookmark", bookmark)))
		for _, d := range page.Devices {
			ids = append(ids, d.ID)
		}
		if bookmark = page.Bookmark; bookmark == "" {
			return ids
		}
	}
}

func TestManyDevicesAreRegisteredAllOrNone(t *testing.T) {
	w := newWorld(t)
	known := newSigner(t, "EdDSA")
	w.submit(w.admin1, "devices:Register", w.registration("pump-0", "Org1MSP", known))
	many := []object{w.registration("pump-0", "Org1MSP", known)}
	for i := 1; i <= 5; i++ {
		many = append(many, w.registration(fmt.Sprint("pump-", i), "Org1MSP", newSigner(t, "ES256")))
	}
	type result struct {
		Registered []string `json:"registered"`
		Unchanged  []string `json:"unchanged"`
	}
	bad := slices.Concat(many, []object{w.registration("pump-6", "Org2MSP", newSigner(t, "EdDSA"))})
	require.Contains(t, w.refused(record.InvalidArgument, w.admin1, "devices:RegisterMany", object{"devices": bad}), "devices[6]")
	w.refused(record.NotFound, w.admin1, "devices:Get", "Org1MSP/pump-1")

	require.Equal(t, result{
		Registered: []string{"pump-1", "pump-2", "pump-3", "pump-4", "pump-5"}, Unchanged: []string{"pump-0"},
	}, decode[result](t, w.submit(w.admin1, "devices:RegisterMany", object{"devices": many})))
	require.Len(t, w.list(object{"owner": "Org1MSP"}), 6)
	last := w.ledger.Events()[len(w.ledger.Events())-1]
	require.Equal(t, call.DevicesRegistered, last.Name)
	require.Len(t, decode[call.Event](t, string(last.Payload)).Devices, 5)

	p := w.ledger.Propose(w.cc, w.admin1, "devices:RegisterMany", text(t, object{"devices": many}))
	require.Empty(t, p.Response.GetMessage())
	require.Empty(t, p.Stub.Writes)
	w.refused(record.InvalidArgument, w.admin1, "devices:RegisterMany", object{"devices": []object{many[1], many[1]}})
	w.refused(record.InvalidArgument, w.admin1, "devices:RegisterMany", object{"devices": []object{}})
}

func TestDevicesAreListedByOwnerTypeStatusAndAttribute(t *testing.T) {
	w := newWorld(t)
	for i, id := range []string{"a", "b", "c", "d"} {
		request := w.registration(id, "Org1MSP", newSigner(t, "EdDSA"))
		request["type"] = []string{"pump", "valve"}[i%2]
		request["attributes"] = object{"site": []string{"east", "west"}[i/2]}
		w.submit(w.admin1, "devices:Register", request)
	}
	request := w.registration("e", "Org2MSP", newSigner(t, "EdDSA"))
	delete(request, "type")
	w.submit(w.admin2, "devices:Register", request)
	w.submit(w.admin1, "devices:Suspend", object{"id": "b"})
	w.submit(w.admin1, "devices:Revoke", object{"id": "c", "reason": "x"})

	east := object{"name": "site", "value": "east"}
	for _, test := range []struct {
		filter object
		want   string
	}{
		{object{}, "a b c d e"},
		{object{"owner": "Org1MSP"}, "a b c d"},
		{object{"owner": "Org2MSP"}, "e"},
		{object{"owner": "Org3MSP"}, ""},
		{object{"type": "pump"}, "a c"},
		{object{"type": "pum"}, ""},
		{object{"status": "active"}, "a d e"},
		{object{"status": "suspended"}, "b"},
		{object{"status": "revoked"}, "c"},
		{object{"attribute": east}, "a b e"},
		{object{"attribute": east, "owner": "Org1MSP"}, "a b"},
		{object{"attribute": east, "owner": "Org1MSP", "status": "active", "type": "pump"}, "a"},
		{object{"type": "valve", "status": "active"}, "d"},
	} {
		for _, size := range []int{1, 2, 100} {
			require.Equal(t, strings.Fields(test.want), w.list(test.filter.with("pageSize", size)), "%v by %d", test.filter, size)
		}
	}
	w.submit(w.admin1, "devices:Resume", object{"id": "b"})
	require.Equal(t, []string{"a", "b", "d", "e"}, w.list(object{"status": "active"}))
	require.Empty(t, w.list(object{"status": "suspended"}))
}

func TestABookmarkOfAnotherListIsRefused(t *testing.T) {
	w := newWorld(t)
	w.device("a")
	w.device("b")
	page := decode[deviceList](t, w.query(w.admin1, "devices:List", object{"pageSize": 1}))
	require.NotEmpty(t, page.Bookmark)
	w.refused(record.InvalidArgument, w.admin1, "devices:List", object{"owner": "Org2MSP", "bookmark": page.Bookmark})
	w.refused(record.InvalidArgument, w.admin1, "devices:List", object{"bookmark": "***"})
	w.refused(record.InvalidArgument, w.admin1, "devices:List", object{"pageSize": 1001})
	w.refused(record.InvalidArgument, w.admin1, "devices:List", object{"status": "happy"})
}

func TestAttributesAreReplacedAndIndexed(t *testing.T) {
	w := newWorld(t)
	w.device("pump-1")
	request := object{"id": "pump-1", "type": "hygrometer", "attributes": object{"site": "west", "floor": "2"}}
	d := decode[record.Device](t, w.submit(w.admin1, "devices:SetAttributes", request))
	require.Equal(t, map[string]string{"site": "west", "floor": "2"}, d.Attributes)
	require.Equal(t, "hygrometer", d.DeviceType)
	require.Empty(t, d.Profile)
	require.Empty(t, w.list(object{"attribute": object{"name": "site", "value": "east"}}))
	require.Equal(t, []string{"pump-1"}, w.list(object{"attribute": object{"name": "site", "value": "west"}}))
	require.Empty(t, w.list(object{"type": "thermometer"}))
	p := w.ledger.Propose(w.cc, w.admin1, "devices:SetAttributes", text(t, request))
	require.Empty(t, p.Stub.Writes)
}

func TestAKeyCanBeAskedAsOfATime(t *testing.T) {
	w := newWorld(t)
	times := map[string]int64{"registered": w.ledger.Now()}
	step := func(name string) {
		w.ledger.Advance(time.Minute)
		times[name] = w.ledger.Now()
	}
	first, second := w.device("pump-1"), newSigner(t, "EdDSA")
	step("rotated")
	w.submit(w.admin1, "devices:RotateKey", w.rotation("pump-1", "Org1MSP", first, second))
	step("suspended")
	w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1"})
	step("resumed")
	w.submit(w.admin1, "devices:Resume", object{"id": "pump-1"})
	step("revoked")
	w.submit(w.admin1, "devices:Revoke", object{"id": "pump-1", "reason": "stolen", "compromisedSince": times["resumed"] + 1000})

	at := func(ms int64) call.DeviceKey {
		return decode[call.DeviceKey](t, w.query(w.admin2, "devices:KeyAt", "Org1MSP/pump-1", fmt.Sprint(ms)))
	}
	for _, c := range []struct {
		at      int64
		status  record.Status
		key     string
		trusted bool
	}{
		{times["registered"], record.Active, first.Key().ID().String(), true},
		{times["rotated"] - 1, record.Active, first.Key().ID().String(), true},
		{times["rotated"], record.Active, second.Key().ID().String(), true},
		{times["suspended"], record.Suspended, second.Key().ID().String(), false},
		{times["resumed"], record.Active, second.Key().ID().String(), true},
		{times["resumed"] + 999, record.Active, second.Key().ID().String(), true},
		{times["resumed"] + 1000, record.Active, second.Key().ID().String(), false},
		{times["revoked"], record.Revoked, "", false},
	} {
		answer := at(c.at)
		require.Equal(t, c.status, answer.Status, c.at)
		require.Equal(t, c.trusted, answer.Trusted, c.at)
		if c.key == "" {
			require.Nil(t, answer.Key)
		} else {
			require.Equal(t, c.key, answer.Key.ID, c.at)
		}
	}
	w.refused(record.NotFound, w.admin1, "devices:KeyAt", "Org1MSP/pump-1", fmt.Sprint(times["registered"]-1))
	w.refused(record.InvalidArgument, w.admin1, "devices:KeyAt", "Org1MSP/pump-1", "yesterday")
}

func TestHistoryTellsEveryChangeNewestFirst(t *testing.T) {
	type history struct {
		Changes []struct {
			TxID   string        `json:"txId"`
			Time   int64         `json:"time"`
			Device record.Device `json:"device"`
		} `json:"changes"`
		After string `json:"after"`
	}
	w := newWorld(t)
	w.device("pump-1")
	for range 3 {
		w.submit(w.admin1, "devices:Suspend", object{"id": "pump-1"})
		w.submit(w.admin1, "devices:Resume", object{"id": "pump-1"})
	}
	var statuses []string
	for after := ""; ; {
		page := decode[history](t, w.query(w.admin2, "devices:History", object{"device": "Org1MSP/pump-1", "pageSize": 3, "after": after}))
		for _, c := range page.Changes {
			require.Contains(t, c.Device.Changes(), record.Moment{Time: c.Time, Tx: c.TxID})
			statuses = append(statuses, string(c.Device.Status))
		}
		if after = page.After; after == "" {
			break
		}
	}
	require.Equal(t, "active suspended active suspended active suspended active", strings.Join(statuses, " "))
	w.refused(record.InvalidArgument, w.admin1, "devices:History", object{"device": "Org1MSP/pump-1", "after": strings.Repeat("0", 64)})
	w.refused(record.NotFound, w.admin1, "devices:History", object{"device": "Org1MSP/pump-2"})
}
