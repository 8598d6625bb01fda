// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/devnet"
)

// manual is a chapter of docs/devnet.md.
func manual(t *testing.T, heading string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "devnet.md"))
	require.NoError(t, err)
	_, chapter, found := strings.Cut(string(content), "\n## "+heading+"\n")
	require.True(t, found, "the manual has no chapter %q", heading)
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	return chapter
}

// snippet is the first block of code of a chapter in a language.
func snippet(t *testing.T, heading, language string) string {
	t.Helper()
	_, code, found := strings.Cut(manual(t, heading), "```"+language+"\n")
	require.True(t, found)
	code, _, found = strings.Cut(code, "```")
	require.True(t, found)
	return code
}

func TestTheManualsGoCodeIsTheExample(t *testing.T) {
	example, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	require.Contains(t, string(example), snippet(t, "Your chaincode, in a Go test", "go"))
}

func TestTheManualNamesEveryFaultAndItsDefaults(t *testing.T) {
	chapter := manual(t, "Faults")
	faults := reflect.TypeFor[devnet.Faults]()
	for i := range faults.NumMethod() {
		require.Contains(t, chapter, "`"+faults.Method(i).Name+"(")
	}
	for _, named := range regexp.MustCompile("`([A-Z][A-Za-z]+)\\(").FindAllStringSubmatch(chapter, -1) {
		_, exists := faults.MethodByName(named[1])
		require.True(t, exists, "%s is no fault", named[1])
	}
	fields, cfg := manual(t, "Your chaincode, in a Go test"), devnet.Default("")
	for _, field := range regexp.MustCompile("(?m)^\\| `.*$").FindAllString(fields, -1) {
		for _, name := range regexp.MustCompile("`([A-Z][A-Za-z]+)`").FindAllStringSubmatch(strings.Split(field, "|")[1], -1) {
			_, exists := reflect.TypeOf(cfg).FieldByName(name[1])
			require.True(t, exists, "devnet.Config has no %s", name[1])
		}
	}
	require.Empty(t, cfg.EndorsementPolicy)
	require.Contains(t, fields, "| `EndorsementPolicy` | a peer of every organisation |")
	require.Contains(t, fields, fmt.Sprintf("| `Organisations` | %d |", cfg.Organisations))
	require.Contains(t, fields, fmt.Sprintf("| `BatchTimeout` | %d ms |", cfg.BatchTimeout.Milliseconds()))
	require.Contains(t, fields, fmt.Sprintf("| %d, %d MiB, %d MiB |", cfg.MaxMessages, cfg.PreferredMaxBytes>>20, cfg.AbsoluteMaxBytes>>20))
	require.Contains(t, fields, fmt.Sprintf("| `ExecuteTimeout`, `BroadcastTimeout` | %.0f s |", cfg.ExecuteTimeout.Seconds()))
}

// TestTheManualsPeerCommandsWork runs the manual's commands as they are printed, but for the
// ports and the folders.
func TestTheManualsPeerCommandsWork(t *testing.T) {
	command(t, "peer")
	work, port := t.TempDir(), freePorts(t)
	n := start(t, func(cfg *devnet.Config) {
		cfg.Dir, cfg.Listen, cfg.Chaincode = filepath.Join(work, "anchorline-devnet"), fmt.Sprintf("127.0.0.1:%d", port), nil
	})
	c := newCLI(t, n, filepath.Join(work, "anchorline-devnet"), "")
	script := strings.NewReplacer(
		"export FABRIC_CFG_PATH=/path/to/fabric/config\n", "", // set by newCLI
		"localhost:7050", fmt.Sprintf("localhost:%d", port-1),
		"localhost:7051", fmt.Sprintf("localhost:%d", port),
		"localhost:9051", fmt.Sprintf("localhost:%d", port+2000),
	).Replace(snippet(t, "The peer command", "sh"))
	cmd := exec.CommandContext(t.Context(), "bash", "-eux", "-c", script)
	cmd.Dir, cmd.Env = work, append(c.env, "PATH="+filepath.Dir(c.path)+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), `"msp":"Org1MSP"`)
	require.Contains(t, string(out), `"height":2`)
	require.FileExists(t, filepath.Join(work, "config.block"))
}
