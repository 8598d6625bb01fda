// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// manual reads a page of the documentation.
func manual(t *testing.T, page string) string {
	t.Helper()
	return string(content(t, filepath.Join("..", "..", "docs", page)))
}

func TestTheOperatorsManualNamesMetricsThatExist(t *testing.T) {
	// The table there is compared with the code.
	var described []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (?:counter|gauge) ").FindAllStringSubmatch(manual(t, "api.md"), -1) {
		described = append(described, row[1])
	}
	named := regexp.MustCompile("anchorline_bridge_([a-z_]+)").FindAllStringSubmatch(manual(t, "deploy.md"), -1)
	require.NotEmpty(t, named)
	for _, metric := range named {
		require.Contains(t, described, metric[1], "docs/api.md has no such metric")
	}
}

func TestTheOperatorsManualUsesOptionsThatTheScriptsHave(t *testing.T) {
	// Lines that end in a backslash go on.
	text := strings.ReplaceAll(manual(t, "deploy.md"), "\\\n", " ")
	calls := regexp.MustCompile(`([a-z-]+\.sh)((?: +[^\n#|;)]*)?)`).FindAllStringSubmatch(text, -1)
	option := regexp.MustCompile(`--[a-z][a-z-]*`)
	checked := 0
	for _, call := range calls {
		if _, err := os.Stat(script(call[1])); err != nil {
			continue // somebody else's script
		}
		help, err := say(t, call[1], "--help")
		require.NoError(t, err, help)
		// A sentence may go on with another program's options after the closing backquote.
		arguments, _, _ := strings.Cut(call[2], "`")
		for _, found := range option.FindAllString(arguments, -1) {
			require.Contains(t, option.FindAllString(help, -1), found, "%s has no such option", call[1])
			checked++
		}
	}
	require.Greater(t, checked, 10, "the manual's calls were not found")
}

func TestTheOperatorsManualLinksToWhatIsThere(t *testing.T) {
	page := manual(t, "deploy.md")
	links := regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(page, -1)
	require.NotEmpty(t, links)
	for _, link := range links {
		target := page
		if link[1] != "" {
			target = manual(t, link[1])
		}
		if link[2] != "" {
			require.Contains(t, headings(target), link[2], link[0])
		}
	}
	// What the text calls a file of this repository is one.
	for _, file := range regexp.MustCompile("`((?:network|test-network-scripts)/[A-Za-z0-9_./-]+)`").FindAllStringSubmatch(page, -1) {
		_, err := os.Stat(filepath.Join("..", "..", file[1]))
		require.NoError(t, err)
	}
}

// headings returns the anchors of a page's headings.
func headings(page string) []string {
	var anchors []string
	dropped := regexp.MustCompile(`[^a-z0-9 -]`)
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		anchors = append(anchors, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(heading[1]), ""), " ", "-"))
	}
	return anchors
}
