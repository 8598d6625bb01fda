// SPDX-License-Identifier: Apache-2.0

package ops_test

import (
	"bytes"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/ops"
	"github.com/anchorline/anchorline/bridge/spool"
)

// scrape returns the samples of /metrics by name and labels.
func scrape(t *testing.T, url string) map[string]float64 {
	t.Helper()
	status, body := get(t, url+"/metrics")
	require.Equal(t, http.StatusOK, status, string(body))
	samples := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndex(line, " ")
		value, err := strconv.ParseFloat(line[at+1:], 64)
		require.NoError(t, err, line)
		samples[line[:at]] = value
	}
	return samples
}

// ours are the samples of the bridge, without its prefix.
func ours(t *testing.T, url string) map[string]float64 {
	t.Helper()
	samples := map[string]float64{}
	for name, value := range scrape(t, url) {
		if rest, ok := strings.CutPrefix(name, "anchorline_bridge_"); ok {
			samples[rest] = value
		}
	}
	return samples
}

func (w *world) awaitReceived(n float64) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return ours(w.t, w.url)["messages_received_total"] == n }, patience, 10*time.Millisecond)
}

func TestMetricsFollowTheConventions(t *testing.T) {
	w := newWorld(t)
	w.publish("d", []byte("garbage"))
	w.awaitReceived(1)
	_, body := get(t, w.url+"/metrics")
	problems, err := promlint.New(bytes.NewReader(body)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	require.NotContains(t, string(body), `device=`, "a fleet is too large for labels")
}

func TestMetricsAreTheBooksAndBalance(t *testing.T) {
	w := newWorld(t)
	key := w.register("d")
	first := w.signed(key, "d", 1)
	w.publish("d", first)
	w.awaitReceived(1)
	w.publish("d", first, w.signed(key, "d", 4), w.signed(key, "d", 1), []byte("garbage"), w.signed(key, "stranger", 1))
	var got map[string]float64
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		got = ours(t, w.url)
		require.Subset(c, got, map[string]float64{"messages_received_total": 6, "readings_receipted_total": 2})
	}, patience, 10*time.Millisecond)
	// How many batches there are depends on how they arrived; everything else does not.
	batches, anchored := got["batches_sealed_total"], got["last_anchor_timestamp_seconds"]
	require.Contains(t, []float64{1, 2}, batches)
	require.InDelta(t, float64(time.Now().Unix()), anchored, 60)
	require.Positive(t, got["spool_bytes"])
	require.Positive(t, got["quarantine_bytes"])
	for _, name := range []string{"batches_sealed_total", "last_anchor_timestamp_seconds", "spool_bytes", "quarantine_bytes"} {
		delete(got, name)
	}
	for name, value := range got {
		if value == 0 && (strings.HasPrefix(name, "messages_quarantined_total{") || strings.HasPrefix(name, "readings_withdrawn_total{")) {
			delete(got, name)
		}
	}
	require.Equal(t, map[string]float64{
		"messages_received_total": 6, "messages_duplicate_total": 1, "readings_accepted_total": 2,
		`messages_quarantined_total{reason="malformed"}`:      1,
		`messages_quarantined_total{reason="topic_mismatch"}`: 1,
		`messages_quarantined_total{reason="replay"}`:         1,
		"readings_anchored_total":                             2, "readings_receipted_total": 2, "readings_pending": 0, "readings_missing": 2,
		"oldest_pending_age_seconds": 0, "last_anchor_number": batches,
		`batches{state="sealed"}`: 0, `batches{state="prepared"}`: 0, `batches{state="committed"}`: 0, `batches{state="receipted"}`: batches,
		"quarantine_messages": 3, "quarantine_dropped_total": 0, "intake_stopped": 0, "registry_away_seconds": 0,
		"connected": 1, "halted": 0, "ledger_reachable": 1, `info{ledger="mychannel/anchorline",stream="Org1MSP/s"}`: 1,
	}, got)
	status, err := w.bridge.Status()
	require.NoError(t, err)
	require.True(t, status.Balance())
}

func TestEveryReasonToQuarantineHasACounterFromTheStart(t *testing.T) {
	want := map[string]float64{}
	for _, file := range []string{"../verify/verify.go", "../spool/append.go", "../intake/intake.go"} {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, reason := range regexp.MustCompile(`\bReason[A-Z]\w+ += "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
			want[reason[1]] = 0
		}
	}
	require.Greater(t, len(want), 10)
	want["of_tomorrow"] = 3
	status := bridge.Status{Snapshot: spool.Snapshot{Books: spool.Books{Quarantined: map[string]uint64{"of_tomorrow": 3}}}}
	url := listen(t, ops.Config{Dir: t.TempDir(), Stream: stream}, &stub{status: status}, &stub{})
	got := map[string]float64{}
	for name, value := range ours(t, url) {
		if reason, found := strings.CutPrefix(name, "messages_quarantined_total{reason="); found {
			got[strings.Trim(reason, `"}`)] = value
		}
	}
	require.Equal(t, want, got)
}

func TestWhatWaitsForTheLedgerShowsWithItsAge(t *testing.T) {
	w := newWorld(t)
	key := w.register("d")
	w.network.Faults(t).HangOrderer()
	w.publish("d", w.signed(key, "d", 1))
	var before float64
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		got := ours(t, w.url)
		require.Subset(c, got, map[string]float64{`batches{state="prepared"}`: 1, "readings_pending": 1})
		before = got["oldest_pending_age_seconds"]
		require.Positive(c, before)
	}, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool { return ours(t, w.url)["oldest_pending_age_seconds"] > before }, patience, 10*time.Millisecond)
	w.publish("d", w.signed(key, "d", 2))
	require.Eventually(t, func() bool { return ours(t, w.url)["readings_pending"] == 2 }, patience, 10*time.Millisecond)

	w.network.Faults(t).ReleaseOrderer()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		got := ours(t, w.url)
		require.Subset(c, got, map[string]float64{"readings_pending": 0, "oldest_pending_age_seconds": 0, "last_anchor_number": 2})
	}, patience, 10*time.Millisecond)
}
