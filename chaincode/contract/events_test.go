// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// documentedPayloads are the fields beside the common ones, by event, as docs/chaincode.md says.
func documentedPayloads(t testing.TB) map[string][]string {
	payloads := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| `([a-z]+)`(?:, `([a-z]+)`)?").FindAllStringSubmatch(section(t, "Events"), -1) {
		payloads[row[1]] = slices.DeleteFunc(row[2:], func(field string) bool { return field == "" })
	}
	return payloads
}

// commonFields are the fields of every event.
func commonFields() []string {
	return []string{"by", "id", "name", "owner", "time", "type", "version"}
}

func TestEveryEventArrivesAsTheDocumentationSays(t *testing.T) {
	w := newWorld(t)
	before := len(w.ledger.Events())
	o := tour{t: t, channel: w.ledger.Channel, chaincode: w.ledger.Chaincode, guide: w.guide}
	o.run()
	events := w.ledger.Events()
	if w.ledger.OnNetwork() {
		arrived := w.arrived(len(events))
		require.Equal(t, events, arrived, "the client library delivers what is in the blocks, in their order")
	}
	payloads, seen := documentedPayloads(t), map[string]bool{}
	for _, e := range events[before:] {
		seen[e.Name] = true
		var fields map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(e.Payload, &fields))
		require.Contains(t, payloads, e.Name)
		var names []string
		for name := range fields {
			names = append(names, name)
		}
		require.ElementsMatch(t, slices.Concat(commonFields(), payloads[e.Name]), names, e.Name)

		event := decode[call.Event](t, string(e.Payload))
		require.Equal(t, e.Name, event.Name)
		require.Equal(t, call.EventType, event.Type)
		require.Equal(t, record.Version, event.Version)
		require.Equal(t, changedID(event), event.ID, e.Name)
		require.Contains(t, []string{"Org1MSP", "Org2MSP"}, event.Owner, e.Name)
		require.Contains(t, []string{"Org1MSP", "Org2MSP"}, event.By, e.Name)
		require.Positive(t, event.Time, e.Name)
		canonical, err := record.Encode(event)
		require.NoError(t, err)
		require.Equal(t, string(canonical), string(e.Payload), "the payload is canonical JSON")
	}
	for _, f := range contract.Functions() {
		for _, name := range f.Events {
			require.True(t, seen[name], "the tour never causes %s", name)
		}
	}
	require.Len(t, payloads, len(seen), "the documentation has no other events")
	for device, stored := range lastDevices(t, events) {
		require.Equal(t, w.query(w.admin1, "devices:Get", device.String()), stored, "an event carries the device as everybody reads it")
	}
}

// changedID is the id of what an event is about, as the documentation says.
func changedID(e call.Event) string {
	switch {
	case e.Device != nil:
		return e.Device.ID
	case len(e.Devices) > 0:
		return e.Devices[0]
	case e.Manufacturer != nil:
		return e.Manufacturer.Name
	case e.Stream != nil:
		return e.Stream.ID
	case e.Anchor != nil:
		return e.Anchor.Anchor.Stream.ID
	case e.Equivocation != nil:
		return e.Equivocation.Stream.ID
	case e.Grant != nil:
		return string(e.Grant.Role)
	case e.Policy != nil:
		return e.Policy.ID
	case e.Access != nil:
		return e.Access.ID
	default:
		return e.By
	}
}

// lastDevices are the devices in the events, by name, as the last event has each.
func lastDevices(t testing.TB, events []ledgertest.Event) map[name.Name]string {
	devices := map[name.Name]string{}
	for _, e := range events {
		event := decode[call.Event](t, string(e.Payload))
		for _, d := range []*record.Device{event.Device, event.Former} {
			if d == nil {
				continue
			}
			text, err := record.Encode(d)
			require.NoError(t, err)
			devices[d.Name()] = string(text)
		}
	}
	require.NotEmpty(t, devices)
	return devices
}

// arrived reads events of the world's chaincode with Fabric's client library, from the first block.
func (w *world) arrived(count int) (events []ledgertest.Event) {
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	p := w.site.profile("Org2MSP", "User1")
	stream, err := gatewayFor(w.t, p).GetNetwork(p.Channel).ChaincodeEvents(ctx, p.Chaincode, client.WithStartBlock(0))
	require.NoError(w.t, err)
	for event := range stream {
		events = append(events, ledgertest.Event{TxID: event.TransactionID, Name: event.EventName, Payload: event.Payload})
		if len(events) == count {
			break
		}
	}
	return events
}
