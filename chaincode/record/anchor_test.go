// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// golden is an anchor's canonical form and its hash, written down once: if either changes, old
// chains no longer verify.
const (
	golden = `{"bridgeTime":{"first":1700000000000,"last":1700000000250},"counts":{"device-signed":3},` +
		`"deviceTime":{"first":1699999999000,"last":1700000000200},"gaps":1,"number":2,` +
		`"previous":"1111111111111111111111111111111111111111111111111111111111111111","quarantined":4,` +
		`"root":"2222222222222222222222222222222222222222222222222222222222222222","size":3,` +
		`"stream":"Org1MSP/bridge-1","type":"anchor","version":1}`
	goldenHash = "82b98426ebf9152ca4feb51b90e9dff3c8c1c4c5203d6bf6b75628a6724c89d8"
)

func goldenAnchor() record.Anchor {
	return record.Anchor{
		Type: record.AnchorType, Version: record.Version,
		Stream: name.New("Org1MSP", "bridge-1"), Number: 2, Previous: strings.Repeat("1", 64), Root: strings.Repeat("2", 64), Size: 3,
		BridgeTime: record.Span{First: 1700000000000, Last: 1700000000250},
		DeviceTime: record.Span{First: 1699999999000, Last: 1700000000200},
		Counts:     map[string]uint64{record.DeviceSigned: 3}, Gaps: 1, Quarantined: 4,
	}
}

func TestAnchorHasOneGoldenForm(t *testing.T) {
	data, err := goldenAnchor().Encode()
	require.NoError(t, err)
	require.Equal(t, golden, string(data))
	text, err := goldenAnchor().HashText()
	require.NoError(t, err)
	require.Equal(t, goldenHash, text)
	hash, err := goldenAnchor().Hash()
	require.NoError(t, err)
	require.Equal(t, goldenHash, hex.EncodeToString(hash[:]))

	parsed, err := record.ParseAnchor([]byte(golden))
	require.NoError(t, err)
	require.Equal(t, goldenAnchor(), parsed)
}

func TestAnchorNotInCanonicalFormIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"white space":     strings.Replace(golden, ":", ": ", 1),
		"another order":   `{"version":1,` + strings.TrimSuffix(golden[1:], `,"version":1}`) + `}`,
		"a field missing": strings.Replace(golden, `"gaps":1,`, "", 1),
		"an escape":       strings.Replace(golden, "bridge-1", `bridge\u002d1`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, golden, text)
			_, err := record.ParseAnchor([]byte(text))
			require.ErrorContains(t, err, "canonical")
		})
	}
}

func TestAnchorWithAFaultIsRefusedAndTheFieldNamed(t *testing.T) {
	for field, spoil := range map[string]func(*record.Anchor){
		"type":              func(a *record.Anchor) { a.Type = "device" },
		"version":           func(a *record.Anchor) { a.Version = 2 },
		"stream":            func(a *record.Anchor) { a.Stream.ID = "no spaces" },
		"number":            func(a *record.Anchor) { a.Number = 0 },
		"previous":          func(a *record.Anchor) { a.Previous = strings.Repeat("A", 64) },
		"root":              func(a *record.Anchor) { a.Root = strings.Repeat("1", 62) },
		"size":              func(a *record.Anchor) { a.Size, a.Counts = 0, nil },
		"bridgeTime":        func(a *record.Anchor) { a.BridgeTime.First = a.BridgeTime.Last + 1 },
		"deviceTime.first":  func(a *record.Anchor) { a.DeviceTime.First = -1 },
		"deviceTime.last":   func(a *record.Anchor) { a.DeviceTime.Last = record.MaxNumber + 1 },
		"counts":            func(a *record.Anchor) { a.Counts[record.DeviceSigned] = 2 },
		"counts.unexpected": func(a *record.Anchor) { a.Counts["unexpected"] = 0 },
		"gaps":              func(a *record.Anchor) { a.Gaps = record.MaxNumber + 1 },
		"quarantined":       func(a *record.Anchor) { a.Quarantined = record.MaxNumber + 1 },
	} {
		t.Run(field, func(t *testing.T) {
			a := goldenAnchor()
			spoil(&a)
			require.ErrorContains(t, a.Validate(), `"`+field+`"`)
		})
	}
}

func FuzzParseAnchor(f *testing.F) {
	f.Add([]byte(golden))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := record.ParseAnchor(data)
		if err != nil {
			return
		}
		again, err := a.Encode()
		require.NoError(t, err)
		require.Equal(t, string(data), string(again))
	})
}
