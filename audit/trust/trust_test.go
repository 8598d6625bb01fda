// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit/fabric/fabrictest"
	"github.com/anchorline/anchorline/audit/trust"
)

func TestATrustIsReadBackAsItWasWritten(t *testing.T) {
	for _, consenters := range []int{0, 4} {
		n := fabrictest.NewNetwork(t, consenters)
		n.Trust.ConfigurationBlock = 7
		n.Trust.Organisations[0].Intermediates = []string{n.Org1.Intermediate(t, "issuing").PEM}
		n.Trust.Organisations[1].Revoked = []string{n.Org2.Revoke(t, n.Peer2)}
		n.Trust.Organisations[1].Unit = ""
		text, err := n.Trust.Encode()
		require.NoError(t, err)
		again, err := trust.Parse(text)
		require.NoError(t, err)
		require.Equal(t, n.Trust, again)
		twice, err := again.Encode()
		require.NoError(t, err)
		require.Equal(t, string(text), string(twice))
		require.True(t, strings.HasPrefix(string(text), "{\n  \"type\": \"trust\",\n  \"version\": 1,\n  \"ledger\": \"mychannel/anchorline\",\n"))
	}
}

// edited is a valid trust.json with one change.
func edited(t *testing.T, change func(doc map[string]any)) []byte {
	t.Helper()
	text, err := fabrictest.NewNetwork(t, 4).Trust.Encode()
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(text, &doc))
	change(doc)
	text, err = json.Marshal(doc)
	require.NoError(t, err)
	return text
}

func item(doc map[string]any, path ...any) map[string]any {
	var at any = doc
	for _, p := range path {
		switch p := p.(type) {
		case string:
			at = at.(map[string]any)[p]
		case int:
			at = at.([]any)[p]
		}
	}
	return at.(map[string]any)
}

func TestEachFaultIsNamedWithItsField(t *testing.T) {
	for fault, change := range map[string]func(map[string]any){
		`type: it is "pins"`:                   func(d map[string]any) { d["type"] = "pins" },
		"version: it is 2":                     func(d map[string]any) { d["version"] = 2 },
		`ledger: "mychannel"`:                  func(d map[string]any) { d["ledger"] = "mychannel" },
		"configuration.block: it is missing":   func(d map[string]any) { d["configuration"] = map[string]any{} },
		"organisations: there is none":         func(d map[string]any) { d["organisations"] = []any{} },
		"attestations: it is 0":                func(d map[string]any) { d["attestations"] = 0 },
		"attestations: it is 3":                func(d map[string]any) { d["attestations"] = 3 },
		`organisations[1].mspId: Org1MSP is t`: func(d map[string]any) { item(d, "organisations", 1)["mspId"] = "Org1MSP" },
		`organisations[0].mspId: "a b"`:        func(d map[string]any) { item(d, "organisations", 0)["mspId"] = "a b" },
		"organisations[0].roots: there is non": func(d map[string]any) { item(d, "organisations", 0)["roots"] = []any{} },
		"organisations[1].roots[0]: it is not": func(d map[string]any) { item(d, "organisations", 1)["roots"] = []any{"x"} },
		"organisations[0].roots[1]: it is the": func(d map[string]any) {
			o := item(d, "organisations", 0)
			o["roots"] = append(o["roots"].([]any), o["roots"].([]any)[0])
		},
		"organisations[0].intermediates[0]: t": func(d map[string]any) {
			item(d, "organisations", 0)["intermediates"] = item(d, "orderers", "organisations", 0)["roots"]
		},
		"organisations[0].revoked[0]: it is n": func(d map[string]any) { item(d, "organisations", 0)["revoked"] = []any{""} },
		"organisations[0].revoked[0]: the PEM": func(d map[string]any) {
			item(d, "organisations", 0)["revoked"] = item(d, "organisations", 0)["roots"]
		},
		"organisations[0].peerUnit: it is mis": func(d map[string]any) { delete(item(d, "organisations", 0), "peerUnit") },
		"orderers.organisations[0].ordererUni": func(d map[string]any) { delete(item(d, "orderers", "organisations", 0), "ordererUnit") },
		"orderers.organisations: there is non": func(d map[string]any) { item(d, "orderers")["organisations"] = []any{} },
		`orderers.consensus: it is "kafka"`:    func(d map[string]any) { item(d, "orderers")["consensus"] = "kafka" },
		"orderers.signatures: it is 2; a quor": func(d map[string]any) { item(d, "orderers")["signatures"] = 2 },
		"orderers.consenters: there is none":   func(d map[string]any) { delete(item(d, "orderers"), "consenters") },
		"orderers.consenters: Raft orderers a": func(d map[string]any) { item(d, "orderers")["consensus"] = "etcdraft" },
		"orderers.consenters[1].id: 1 is":      func(d map[string]any) { item(d, "orderers", "consenters", 1)["id"] = 1 },
		"orderers.consenters[3].mspId: \"Org1": func(d map[string]any) { item(d, "orderers", "consenters", 3)["mspId"] = "Org1MSP" },
		"orderers.consenters[2].certificate: ": func(d map[string]any) {
			item(d, "orderers", "consenters", 2)["certificate"] = item(d, "orderers", "consenters", 0)["certificate"]
		},
		"orderers.consenters[0].certificate: ": func(d map[string]any) {
			item(d, "orderers", "consenters", 0)["certificate"] = item(d, "orderers", "organisations", 0)["roots"].([]any)[0]
		},
		`"more"`: func(d map[string]any) { item(d, "organisations", 0)["more"] = true },
	} {
		_, err := trust.Parse(edited(t, change))
		require.ErrorIs(t, err, trust.ErrInvalid, fault)
		require.ErrorContains(t, err, fault)
	}
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	_, err := trust.Parse(edited(t, func(d map[string]any) {
		d["ledger"], d["attestations"] = "", 9
		item(d, "organisations", 0)["roots"] = []any{}
	}))
	for _, field := range []string{"ledger:", "attestations:", "organisations[0].roots:"} {
		require.ErrorContains(t, err, field)
	}
}

