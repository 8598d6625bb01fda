// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

func TestUpForAWhileBalancesItsBooks(t *testing.T) {
	for _, s := range settings() {
		t.Run(s.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, dir, "", upArgs(t, s.broker(t), "--for", "3s", "--rate", "20/s", "--report", "r.json")...)
			r := readReport(t, filepath.Join(dir, "r.json"))
			require.Positive(t, r.Published)
			require.Equal(t, r.Published, r.Accepted)
			// A device sends again what it got no receipt for in time.
			require.Equal(t, r.Received, r.Accepted+r.Duplicates)
			require.Equal(t, r.Published, r.Anchored)
			require.Equal(t, r.Published, r.ReceiptsVerified)
			require.Zero(t, r.Pending)
			require.Zero(t, r.Gaps)
			require.Empty(t, r.Quarantined)
			require.Greater(t, r.LedgerHeight, r.Batches, "a block for each batch, and those before")
			checkArchive(t, dir, r.Published)
		})
	}
}

func TestARealSeriesIsAnchoredRowByRowExactlyOnce(t *testing.T) {
	path := series(t, "ambient_temperature_system_failure.csv")
	for _, s := range settings() {
		t.Run(s.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, dir, "", upArgs(t, s.broker(t), "--replay", path, "--devices", "1", "--report", "r.json")...)
			r := readReport(t, filepath.Join(dir, "r.json"))
			want := values(t, path)
			require.EqualValues(t, len(want), r.Published)
			require.EqualValues(t, len(want), r.Accepted)
			require.EqualValues(t, len(want), r.Anchored)
			require.EqualValues(t, len(want), r.ReceiptsVerified)
			require.Equal(t, want, checkArchive(t, dir, r.Published))
		})
	}
}

func TestKillNineAtRandomLosesNothingAndAnchorsNothingTwice(t *testing.T) {
	path := generated(t, 6_000)
	dir := t.TempDir()
	// Slow enough that the kills come while rows are left: a replay that is done begins anew.
	args := upArgs(t, "", "--replay", path, "--devices", "1", "--rate", "2000/s", "--report", "r.json")
	for i := range 3 {
		p := start(t, dir, args...)
		p.until("Anchorline is up")
		// After this batch, while the next is on its way: which step is hit is left to chance.
		batches := 1 + rand.IntN(3)
		p.untilTimes("msg=anchored", batches)
		p.kill()
		t.Logf("kill %d after %d batches", i+1, batches)
	}
	must(t, dir, "", args...)
	r := readReport(t, filepath.Join(dir, "r.json"))
	want := values(t, path)
	require.Zero(t, r.Pending)
	require.EqualValues(t, len(want), r.Published, "the replay went on where it was killed")
	require.Equal(t, r.Published, r.Anchored, "everything that a device got acknowledged is anchored")
	require.Equal(t, r.Published, r.ReceiptsVerified)
	require.Equal(t, want, checkArchive(t, dir, r.Published), "every row once, in order")
}

func TestASecondRunOnTheSameFolderGoesOn(t *testing.T) {
	dir := t.TempDir()
	must(t, dir, "", upArgs(t, "", "--for", "1s", "--rate", "10/s", "--report", "1.json")...)
	must(t, dir, "", upArgs(t, "", "--for", "1s", "--rate", "10/s", "--report", "2.json")...)
	first, second := readReport(t, filepath.Join(dir, "1.json")), readReport(t, filepath.Join(dir, "2.json"))
	require.Greater(t, second.Published, first.Published)
	require.Equal(t, second.Published, second.Anchored)
	require.Zero(t, second.Gaps)
	checkArchive(t, dir, second.Published)
}

