// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/reading/receipt"
)

// auditStory audits what anchorStory anchored.
func auditStory(t *testing.T, s *shell) {
	r := s.as(t, "user2", "audit trust --attestations 2")
	require.Zero(t, r.status, r.out+r.err)
	require.Contains(t, r.out, "trust.json: 2 of Org1MSP, Org2MSP must attest; blocks are ordered by etcdraft.")

	file := statement(t)
	for _, trust := range [][]string{{"--trust", "trust.json", "--ledger", "user2"}, {"--ledger", "user2"}} {
		r := s.run(t, append([]string{"audit", "verify", file, "--require", "attested:2"}, trust...)...)
		require.Zero(t, r.status, r.out+r.err)
		require.Contains(t, r.out, "\nPROVEN: ")
	}

	// The archive gives the same reading back, and with what the organisations attest now it is proven
	// without the ledger.
	archive := filepath.Join("up", "bridge", "archive")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	said, err := receipt.ParseStatement(data)
	require.NoError(t, err)
	claims := said.Reading.Claims()
	r = s.run(t, "audit", "statement", claims.Device.String(), fmt.Sprint(claims.Sequence), "--archive", archive, "--ledger", "user2", "--out", "again.cose")
	require.Zero(t, r.status, r.err)
	again, err := receipt.ParseStatement([]byte(readFile(t, "again.cose")))
	require.NoError(t, err)
	require.Equal(t, said.Reading.Bytes(), again.Reading.Bytes())
	r = s.run(t, "audit", "verify", "again.cose", "--trust", "trust.json", "--json")
	require.Zero(t, r.status, r.out+r.err)
	var report audit.Report
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	require.Equal(t, []string{"Org1MSP", "Org2MSP"}, report.AttestedBy)

	completenessStory(t, s, claims.Device.String(), archive)
	require.Zero(t, s.as(t, "user2", "audit evidence --stream Org1MSP/line-1 --archive "+archive).status)
	whole := decodes[fsck.Report](t, s, "user2", "audit archive --stream Org1MSP/line-1 --archive "+archive)
	require.True(t, whole.OK())
	r = s.as(t, "user2", "audit archive --stream Org1MSP/line-1 --archive "+archive)
	require.Zero(t, r.status, r.out+r.err)
	r = s.as(t, "user2", "audit archive --stream Org1MSP/line-9 --archive "+archive)
	require.NotZero(t, r.status, "an archive of another stream")
}

// completenessStory exports the readings of a device, and judges the file and the archive alike.
func completenessStory(t *testing.T, s *shell, device, archive string) {
	r := s.run(t, "audit", "export", device, "--archive", archive, "--ledger", "user2", "--out", "all.readings")
	require.Zero(t, r.status, r.out+r.err)
	r = s.run(t, "audit", "completeness", "--export", "all.readings", "--trust", "trust.json", "--json")
	require.Zero(t, r.status, r.out+r.err)
	var found audit.Completeness
	require.NoError(t, json.Unmarshal([]byte(r.out), &found))
	require.Equal(t, audit.Proven, found.Completeness.Answer)
	require.Equal(t, audit.CannotTell, found.Coverage.Answer, "no reporting period is registered")
	r = s.run(t, "audit", "completeness", device, "--archive", archive, "--trust", "trust.json", "--ledger", "user2")
	require.Zero(t, r.status, r.out+r.err)
	r = s.run(t, "audit", "verify", "all.readings", "--trust", "trust.json")
	require.Zero(t, r.status, r.out+r.err)

	whole := readFile(t, "all.readings")
	require.NoError(t, os.WriteFile("cut.readings", []byte(whole[:len(whole)-3]), 0o600))
	r = s.run(t, "audit", "completeness", "--export", "cut.readings", "--trust", "trust.json")
	require.Equal(t, 1, r.status)
	require.Contains(t, r.err, "cut off")
}
