// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// attestation is one of a stream with the golden anchor and a device.
func attestation(t testing.TB) record.Attestation {
	t.Helper()
	a := goldenAnchor()
	hash, err := a.HashText()
	require.NoError(t, err)
	at := record.Moment{Time: 1700000000000, Tx: strings.Repeat("a", 64)}
	return record.Attestation{
		Type: record.AttestationType, Version: record.Version, Ledger: "mychannel/anchorline", Nonce: strings.Repeat("5a", 32),
		Stream: record.Stream{
			Type: record.StreamType, Version: record.Version, Owner: "Org1MSP", ID: "bridge-1",
			Keys: []record.Key{{ID: "0011223344556677", From: at}}, Opened: at, Updated: at,
		},
		Head: record.Head{Type: record.HeadType, Version: record.Version, Stream: a.Stream, Number: 2, Hash: hash, LedgerTime: at.Time},
		Anchors: []record.AnchorEntry{{
			Type: record.AnchorEntryType, Version: record.Version, Anchor: a, Hash: hash, TxID: at.Tx, LedgerTime: at.Time, Creator: "Org1MSP",
		}},
		Devices: []record.Device{{
			Type: record.DeviceType, Version: record.Version, Owner: "Org2MSP", ID: "pump-1", Status: record.Active,
			Keys: []record.Key{{ID: "7766554433221100", From: at}}, Registered: at, Updated: at,
		}},
		Equivocations: []record.EquivocationReport{{
			Type: record.EquivocationType, Version: record.Version, Stream: a.Stream, Number: 2, Reported: at,
		}},
	}
}

func TestAnAttestationIsReadFromItsOneForm(t *testing.T) {
	want := attestation(t)
	data, err := record.Encode(want)
	require.NoError(t, err)
	got, err := record.ParseAttestation(data)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for name, text := range map[string]string{
		"white space":      strings.Replace(string(data), ":", ": ", 1),
		"an unknown field": strings.Replace(string(data), `"type":"attestation"`, `"new":1,"type":"attestation"`, 1),
		"a missing list":   strings.Replace(string(data), `"devices":[`, `"devices":null,"x":[`, 1),
		"half of it":       string(data[:len(data)/2]),
	} {
		_, err := record.ParseAttestation([]byte(text))
		require.Error(t, err, name)
	}
}

func TestAnAttestationWhosePartsDoNotBelongTogetherIsRefused(t *testing.T) {
	other := name.New("Org2MSP", "bridge-1")
	for field, spoil := range map[string]func(*record.Attestation){
		"type":                     func(a *record.Attestation) { a.Type = "device" },
		"version":                  func(a *record.Attestation) { a.Version = 2 },
		"nonce":                    func(a *record.Attestation) { a.Nonce = "5a" },
		"ledger":                   func(a *record.Attestation) { a.Ledger = "a\nb" },
		"stream.id":                func(a *record.Attestation) { a.Stream.ID = "" },
		"head.stream":              func(a *record.Attestation) { a.Head.Stream = other },
		"anchors[0].hash":          func(a *record.Attestation) { a.Anchors[0].Hash = record.ZeroHash },
		"anchors[0].anchor.stream": func(a *record.Attestation) { a.Anchors[0].Anchor.Stream = other },
		"anchors[0].anchor.number": func(a *record.Attestation) { a.Head.Number = 1 },
		"anchors[1].anchor.number": func(a *record.Attestation) { a.Anchors = append(a.Anchors, a.Anchors[0]) },
		"devices[0].type":          func(a *record.Attestation) { a.Devices[0].Type = "stream" },
		"devices[0].id":            func(a *record.Attestation) { a.Devices[0].Owner = "" },
		"devices[1]":               func(a *record.Attestation) { a.Devices = append(a.Devices, a.Devices[0]) },
		"equivocations[0].stream":  func(a *record.Attestation) { a.Equivocations[0].Stream = other },
		"anchors":                  func(a *record.Attestation) { a.Anchors = make([]record.AnchorEntry, record.MaxAttestedAnchors+1) },
		"devices":                  func(a *record.Attestation) { a.Devices = make([]record.Device, record.MaxAttestedDevices+1) },
		"equivocations": func(a *record.Attestation) {
			a.Equivocations = make([]record.EquivocationReport, record.MaxAttestedReports+1)
		},
	} {
		t.Run(field, func(t *testing.T) {
			a := attestation(t)
			spoil(&a)
			require.Equal(t, field, record.Invalid(a.Validate()).Field)
		})
	}
	require.NoError(t, attestation(t).Validate())
}

func FuzzParseAttestation(f *testing.F) {
	data, err := record.Encode(attestation(f))
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := record.ParseAttestation(data)
		if err != nil {
			return
		}
		again, err := record.Encode(a)
		require.NoError(t, err)
		require.Equal(t, string(data), string(again))
	})
}