func TestGarbageIsQuarantinedAndDisturbsNothing(t *testing.T) {
	for _, s := range settings() {
		t.Run(s.name, func(t *testing.T) {
			dir := t.TempDir()
			p := start(t, dir, upArgs(t, s.broker(t), "--rate", "10/s", "--report", "r.json")...)
			p.until("msg=anchored")
			sim, broker := hint(t, p.output(), "data/statements/", ".cose"), hint(t, p.output(), "is up: broker ", ",")
			must(t, dir, "garbage", "device", "publish", "Org1MSP/"+sim, "--raw", "--broker", broker)
			must(t, dir, strings.Repeat("x", reading.MaxSize+1), "device", "publish", "Org1MSP/"+sim, "--raw", "--broker", broker)
			must(t, dir, "", "device", "new", "stranger"+sim)
			must(t, dir, "", "device", "publish", "Org1MSP/stranger"+sim, "--broker", broker, "--value", "1")
			p.until("reason=malformed")
			p.until("reason=oversized")
			p.until("reason=unknown_device")
			p.interrupt()
			require.Zero(t, p.wait(), p.output())
			r := readReport(t, filepath.Join(dir, "r.json"))
			require.Equal(t, map[string]uint64{"malformed": 1, "oversized": 1, "unknown_device": 1}, r.Quarantined)
			require.Equal(t, r.Received, r.Accepted+r.Duplicates+3)
			listed := must(t, dir, "", "bridge", "quarantine", "--data", "data/bridge")
			for _, reason := range []string{"malformed", "oversized", "unknown_device"} {
				require.Contains(t, listed, reason)
			}
		})
	}
}

func TestADeviceFromTheShellGetsAReceiptAndAProof(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, upArgs(t, "", "--rate", "10/s")...)
	p.until("Anchorline is up")
	p.until("msg=anchored")
	broker, stream := hint(t, p.output(), "is up: broker ", ","), hint(t, p.output(), ", stream ", ",")
	id := fmt.Sprintf("kitchen-%x", rand.Uint32())
	for _, alg := range []string{"EdDSA", "ES256"} {
		id := id + alg
		must(t, dir, "", "device", "new", id, "--algorithm", alg)
		_, status := command(t, dir, "", "device", "new", id)
		require.Equal(t, 1, status, "a key is never overwritten")
		require.Contains(t, must(t, dir, "", "device", "register", id, "--profile", profileOf(), "--type", "thermometer"), "active")
		out := must(t, dir, "", "device", "publish", id, "--broker", broker, "--ledger", profileOf(),
			"--name", "temperature", "--unit", "Cel", "--value", "21.5")
		require.Contains(t, out, "published reading 1")
		require.Contains(t, out, "receipt verified")
		out = must(t, dir, `[{"n":"x","v":2}]`, "device", "publish", id, "--broker", broker, "--ledger", profileOf())
		require.Contains(t, out, "published reading 2")

		file := id + "-1.cose"
		must(t, dir, "", "audit", "trust", "--profile", profileOf())
		must(t, dir, "", "audit", "statement", "Org1MSP/"+id, "1", "--archive", "data/bridge/archive", "--ledger", profileOf())
		out = must(t, dir, "", "audit", "verify", file, "--trust", "trust.json")
		require.Contains(t, out, "\nPROVEN: ")
		require.Contains(t, out, `"v":21.5`)
		require.Contains(t, must(t, dir, "", "audit", "verify", file, "--trust", "trust.json", "--ledger", profileOf()), "\nPROVEN: ")
		flipBytes(t, dir, file)
	}
	require.Contains(t, must(t, dir, "", "device", "list", "--profile", profileOf()), "Org1MSP/"+id)
	must(t, dir, "", "audit", "archive", "--archive", "data/bridge/archive", "--stream", stream, "--profile", profileOf())
	p.interrupt()
	require.Zero(t, p.wait(), p.output())
}

// flipBytes has the program notice one changed byte in copies of a statement, at places spread over the
// whole file; that every byte counts is tested in package audit. Where a signature is broken without which
// enough others vouch, the statement stays proven, and a note says that it does not count.
func flipBytes(t *testing.T, dir, file string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, file))
	require.NoError(t, err)
	for i := 0; i < len(data); i += len(data)/24 + 1 {
		changed := append([]byte(nil), data...)
		changed[i] ^= 0x01
		require.NoError(t, os.WriteFile(filepath.Join(dir, "changed.cose"), changed, 0o600))
		out, status := command(t, dir, "", "audit", "verify", "changed.cose", "--trust", "trust.json")
		if status == 0 {
			require.Contains(t, out, "does not count", "byte %d", i)
			continue
		}
		require.Contains(t, []int{3, 4}, status, "byte %d: %s", i, out)
		require.NotContains(t, out, "\nPROVEN: ", "byte %d", i)
	}
}

