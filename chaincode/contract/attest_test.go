// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
)

// nonce is that of a request.
var nonce = strings.Repeat("5a", 32)

// attestation asks for one and reads it as an auditor does.
func (w *world) attestation(request object) record.Attestation {
	w.t.Helper()
	a, err := record.ParseAttestation([]byte(w.query(w.admin2, "anchors:Attest", request)))
	require.NoError(w.t, err)
	return a
}

func TestAnAttestationHoldsWhatTheLedgerHasOfOneState(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(2)
	second := anchor("bridge-1", 2, b.entry.Hash)
	last := decode[record.AnchorEntry](t, w.submit(w.bridge1, "anchors:Anchor", canonical(t, second)))
	w.submit(w.admin2, "devices:Register", w.registration("pump-1", "Org2MSP", newSigner(t, "EdDSA")))
	lie := b.claims(t)
	lie.Anchor[0] ^= 1
	report := decode[record.EquivocationReport](t, w.submit(w.admin2, "anchors:ReportEquivocation", accusation(t, b, lie)))

	a := w.attestation(object{
		"stream": "Org1MSP/bridge-1", "from": 1, "to": 2, "devices": []string{"Org2MSP/pump-1", "Org1MSP/pump-1"}, "nonce": nonce,
	})
	require.Equal(t, record.Attestation{
		Type: record.AttestationType, Version: record.Version, Ledger: w.ledger.Channel + "/" + w.ledger.Chaincode, Nonce: nonce,
		Stream:  decode[record.Stream](t, w.query(w.admin1, "anchors:GetStream", "Org1MSP/bridge-1")),
		Head:    decode[record.Head](t, w.query(w.admin1, "anchors:Head", "Org1MSP/bridge-1")),
		Anchors: []record.AnchorEntry{b.entry, last},
		Devices: []record.Device{
			decode[record.Device](t, w.query(w.admin1, "devices:Get", "Org2MSP/pump-1")),
			decode[record.Device](t, w.query(w.admin1, "devices:Get", "Org1MSP/pump-1")),
		},
		Equivocations: []record.EquivocationReport{report},
	}, a)

	bare := w.attestation(object{"stream": "Org1MSP/bridge-1", "nonce": nonce})
	require.Empty(t, bare.Anchors)
	require.Empty(t, bare.Devices)
	require.Equal(t, []record.EquivocationReport{report}, bare.Equivocations)
}

func TestWhatTheLedgerDoesNotHaveIsNotAttested(t *testing.T) {
	w := newWorld(t)
	w.anchoredBatch(2)
	good := object{"stream": "Org1MSP/bridge-1", "from": 1, "to": 1, "devices": []string{"Org1MSP/pump-1"}, "nonce": nonce}
	w.query(w.admin2, "anchors:Attest", good)
	refusal := w.refusal(record.NotFound, w.admin2, "anchors:Attest", good.with("devices", []string{"Org1MSP/pump-1", "Org2MSP/pump-1"}))
	require.Equal(t, "devices[1]", refusal.Field)
	require.Contains(t, refusal.Message, "Org2MSP/pump-1")
	require.Contains(t, w.refused(record.NotFound, w.admin2, "anchors:Attest", good.with("to", 2)), "number 2")
	require.Contains(t, w.refused(record.NotFound, w.admin2, "anchors:Attest", good.with("stream", "Org2MSP/bridge-1")), "Org2MSP/bridge-1")
	var many []string
	for i := range record.MaxAttestedDevices + 1 {
		many = append(many, fmt.Sprint("Org1MSP/d", i))
	}
	for field, bad := range map[string]any{
		"nonce": "5a", "to": 33, "from": 0, "devices": many, "stream": "bridge-1",
	} {
		w.refused(record.InvalidArgument, w.admin2, "anchors:Attest", good.with(field, bad))
	}
	w.refused(record.InvalidArgument, w.admin2, "anchors:Attest", good.with("devices", []string{"Org1MSP/pump-1", "Org1MSP/pump-1"}))
}

func TestEvidenceAboutTheAnchorsAskedForComesBeforeTheRest(t *testing.T) {
	w := newWorld(t)
	b := w.anchoredBatch(2)
	previous := b.entry.Hash
	for number := uint64(2); number <= 3; number++ {
		a := anchor("bridge-1", number, previous)
		w.submit(w.bridge1, "anchors:Anchor", canonical(t, a))
		previous = hashOf(t, a)
	}
	reports := fewer(record.MaxAttestedReports+2, record.MaxAttestedReports+1)
	for i := range reports {
		lie := b.claims(t)
		lie.Number, lie.Anchor[0], lie.Anchor[1] = 1, 0xff, byte(i)
		w.submit(w.admin2, "anchors:ReportEquivocation", accusation(t, b, lie))
	}
	lie := b.claims(t)
	lie.Number = 3
	w.submit(w.admin2, "anchors:ReportEquivocation", accusation(t, b, lie))
	a := w.attestation(object{"stream": "Org1MSP/bridge-1", "from": 2, "to": 3, "nonce": nonce})
	require.Len(t, a.Equivocations, record.MaxAttestedReports)
	require.EqualValues(t, 3, a.Equivocations[record.MaxAttestedReports-1].Number)
	require.EqualValues(t, 1, a.Equivocations[0].Number)
}

func TestAnAttestationThatIsTooLargeIsRefused(t *testing.T) {
	inMemory(t, "it takes more than a thousand blocks")
	w := newWorld(t)
	w.stream(w.bridge1, "bridge-1")
	attributes := object{}
	for i := range record.MaxAttributes {
		attributes[fmt.Sprint("a", i)] = strings.Repeat("x", record.MaxText)
	}
	var names []string
	for batch := range 2 {
		var devices []object
		for i := range record.MaxAttestedDevices / 2 {
			id := fmt.Sprint("d", batch, "-", i)
			names = append(names, "Org1MSP/"+id)
			devices = append(devices, w.registration(id, "Org1MSP", newSigner(t, "EdDSA")).with("attributes", attributes))
		}
		w.submit(w.admin1, "devices:RegisterMany", object{"devices": devices})
	}
	request := object{"stream": "Org1MSP/bridge-1", "devices": names, "nonce": nonce}
	w.query(w.admin2, "anchors:Attest", request)
	for _, name := range names {
		id := strings.TrimPrefix(name, "Org1MSP/")
		for i := range 6 {
			w.submit(w.admin1, "devices:Suspend", object{"id": id, "reason": fmt.Sprint(i, strings.Repeat("y", 250))})
			w.submit(w.admin1, "devices:Resume", object{"id": id, "reason": fmt.Sprint(i, strings.Repeat("y", 250))})
		}
	}
	w.refused(record.TooLarge, w.admin2, "anchors:Attest", request)
	w.attestation(object{"stream": "Org1MSP/bridge-1", "devices": names[:50], "nonce": nonce})
}
