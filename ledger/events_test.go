// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

func TestAnEventNamesEveryRecordThatChanged(t *testing.T) {
	former := device(1)
	for what, c := range map[string]struct {
		event call.Event
		names []name.Name
	}{
		"one device":          {call.Event{Name: call.DeviceSuspended, Owner: "Org1MSP", ID: "a"}, []name.Name{our("a")}},
		"many devices":        {call.Event{Name: call.DevicesRegistered, Owner: "Org1MSP", ID: "a", Devices: []string{"a", "b"}}, []name.Name{our("a"), our("b")}},
		"a transferred one":   {call.Event{Name: call.DeviceTransferred, Owner: "Org2MSP", ID: "a", Former: &former}, []name.Name{name.New("Org2MSP", "a"), former.Name()}},
		"nothing with a name": {call.Event{Name: "Other"}, []name.Name{}},
	} {
		t.Run(what, func(t *testing.T) {
			payload, err := record.Encode(c.event)
			require.NoError(t, err)
			e := ledger.AsEvent(&client.ChaincodeEvent{EventName: c.event.Name, TransactionID: "tx", BlockNumber: 7, Payload: payload})
			require.Equal(t, c.names, e.Names())
			require.Equal(t, c.event.Name, e.Name)
			require.Equal(t, "tx", e.TxID)
			require.EqualValues(t, 7, e.Block)
		})
	}
	require.Empty(t, ledger.AsEvent(&client.ChaincodeEvent{Payload: []byte("x")}).Names(), "a payload that is not ours")
}
