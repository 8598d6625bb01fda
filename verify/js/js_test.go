// SPDX-License-Identifier: Apache-2.0

// Package js_test runs the tests of the JavaScript verifier with node, so that `go test ./...` covers
// it.
package js_test

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// oldestNode is the oldest major version of node with all that the verifier needs.
const oldestNode = 20

// node returns the path of a node that is new enough, or skips the test, saying so.
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("NOT TESTED: node is not installed, so the JavaScript verifier was not tested; install Node.js 20 or later")
	}
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), path, "--version").Output()
	require.NoError(t, err)
	version := strings.TrimSpace(string(out))
	major, err := strconv.Atoi(strings.Split(strings.TrimPrefix(version, "v"), ".")[0])
	require.NoError(t, err, version)
	if major < oldestNode {
		t.Skipf("NOT TESTED: node is %s, so the JavaScript verifier was not tested; install Node.js %d or later", version, oldestNode)
	}
	return path
}

func TestTheJavaScriptVerifierPassesItsTests(t *testing.T) {
	path := node(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--test", "--test-reporter=tap", "test/").CombinedOutput()
	text := string(out)
	require.NoError(t, err, text)
	require.Contains(t, text, "\n# fail 0\n", text)
	require.NotContains(t, text, "\n# tests 0\n", "node found no tests")
	for line := range strings.Lines(text) {
		if _, reason, skipped := strings.Cut(line, "# SKIP"); skipped {
			t.Logf("NOT TESTED:%s", strings.TrimRight(reason, "\n"))
		}
	}
}
