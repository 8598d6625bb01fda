// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// stopped is the data folder of a stopped bridge: two readings wait, one message was refused.
func stopped(t *testing.T) (dir string, readings [][]byte) {
	t.Helper()
	dir = t.TempDir()
	store, err := spool.Open(spoolPath(dir), name.New("Org1MSP", "s"))
	require.NoError(t, err)
	signer, err := cose.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	require.NoError(t, err)
	items := []spool.Item{{Topic: "t", Payload: []byte("garbage"), Reason: "malformed", Detail: "no"}}
	for _, sequence := range []uint64{1, 5} {
		data, err := reading.Sign(signer, reading.Claims{Device: name.New("Org1MSP", "d"), Sequence: sequence, Time: 7}, reading.SenMLJSON, []byte("[]"))
		require.NoError(t, err)
		r, err := reading.Parse(data)
		require.NoError(t, err)
		items, readings = append(items, spool.Item{Topic: "t", Payload: data, Received: 9, Reading: r}), append(readings, data)
	}
	_, err = store.Append(items)
	require.NoError(t, err)
	require.NoError(t, store.Close())
	return dir, readings
}

// said runs a command without a shell.
func said(t *testing.T, run func(streams) error) (string, error) {
	t.Helper()
	var out strings.Builder
	err := run(streams{out: &out, err: &out})
	return out.String(), err
}

func TestAStoppedBridgeIsCheckedExportedAndSalvaged(t *testing.T) {
	dir, readings := stopped(t)
	check := bridgeCheckCmd{bridgeData: bridgeData{dir}}
	text, err := said(t, check.Run)
	require.NoError(t, err)
	require.Contains(t, text, "stream Org1MSP/s: 2 readings accepted, 0 anchored, 2 waiting")
	require.Contains(t, text, "no damage")

	file := filepath.Join(t.TempDir(), "readings")
	export := bridgeExportCmd{bridgeData: bridgeData{dir}, Out: file}
	text, err = said(t, export.Run)
	require.NoError(t, err)
	require.Contains(t, text, "2 readings written")
	_, err = said(t, export.Run)
	require.ErrorIs(t, err, os.ErrExist, "a file is not overwritten")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	require.Len(t, lines, 2)
	for i, line := range lines {
		var e bridge.Exported
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		require.Equal(t, bridge.Exported{Received: 9, Reading: readings[i]}, e)
	}

	salvage := bridgeSalvageCmd{bridgeData: bridgeData{dir}, Stream: name.New("Org1MSP", "s")}
	text, err = said(t, salvage.Run)
	require.NoError(t, err)
	require.Contains(t, text, "the damaged file is kept as")

	whole, err := os.ReadFile(spoolPath(dir))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(spoolPath(dir), whole[:5000], 0o600))
	_, err = said(t, check.Run)
	require.ErrorIs(t, err, spool.ErrDamaged)
}

func TestGapsSayWhichDeviceSkippedWhat(t *testing.T) {
	dir, _ := stopped(t)
	store, err := spool.Open(spoolPath(dir), name.New("Org1MSP", "s"))
	require.NoError(t, err)
	b, err := store.Seal(9)
	require.NoError(t, err)
	require.NoError(t, store.Prepare(b.Number, []byte("tx"), spool.Commit{}))
	require.NoError(t, store.Commit(b.Number, spool.Commit{Time: 1769860800000}))
	require.NoError(t, store.Close())
	text, err := said(t, (&bridgeGapsCmd{bridgeData: bridgeData{dir}, Limit: 10}).Run)
	require.NoError(t, err)
	require.Regexp(t, `Org1MSP/d +2 +4 +1 +2026-01-31T12:00:00Z`, text)
}

func TestTheQuarantineOfAStoppedBridgeIsReadAndPurged(t *testing.T) {
	dir, _ := stopped(t)
	run := func(f func(streams) error) (string, error) { return said(t, f) }
	text, err := run(func(s streams) error {
		return (&quarantineListCmd{bridgeData: bridgeData{dir}, Limit: 10}).Run(t.Context(), s)
	})
	require.NoError(t, err)
	require.Contains(t, text, "malformed")
	text, err = run(func(s streams) error {
		return (&quarantineShowCmd{bridgeData: bridgeData{dir}, ID: 1}).Run(t.Context(), s)
	})
	require.NoError(t, err)
	var m quarantine.Message
	require.NoError(t, json.Unmarshal([]byte(text), &m))
	require.Equal(t, []byte("garbage"), m.Payload)
	_, err = run(func(s streams) error { return (&quarantineRetryCmd{bridgeData: bridgeData{dir}}).Run(t.Context(), s) })
	require.ErrorContains(t, err, "must run")
	_, err = run(func(s streams) error { return (&quarantinePurgeCmd{bridgeData: bridgeData{dir}}).Run(t.Context(), s) })
	require.ErrorContains(t, err, "--all")
	text, err = run(func(s streams) error {
		return (&quarantinePurgeCmd{bridgeData: bridgeData{dir}, All: true}).Run(t.Context(), s)
	})
	require.NoError(t, err)
	require.Contains(t, text, "1 messages removed")
}
