// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/api/rest"
)

func TestTheManualListsEveryAddressAndCode(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	require.NoError(t, err)
	manual, _, _ := strings.Cut(string(text), "\n## anchorline bridge")
	d := readDescription(t)

	var listed, described []string
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:GET|POST) /[^`]*)` \\|").FindAllStringSubmatch(manual, -1) {
		listed = append(listed, row[1])
	}
	d.each(func(method, path string, _ operation) { described = append(described, method+" "+path) })
	require.ElementsMatch(t, described, listed)

	var codes []string
	d.at(t, "#/components/schemas/Problem/properties/code/enum", &codes)
	for _, code := range codes {
		require.Regexp(t, "(?m)^\\| \\d{3} \\| .*`"+code+"`", manual)
	}
	require.Contains(t, manual, fmt.Sprintf("| %d at once |", rest.MaxReading))
	require.Contains(t, manual, fmt.Sprintf("| %d at once |", rest.MaxAsking))
	require.Contains(t, manual, fmt.Sprintf("at most %d MiB, as `application/cose`", rest.MaxStatement>>20))
	require.Contains(t, manual, "at most 65,536 bytes")
}
