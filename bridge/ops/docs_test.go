// SPDX-License-Identifier: Apache-2.0

package ops_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/ops"
	"github.com/anchorline/anchorline/bridge/spool"
)

func TestTheManualListsEveryMetricWithItsType(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	require.NoError(t, err)
	_, manual, found := strings.Cut(string(text), "\n### Metrics\n")
	require.True(t, found)
	listed := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\w+) \\|").FindAllStringSubmatch(manual, -1) {
		listed[row[1]] = row[2]
	}
	status := bridge.Status{Snapshot: spool.Snapshot{Books: spool.Books{Quarantined: map[string]uint64{"malformed": 1}}}}
	_, body := get(t, listen(t, ops.Config{Dir: t.TempDir(), Stream: stream}, &stub{status: status}, &stub{})+"/metrics")
	served := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^# TYPE anchorline_bridge_(\w+) (\w+)$`).FindAllStringSubmatch(string(body), -1) {
		served[row[1]] = row[2]
	}
	require.Equal(t, served, listed)
	for _, reason := range regexp.MustCompile(`_quarantined_total\{reason="(\w+)"\}`).FindAllStringSubmatch(string(body), -1) {
		require.Regexp(t, "(?m)^\\| .*`"+reason[1]+"`.* \\|", manual)
	}
	for _, name := range regexp.MustCompile(`anchorline_bridge_(\w+)`).FindAllStringSubmatch(manual, -1) {
		if name[1] != "" {
			require.Contains(t, slices.Collect(maps.Keys(served)), name[1], "the alerts")
		}
	}
}
