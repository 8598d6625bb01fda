// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// A snippet is a command line in a document, up to what a shell or a sentence does with it.
var (
	snippet = regexp.MustCompile("(?m)(?:^|[`(] *|\\| *|&& *|\\$ |^ +)(?:go run \\./cmd/)?anchorline ([^`|#&;>\n]+)")
	flag    = regexp.MustCompile(`--([a-z][a-z-]*)`)
)

func TestCommandsAndFlagsInTheDocumentsExist(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	require.NoError(t, err)
	parser, err := kong.New(&cli{}, kong.Name("anchorline"))
	require.NoError(t, err)
	found := 0
	for _, file := range append(files, filepath.Join("..", "..", "README.md"), filepath.Join("..", "..", "CHANGELOG.md")) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		joined := regexp.MustCompile(`\\\n\s*`).ReplaceAllString(string(text), " ")
		for _, m := range snippet.FindAllStringSubmatch(joined, -1) {
			found++
			checkSnippet(t, parser.Model.Node, file, m[1])
		}
	}
	require.Greater(t, found, 20, "the documents show how it is done")
}

// checkSnippet follows the words of a command line down the tree of commands, and looks for its
// flags there.
func checkSnippet(t *testing.T, root *kong.Node, file, text string) {
	t.Helper()
	node := root
	for _, word := range strings.Fields(text) {
		i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == strings.Trim(word, ",.:") })
		if i < 0 {
			break
		}
		node = node.Children[i]
	}
	require.NotEqual(t, root.Name, node.Name, "%s: anchorline %s: there is no such command", file, text)
	if len(node.Children) > 0 && node.DefaultCmd == nil {
		words := strings.Fields(text)
		require.LessOrEqual(t, len(words), 1, "%s: anchorline %s: there is no such command under %s", file, text, node.Name)
		return
	}
	if node.DefaultCmd != nil {
		node = node.DefaultCmd
	}
	for _, name := range flag.FindAllStringSubmatch(text, -1) {
		known := slices.ContainsFunc(node.AllFlags(false), func(group []*kong.Flag) bool {
			return slices.ContainsFunc(group, func(f *kong.Flag) bool { return f.Name == name[1] })
		})
		require.True(t, known, "%s: anchorline %s: there is no flag --%s", file, text, name[1])
	}
}
