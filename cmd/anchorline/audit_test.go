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
	"github.com/anchorline/anchorline/reading/receipt"
)

// auditStory audits what anchorStory anchored.
func auditStory(t *testing.T, s *shell) {
	r := s.as(t, "user2", "audit trust --attestations 2")
	require.Zero(t, r.status, r.err)
	require.Regexp(t, `^trust.json: 2 of Org1MSP, Org2MSP must attest; blocks are ordered by etcdraft. From configuration block \d+ of mychannel/anchorline.\n$`, r.out)

	file := statement(t)
	r = s.run(t, "audit", "verify", file, "--trust", "trust.json", "--ledger", "user2")
	require.Zero(t, r.status, r.out+r.err)
	require.Contains(t, r.out, "\nPROVEN: ")
	r = s.run(t, "audit", "verify", file, "--trust", "trust.json", "--ledger", "user2", "--json")
	var proven audit.Report
	require.NoError(t, json.Unmarshal([]byte(r.out), &proven))
	require.True(t, proven.OK)
	r = s.run(t, "audit", "verify", "user2", "--trust", "trust.json")
	require.Equal(t, statusRefuted, r.status, "a file that is no statement")

	// The archive gives the same reading back.
	archive := filepath.Join("up", "bridge", "archive")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	said, err := receipt.ParseStatement(data)
	require.NoError(t, err)
	claims := said.Reading.Claims()
	device, sequence := claims.Device.String(), fmt.Sprint(claims.Sequence)
	r = s.run(t, "audit", "statement", device, sequence, "--archive", archive, "--ledger", "user2", "--out", "again.cose")
	require.Zero(t, r.status, r.err)
	require.Contains(t, r.out, fmt.Sprintf("again.cose: reading %s of %s, from batch %d, ", sequence, device, said.Receipt.Claims.Number))
	again, err := receipt.ParseStatement([]byte(readFile(t, "again.cose")))
	require.NoError(t, err)
	require.Equal(t, said.Reading.Bytes(), again.Reading.Bytes())
	require.Zero(t, s.run(t, "audit", "verify", "again.cose", "--trust", "trust.json").status, "offline, with what it carries")

	// And all readings of a range, of which none is missing.
	r = s.run(t, "audit", "export", device, "--from", "1", "--to", "5", "--archive", archive, "--ledger", "user2", "--out", "five.readings")
	require.Zero(t, r.status, r.err)
	r = s.run(t, "audit", "completeness", "--export", "five.readings", "--trust", "trust.json")
	require.NotEqual(t, statusRefuted, r.status, r.out+r.err)
	require.Contains(t, r.out, "integrity     PROVEN")

	archiveStory(t, s)
}
