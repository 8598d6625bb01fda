// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxCode is how many lines of code this network may have; the reasons are in
// docs/decisions/2026-11-23-devnet-size.md.
const maxCode = 5900

func TestTheEmbeddedNetworkStaysSmall(t *testing.T) {
	code := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "probe") {
			return err
		}
		content, err := os.ReadFile(path)
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				code++
			}
		}
		return err
	}))
	require.Greater(t, code, 1000, "the code was not found")
	require.LessOrEqual(t, code, maxCode, "lines of code, without tests: take some away, or say in the decision why not")
	t.Logf("%d lines of code", code)
}
