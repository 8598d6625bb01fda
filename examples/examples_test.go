// SPDX-License-Identifier: Apache-2.0

// Package examples_test runs the devices in other languages: against a bridge with its ledger, where what
// they sign must be provable, and against a bridge that lies, which they must notice.
package examples_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
)

// A world is a running `anchorline up`.
type world struct {
	dir, broker, stream, streamKey string
}

// startWorld starts broker, ledger and bridge. At the end of the test nothing that was sent may have
// been refused, and no number may be missing.
func startWorld(t *testing.T, args []string) world {
	t.Helper()
	w := world{dir: t.TempDir()}
	p := start(t, w.dir, append([]string{binary, "up", "--data", "data", "--devices", "1", "--rate", "5/s", "--report", "r.json"}, args...)...)
	p.until("msg=anchored", 1)
	w.broker, w.stream = "mqtt"+hint(t, p.output(), "is up: broker tcp", ","), hint(t, p.output(), ", stream ", ",")
	require.Contains(t, p.output(), ", ledger mychannel/anchorline at ")
	var s record.Stream
	require.NoError(t, json.Unmarshal([]byte(must(t, w.dir, binary, "stream", "show", w.stream, "--profile", "data/profile.json", "--json")), &s))
	require.Len(t, s.Keys, 1)
	w.streamKey = s.Keys[0].Public
	must(t, w.dir, binary, "audit", "trust", "--profile", "data/profile.json")
	t.Cleanup(func() {
		require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
		require.Zero(t, p.wait(), p.output())
		var report struct {
			Quarantined map[string]uint64 `json:"quarantined"`
			Gaps        uint64            `json:"gaps"`
		}
		text, err := os.ReadFile(filepath.Join(w.dir, "r.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &report))
		require.Empty(t, report.Quarantined)
		require.Zero(t, report.Gaps)
	})
	return w
}

// hint returns what stands between two texts in the output of `up`.
func hint(t *testing.T, output, before, after string) string {
	t.Helper()
	_, rest, ok := strings.Cut(output, before)
	require.True(t, ok, "no %q in: %s", before, output)
	found, _, ok := strings.Cut(rest, after)
	require.True(t, ok, "no %q after %q in: %s", after, before, output)
	return found
}

func TestADeviceInEachLanguageIsRegisteredAndItsReadingsAreProven(t *testing.T) {
	for _, s := range settings() {
		t.Run(s.name, func(t *testing.T) {
			w := startWorld(t, s.args(t))
			for _, l := range languages() {
				t.Run(l.name, func(t *testing.T) {
					t.Parallel()
					w.prove(t, l.name, l.command(t))
				})
			}
		})
	}
}

// prove registers a device, has it sign while the broker is away, while it is there, and with a stream's key
// that is not the bridge's, and verifies every reading as an auditor does.
func (w world) prove(t *testing.T, id string, program []string) {
	t.Helper()
	dir, name := t.TempDir(), "Org1MSP/"+id
	device := func(args ...string) []string { return append(append([]string(nil), program...), args...) }
	request := must(t, dir, device("request", name, "mychannel")...)
	require.Equal(t, request, must(t, dir, device("request", name, "mychannel")...), "the key stays, and EdDSA has one signature")
	key, err := os.Stat(filepath.Join(dir, id+".key"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, key.Mode().Perm())
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, id+".jsonl"), []byte(request), 0o600))
	require.Contains(t, must(t, w.dir, binary, "device", "import", id+".jsonl", "--profile", "data/profile.json"), "1 device registered")

	out, status := execute(t, dir, device("publish", name, "mqtt://"+freeAddress(t), w.stream, w.streamKey, "20.5", "1")...)
	require.Equal(t, 1, status, out)
	require.Contains(t, out, "no receipt yet of reading")
	require.NotContains(t, out, "verified")
	out = must(t, dir, device("publish", name, w.broker, w.stream, w.streamKey, "21.5")...)
	require.Contains(t, out, "reading 1 published\n", "it was kept, and is sent again")
	require.Contains(t, out, "receipt of 1 verified: reading ")
	require.Contains(t, out, "receipt of 2 verified: reading ")
	out = must(t, dir, device("publish", name, w.broker, w.stream, w.streamKey, "22.5")...)
	require.NotContains(t, out, "reading 2 published\n", "it has its receipt")
	require.Contains(t, out, "receipt of 3 verified: reading ")

	out, status = execute(t, dir, device("publish", name, w.broker, w.stream, newSigner(t).Key().Text(), "23.5", "5")...)
	require.Equal(t, 1, status, out)
	require.Contains(t, out, "receipt of 4 refused", "it is not of the key that the device trusts")
	out = must(t, dir, device("publish", name, w.broker, w.stream, w.streamKey, "24.5")...)
	require.Contains(t, out, "receipt of 4 verified: reading ", "a reading that comes again is answered again")
	require.Contains(t, out, "receipt of 5 verified: reading ")

	for i, value := range []string{"20.5", "21.5", "22.5", "23.5", "24.5"} {
		must(t, w.dir, binary, "audit", "statement", name, fmt.Sprint(i+1), "--archive", "data/bridge/archive", "--ledger", "data/profile.json")
		verdict := must(t, w.dir, binary, "audit", "verify", fmt.Sprintf("%s-%d.cose", id, i+1), "--trust", "trust.json")
		require.Contains(t, verdict, "\nPROVEN: ")
		require.Regexp(t, `"v": ?`+value, verdict)
	}
}
