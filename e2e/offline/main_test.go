// SPDX-License-Identifier: Apache-2.0

// Package offline_test takes a statement away from a network of three organisations into an empty folder,
// and verifies it there with nothing but the built program, or the JavaScript module, and trust.json:
// without a network, without a profile, without an environment.
//
// The network is embedded, and with -fabric a real one.
package offline_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/internal/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// build builds the program into a folder.
func build(t *testing.T, folder string) string {
	t.Helper()
	program := filepath.Join(folder, "anchorline")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/anchorline")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=") // it loads no library, so it cannot have the race detector
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// A folder is an empty folder into which a statement is taken.
type folder struct {
	path string
	// isolated runs a command where there is no network interface, empty where the system does not
	// let us make such a place.
	isolated []string
}

// away makes an empty folder with the statement and whom to trust.
func away(t *testing.T, statement, trusted []byte) folder {
	t.Helper()
	f := folder{path: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(f.path, "statement.cose"), statement, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(f.path, "trust.json"), trusted, 0o600))
	for _, flags := range [][]string{{"-n"}, {"-r", "-n"}} {
		command := append([]string{"unshare"}, append(flags, "--")...)
		if exec.CommandContext(t.Context(), command[0], append(command[1:], "true")...).Run() == nil {
			f.isolated = command
			return f
		}
	}
	t.Log("NOT TESTED WITHOUT A NETWORK: unshare -n does not work here, so the programs ran where there is one")
	return f
}

// run runs a command in the folder without an environment, and returns what it printed and its status.
func (f folder) run(t *testing.T, command ...string) (string, int) {
	t.Helper()
	command = append(f.isolated[:len(f.isolated):len(f.isolated)], command...)
	before := f.files(t)
	program, err := exec.LookPath(command[0])
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program, command[1:]...)
	cmd.Dir, cmd.Env = f.path, []string{}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	require.Equal(t, before, f.files(t), "a verification leaves nothing behind")
	return string(out), cmd.ProcessState.ExitCode()
}

func (f folder) files(t *testing.T) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(f.path, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	}))
	return names
}

// trust has the program write whom to trust, as an auditor does who can reach the network once.
func trust(t *testing.T, program string, n *testnet.Network) []byte {
	t.Helper()
	dir := t.TempDir()
	profile, err := json.Marshal(n.Profile("Org2MSP", "User1"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "profile.json"), profile, 0o600))
	cmd := exec.CommandContext(t.Context(), program, "audit", "trust", "--profile", "profile.json", "--attestations", "2", "--out", "trust.json")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	trusted, err := os.ReadFile(filepath.Join(dir, "trust.json"))
	require.NoError(t, err)
	return trusted
}
