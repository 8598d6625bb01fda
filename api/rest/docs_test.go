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

	"github.com/anchorline/anchorline/reading/receipt"
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
	for _, limit := range []int{receipt.MaxStatementSize, 64 << 10} {
		text := fmt.Sprint(limit)
		require.Contains(t, manual, text[:len(text)-3]+","+text[len(text)-3:]+" bytes")
	}
}