// checkArchive verifies the archived readings, and the statements that were kept as an auditor would,
// offline. It checks that no reading of the simulated devices is there twice or missing, and returns
// the values of the first device, in order.
func checkArchive(t *testing.T, dir string, published uint64) []float64 {
	t.Helper()
	a, err := archive.Open(filepath.Join(dir, "data", "bridge", "archive"))
	require.NoError(t, err)
	checkStatements(t, dir)
	stream := keyOf(t, filepath.Join(dir, "data", "bridge", "stream.key"))
	last, err := a.Last()
	require.NoError(t, err)
	seen := map[name.Name]map[uint64]float64{}
	for n := uint64(1); n <= last; n++ {
		b, err := a.Get(n)
		require.NoError(t, err)
		for i, e := range b.Entries {
			r, err := reading.Parse(e.Reading)
			require.NoError(t, err)
			device, seq := r.Claims().Device, r.Claims().Sequence
			if seen[device] == nil {
				seen[device] = map[uint64]float64{}
			}
			// Looked up directly: testify's Contains walks a map.
			if _, twice := seen[device][seq]; twice {
				require.Fail(t, "a reading is archived twice", "%s %d", device, seq)
			}
			seen[device][seq] = value(t, r.Payload())
			if i%50 == 0 { // all share the batch's signature and tree
				data, err := a.Statement(n, uint64(i))
				require.NoError(t, err)
				s, err := receipt.ParseStatement(data)
				require.NoError(t, err)
				require.NoError(t, s.Verify(keyOf(t, filepath.Join(dir, "data", "devices", device.ID+".key")), stream))
			}
		}
	}
	var total uint64
	for device, readings := range seen {
		total += uint64(len(readings))
		for seq := uint64(1); seq <= uint64(len(readings)); seq++ {
			if _, there := readings[seq]; !there {
				require.Fail(t, "a reading is missing", "%s %d", device, seq)
			}
		}
	}
	require.Equal(t, published, total)
	first := seen[slices.MinFunc(slices.Collect(maps.Keys(seen)), name.Compare)]
	out := make([]float64, len(first))
	for seq, v := range first {
		out[seq-1] = v
	}
	return out
}

// keyOf is the public half of a key file.
func keyOf(t *testing.T, path string) cose.Key {
	t.Helper()
	signer, err := device.ReadKey(path)
	require.NoError(t, err)
	return signer.Key()
}

// checkStatements verifies what up kept for auditors with the trust that it wrote, of which there is
// something.
func checkStatements(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "trust.json"))
	require.NoError(t, err)
	whom, err := trust.Parse(text)
	require.NoError(t, err)
	verifier, err := audit.NewVerifier(whom, audit.Requirement{})
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(dir, "data", "statements", "*.cose"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, verifier.Verify(data).Err(), file)
	}
}

func value(t *testing.T, payload []byte) float64 {
	t.Helper()
	var pack []struct {
		V float64 `json:"v"`
	}
	require.NoError(t, json.Unmarshal(payload, &pack))
	require.Len(t, pack, 1)
	return pack[0].V
}

// values are the second column of a CSV file with a header.
func values(t *testing.T, path string) []float64 {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	out := make([]float64, 0, len(rows))
	for _, row := range rows[1:] {
		v, err := strconv.ParseFloat(row[1], 64)
		require.NoError(t, err)
		out = append(out, v)
	}
	return out
}

// hint returns what stands between two texts in up's output.
func hint(t *testing.T, output, before, after string) string {
	t.Helper()
	_, rest, ok := strings.Cut(output, before)
	require.True(t, ok, "no %q in: %s", before, output)
	found, _, ok := strings.Cut(rest, after)
	require.True(t, ok, "no %q after %q in: %s", after, before, output)
	return found
}
