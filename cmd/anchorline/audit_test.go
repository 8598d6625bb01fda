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
	devices := len(decodes[[]any](t, s, "user2", "device list"))
	s.prints(t, fmt.Sprintf("all.json: %d devices and 2 streams of mychannel/anchorline\n", devices), "user2", "audit pins --out all.json")
	s.prints(t, fmt.Sprintf("pins.json: %d devices and 1 stream of mychannel/anchorline\n", devices), "user2", "audit pins --stream line-1")
	var pins audit.Pins
	require.NoError(t, json.Unmarshal([]byte(readFile(t, "pins.json")), &pins))
	require.Equal(t, "line-1", pins.Streams[0].ID)
	s.refuses(t, 1, []string{"NOT_FOUND"}, "user2", "audit pins --stream nothing")

	file := statement(t)
	for _, trust := range [][]string{{"--pins", "pins.json"}, {"--pins", "all.json"}, {"--ledger", "user2"}} {
		r := s.run(t, append([]string{"audit", "verify", file}, trust...)...)
		require.Zero(t, r.status, r.out+r.err)
		require.Contains(t, r.out, "\nPROVEN: "+file)
	}
	r := s.run(t, "audit", "verify", "forged.cose", "--pins", "pins.json")
	require.Equal(t, 1, r.status)
	require.Contains(t, r.out, "NOT PROVEN: forged.cose")

	// The archive gives the same statement back, and agrees with the ledger.
	archive := filepath.Join("up", "bridge", "archive")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	said, err := receipt.ParseStatement(data)
	require.NoError(t, err)
	claims := said.Reading.Claims()
	r = s.run(t, "audit", "statement", claims.Device, fmt.Sprint(claims.Sequence), "--archive", archive, "--out", "again.cose")
	require.Zero(t, r.status, r.err)
	require.Equal(t, fmt.Sprintf("again.cose: reading %d of %s, from batch %d\n", claims.Sequence, claims.Device, said.Receipt.Claims.Number), r.out)
	require.Equal(t, data, []byte(readFile(t, "again.cose")))
	r = s.as(t, "user2", "audit archive --stream line-1 --archive "+archive)
	require.Zero(t, r.status, r.out+r.err)
	report := decodes[fsck.Report](t, s, "user2", "audit archive --stream line-1 --archive "+archive)
	require.True(t, report.OK())
	require.Equal(t, fmt.Sprintf("%d batches, %d readings of 1 device compared with the ledger, 0 pending\n", report.Batches, report.Readings), r.out)
	r = s.as(t, "user2", "audit archive --stream line-9 --archive "+archive)
	require.Equal(t, 1, r.status, "an archive of another stream")
	require.Contains(t, r.out, "is it the archive of this stream, ")
}
