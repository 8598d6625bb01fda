// SPDX-License-Identifier: Apache-2.0

package offline_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/internal/testnet"
)

// A verdict is the part of a report that is looked at; both verifiers write it alike.
type verdict struct {
	OK         bool     `json:"ok"`
	AttestedBy []string `json:"attestedBy"`
	Reached    []string `json:"reached"`
	Missing    []string `json:"missing"`
	Proven     []string `json:"proven"`
	Notes      []string `json:"notes"`
	Checks     []struct {
		ID, Outcome, Detail string
	} `json:"checks"`
}

// A verifier is a program in a folder of its own that verifies statement.cose there.
type verifier struct {
	name   string
	folder folder
	// command is before the arguments; untold is its status when something that is required is missing.
	command []string
	untold  int
}

// verify runs a verifier, whose report must be readable, and returns it with the status.
func (v verifier) verify(t *testing.T, more ...string) (verdict, int) {
	t.Helper()
	command := append(v.command[:len(v.command):len(v.command)], "statement.cose", "--trust", "trust.json", "--json")
	out, status := v.folder.run(t, append(command, more...)...)
	var said verdict
	require.NoError(t, json.Unmarshal([]byte(out), &said), "%s printed: %s", v.name, out)
	return said, status
}

// verifiers are the built program and the JavaScript module.
func verifiers(t *testing.T, program string, statement, trusted []byte) []verifier {
	t.Helper()
	goes := verifier{name: "anchorline", folder: away(t, statement, trusted), command: []string{"./anchorline", "audit", "verify"}, untold: 4}
	content, err := os.ReadFile(program)
	require.NoError(t, err)
	goes.command[0] = filepath.Join(goes.folder.path, "anchorline")
	require.NoError(t, os.WriteFile(goes.command[0], content, 0o700))
	node, err := exec.LookPath("node")
	if err != nil {
		t.Log("SKIPPED, NOT TESTED: node is not installed, so the JavaScript verifier did not run")
		return []verifier{goes}
	}
	js := verifier{name: "verify.js", folder: away(t, statement, trusted), command: []string{node, "bin/verify.js"}, untold: 1}
	modules, err := filepath.Glob("../../verify/js/*.js")
	require.NoError(t, err)
	for _, path := range append(modules, "../../verify/js/package.json", "../../verify/js/bin/verify.js") {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		to := filepath.Join(js.folder.path, strings.TrimPrefix(path, "../../verify/js/"))
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
		require.NoError(t, os.WriteFile(to, content, 0o600))
	}
	return []verifier{goes, js}
}

func TestAStatementProvesItselfInAnEmptyFolder(t *testing.T) {
	n := testnet.Start(t, testnet.ThreeOrganisations())
	program := build(t, t.TempDir())
	trusted := trust(t, program, n)
	a := anchor(t, n)
	for _, v := range verifiers(t, program, a.statement(t, trusted), trusted) {
		said, status := v.verify(t, "--require", "unrepudiated:3")
		require.Zero(t, status, "%s: %+v", v.name, said)
		require.True(t, said.OK, v.name)
		require.Equal(t, []string{"Org1MSP", "Org2MSP", "Org3MSP"}, said.AttestedBy, v.name)
		require.Equal(t, []string{"signed", "received", "endorsed", "ordered", "attested", "unrepudiated"}, said.Reached, v.name)
		require.Contains(t, strings.Join(said.Proven, "\n"), "Peers of Org1MSP, Org2MSP, Org3MSP signed that the state of ledger", v.name)
		require.Empty(t, said.Notes, v.name)
		require.Len(t, said.Checks, 24, v.name)
		for _, c := range said.Checks {
			require.Equal(t, "passed", c.Outcome, "%s: %s: %s", v.name, c.ID, c.Detail)
		}
	}
}

func TestAPersonReadsWhichOrganisationsVouch(t *testing.T) {
	n := testnet.Start(t, testnet.ThreeOrganisations())
	program := build(t, t.TempDir())
	trusted := trust(t, program, n)
	a := anchor(t, n)
	v := verifiers(t, program, a.statement(t, trusted), trusted)[0]
	out, status := v.folder.run(t, v.command[0], "audit", "verify", "statement.cose", "--trust", "trust.json")
	require.Zero(t, status, out)
	require.Regexp(t, `PROVEN: .*statement\.cose`, out)
	require.Contains(t, out, "Peers of Org1MSP, Org2MSP, Org3MSP signed")
}

func TestAnOrganisationThatAttestsOtherwiseIsNamed(t *testing.T) {
	n := testnet.Start(t, testnet.ThreeOrganisations(), testnet.Rogue("Org3MSP"))
	program := build(t, t.TempDir())
	trusted := trust(t, program, n)
	a := anchor(t, n)
	a.lie(t, "Org3MSP")
	for _, v := range verifiers(t, program, a.statement(t, trusted), trusted) {
		said, status := v.verify(t)
		require.Zero(t, status, "%s: %+v", v.name, said)
		require.Equal(t, []string{"Org1MSP", "Org2MSP"}, said.AttestedBy, v.name)
		require.Contains(t, strings.Join(said.Notes, "\n"), "peers of Org3MSP attest otherwise about batch 1", v.name)

		said, status = v.verify(t, "--require", "attested:3")
		require.Equal(t, v.untold, status, "%s: %+v", v.name, said)
		require.False(t, said.OK, v.name)
		require.Equal(t, []string{"attested by 3 organisations; 2 did"}, said.Missing, v.name)
	}
}
