// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/devnet"
)

// A recorder runs the contracts and remembers which functions were called.
type recorder struct {
	shim.Chaincode
	mu     sync.Mutex
	called map[string]bool
}

// Invoke remembers the function and calls it.
func (r *recorder) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	function, _ := stub.GetFunctionAndParameters()
	r.mu.Lock()
	r.called[function] = true
	r.mu.Unlock()
	return r.Chaincode.Invoke(stub)
}

func (r *recorder) functions() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.called))
}

// A shell runs command lines in an empty folder, as identities of an embedded network. It remembers
// which commands it ran.
type shell struct {
	network  *devnet.Network
	recorder *recorder
	leaves   []*kong.Node    // every command
	tables   map[string]bool // commands that succeeded, by name
	json     map[string]bool // those that did so with --json
}

// newShell starts a network and writes the connection profiles admin1, user1, admin2 and user2 into
// a new working folder.
func newShell(t *testing.T) *shell {
	t.Helper()
	code, err := contract.New(contract.LocalMSP("Org1MSP"))
	require.NoError(t, err)
	parser, err := kong.New(&cli{}, kong.Name("anchorline"))
	require.NoError(t, err)
	s := &shell{
		leaves:   parser.Model.Leaves(false),
		recorder: &recorder{Chaincode: code, called: map[string]bool{}},
		tables:   map[string]bool{}, json: map[string]bool{},
	}
	cfg := devnet.Default(t.TempDir())
	cfg.BatchTimeout = 10 * time.Millisecond
	cfg.Chaincode = devnet.Everywhere(s.recorder)
	s.network, err = devnet.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.network.Close()) })
	t.Chdir(t.TempDir())
	for name, id := range map[string][2]string{
		"admin1": {"Org1MSP", "Admin"}, "user1": {"Org1MSP", "User1"},
		"admin2": {"Org2MSP", "Admin"}, "user2": {"Org2MSP", "User1"},
	} {
		text, err := json.Marshal(ledger.Profile(s.network.Profile(id[0], id[1])))
		require.NoError(t, err)
		writeFile(t, name, string(text))
	}
	return s
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// A result is how a command ended.
type result struct {
	line     string
	out, err string
	status   int
}

// command runs one command line.
func command(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(t.Context(), args, streams{strings.NewReader(stdin), &out, &errs})
	return result{"anchorline " + strings.Join(args, " "), out.String(), errs.String(), status}
}

// as runs a command as an identity. line is split at spaces, last is not.
func (s *shell) as(t *testing.T, who, line string, last ...string) result {
	t.Helper()
	return s.run(t, append(append(strings.Fields(line), last...), "--profile", who)...)
}

// run runs a command that needs no identity, or names it by itself.
func (s *shell) run(t *testing.T, args ...string) result {
	t.Helper()
	r := command(t, "", args...)
	t.Logf("%s\n%s%s", r.line, r.out, r.err)
	s.note(args, r.status)
	return r
}

// note remembers that a command ran to its end.
func (s *shell) note(args []string, status int) {
	for _, leaf := range s.leaves {
		name := leaf.FullPath()[len("anchorline "):]
		if strings.HasPrefix(strings.Join(args, " ")+" ", name+" ") {
			s.tables[name] = s.tables[name] || status == 0
			s.json[name] = s.json[name] || (status == 0 && slices.Contains(args, "--json"))
		}
	}
}

// prints runs a command that succeeds and compares what it prints, with times, hashes and ids
// masked, with a text of tab-indented lines.
func (s *shell) prints(t *testing.T, want, who, line string, last ...string) {
	t.Helper()
	r := s.as(t, who, line, last...)
	require.Zero(t, r.status, r.err)
	require.Equal(t, unindent(want), masked(r.out), r.line)
}

// decodes runs a command with --json and reads what it prints.
func decodes[T any](t *testing.T, s *shell, who, line string, last ...string) T {
	t.Helper()
	r := s.as(t, who, line, append(last, "--json")...)
	require.Zero(t, r.status, r.err)
	var v T
	require.NoError(t, json.Unmarshal([]byte(r.out), &v), r.line)
	return v
}

// refuses runs a command that fails and says these things.
func (s *shell) refuses(t *testing.T, status int, say []string, who, line string, last ...string) {
	t.Helper()
	r := s.as(t, who, line, last...)
	require.Equal(t, status, r.status, r.line)
	for _, text := range say {
		require.Contains(t, r.err, text, r.line)
	}
}

// masked replaces what differs from run to run by something as wide.
func masked(text string) string {
	for _, m := range []struct{ what, with string }{
		{`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{3})?Z`, "TIME................"},
		{`\b[0-9a-f]{64}\b`, "HASH" + strings.Repeat(".", 60)},
		{`\b[0-9a-f]{12}…`, "HASH........…"},
		{`\b[0-9a-f]{16}\b`, "KEY............."},
	} {
		text = regexp.MustCompile(m.what).ReplaceAllString(text, m.with)
	}
	return text
}

// unindent takes the tabs that indent a text in a test away, and the first line break.
func unindent(text string) string {
	lines := strings.Split(strings.TrimPrefix(text, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimLeft(l, "\t")
	}
	return strings.Join(lines, "\n")
}

func TestTheShellSpeaksTheWholeLedger(t *testing.T) {
	s := newShell(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *shell)
	}{
		{"consortium", consortiumStory}, {"roles", roleStory}, {"devices", deviceStory}, {"transfer", transferStory},
		{"import", importStory}, {"manufacturers", manufacturerStory}, {"policies", policyStory}, {"access", accessStory},
		{"streams", streamStory}, {"anchors", anchorStory}, {"audit", auditStory},
		{"equivocations", equivocationStory}, {"repudiation", repudiationStory}, {"rotation", rotationStory},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, s) }) {
			t.FailNow() // what follows builds on it
		}
	}
	t.Run("every function of the contracts has a command", func(t *testing.T) {
		for _, f := range contract.Functions() {
			require.Contains(t, s.recorder.functions(), f.Name(), "no command calls it, or no test runs the command that does")
		}
	})
	t.Run("every command that asks the ledger was run, for people and as JSON", func(t *testing.T) {
		for _, leaf := range s.leaves {
			name := leaf.FullPath()[len("anchorline "):]
			has := func(flag string) bool {
				return slices.ContainsFunc(leaf.Flags, func(f *kong.Flag) bool { return f.Name == flag })
			}
			if !has("profile") {
				continue
			}
			require.True(t, s.tables[name], "%s never succeeded", name)
			require.Equal(t, has("json"), s.json[name], "%s --json", name)
		}
	})
}