func TestADuplicateFieldATailAndALargeFileAreRefused(t *testing.T) {
	text := string(edited(t, func(map[string]any) {}))
	_, err := trust.Parse([]byte(text))
	require.NoError(t, err)
	for _, wrong := range []string{
		strings.Replace(text, `"attestations":`, `"attestations":1,"attestations":`, 1), text + "{}", text[:len(text)-1], "", "null", "[]",
		strings.Replace(text, `"attestations":`, `"Attestations":`, 1), text + strings.Repeat(" ", trust.MaxSize),
	} {
		_, err := trust.Parse([]byte(wrong))
		require.ErrorIs(t, err, trust.ErrInvalid)
	}
}

func TestARevokedConsenterLeavesTheQuorumAsItIs(t *testing.T) {
	n := fabrictest.NewNetwork(t, 4)
	n.Trust.Orderers.Organisations[0].Revoked = []string{n.Ordering.Revoke(t, n.Orderers[3])}
	read, err := trust.FromConfigBlock(n.ConfigBlock(t), ledgerName, 0)
	require.NoError(t, err)
	require.Equal(t, 3, read.Orderers.Signatures)
	v, err := trust.NewVerifier(read)
	require.NoError(t, err)
	_, err = v.Consenter(4)
	require.ErrorIs(t, err, trust.ErrNotTrusted)
	_, err = v.Consenter(3)
	require.NoError(t, err)
}

func TestAQuorumIsFabrics(t *testing.T) {
	// ⌈(n+f+1)/2⌉ with f = ⌊(n-1)/3⌋, from common/policies/bft.go of Fabric 3.1.5.
	for n, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 4, 6: 4, 7: 5, 10: 7, 13: 9} {
		require.Equal(t, want, trust.Quorum(n), n)
	}
	for n, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3} {
		require.Equal(t, want, trust.Majority(n), n)
	}
}

func FuzzParse(f *testing.F) {
	for _, consenters := range []int{0, 4} {
		text, err := fabrictest.NewNetwork(f, consenters).Trust.Encode()
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(`{"type":"trust"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := trust.Parse(data)
		if err != nil {
			require.ErrorIs(t, err, trust.ErrInvalid)
			return
		}
		text, err := read.Encode()
		require.NoError(t, err)
		again, err := trust.Parse(text)
		require.NoError(t, err)
		second, err := again.Encode()
		require.NoError(t, err)
		require.Equal(t, string(text), string(second))
	})
}
