// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/audit/trust"
)

var update = flag.Bool("update", false, "write the vectors in verify/vectors anew")

// vectorsFolder is where the vectors are, for every verifier.
const vectorsFolder = "../verify/vectors"

// The trust.json of a vector: one Raft orderer, four BFT consenters, and an organisation without NodeOUs.
const (
	raftTrust  = "trust.json"
	bftTrust   = "trust-bft.json"
	plainTrust = "trust-no-node-ous.json"
)

// vector is a statement and what becomes of it.
type vector struct {
	name  string
	trust string // raftTrust if empty
	es256 bool   // the keys of device and stream are on P-256
	build func(s *scene) []byte
	// A good vector reaches levels, a bad one fails a check.
	reached []audit.Level
	check   audit.ID
	says    string // part of what the failed check, or a note, says; empty for anything
}

func (v vector) trustFile() string {
	if v.trust == "" {
		return raftTrust
	}
	return v.trust
}

// scene makes the scene of the vector.
func (v vector) scene(t testing.TB) *scene {
	t.Helper()
	consenters, signer := 0, world.EdDSA
	if v.trust == bftTrust {
		consenters = 4
	}
	if v.es256 {
		signer = world.ES256
	}
	return newScene(t, consenters, signer)
}

// trustOf makes the trust of a file.
func trustOf(t testing.TB, file string) trust.Trust {
	t.Helper()
	made := vector{trust: file}.scene(t).Trust
	if file == plainTrust {
		made.Organisations[2].Unit = ""
	}
	return made
}

// expectation is an entry of expected.json.
type expectation struct {
	Trust   string        `json:"trust"`
	Check   audit.ID      `json:"check,omitempty"`
	Reached []audit.Level `json:"reached,omitempty"`
}

// goodExpectation always lists what is reached.
type goodExpectation struct {
	Trust   string        `json:"trust"`
	Reached []audit.Level `json:"reached"`
}

func badVectors() []vector {
	return slices.Concat(formatVectors(), readingVectors(), receiptVectors(), endorsedVectors(), orderedVectors(), attestedVectors(), repudiatedVectors(), rogueVectors())
}

// generated makes every file of the folder, by its path.
func generated(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	put := func(path string, content []byte) {
		require.NotContains(t, files, path)
		files[path] = content
	}
	for _, file := range []string{raftTrust, bftTrust, plainTrust} {
		text, err := trustOf(t, file).Encode()
		require.NoError(t, err)
		put(file, text)
	}
	good, bad := map[string]goodExpectation{}, map[string]expectation{}
	for _, v := range goodVectors() {
		put("good/"+v.name+".cose", v.build(v.scene(t)))
		good[v.name+".cose"] = goodExpectation{Trust: v.trustFile(), Reached: v.reached}
	}
	for _, v := range badVectors() {
		name := strings.Join([]string{string(v.check), v.name}, "-") + ".cose"
		put("bad/"+name, v.build(v.scene(t)))
		bad[name] = expectation{Trust: v.trustFile(), Check: v.check}
	}
	text, err := json.MarshalIndent(map[string]any{"good": good, "bad": bad}, "", "  ")
	require.NoError(t, err)
	put("expected.json", append(text, '\n'))
	return files
}

func TestTheVectorsAreWhatTheGeneratorMakes(t *testing.T) {
	files := generated(t)
	if *update {
		for _, dir := range []string{"good", "bad"} {
			require.NoError(t, os.RemoveAll(filepath.Join(vectorsFolder, dir)))
			require.NoError(t, os.MkdirAll(filepath.Join(vectorsFolder, dir), 0o755))
		}
		for path, content := range files {
			require.NoError(t, os.WriteFile(filepath.Join(vectorsFolder, path), content, 0o644))
		}
	}
	size := 0
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join(vectorsFolder, path))
		require.NoError(t, err)
		require.Equal(t, want, got, path)
		size += len(got)
	}
	require.Less(t, size, 3<<20)
	for _, dir := range []string{"good", "bad"} {
		entries, err := os.ReadDir(filepath.Join(vectorsFolder, dir))
		require.NoError(t, err)
		for _, e := range entries {
			require.Contains(t, files, dir+"/"+e.Name(), "no vector is beside the generated ones")
		}
	}
}

// expected reads the folder as another verifier does.
func expected(t testing.TB) (good, bad map[string]expectation) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vectorsFolder, "expected.json"))
	require.NoError(t, err)
	var all struct{ Good, Bad map[string]expectation }
	require.NoError(t, json.Unmarshal(text, &all))
	require.GreaterOrEqual(t, len(all.Good), 12)
	require.GreaterOrEqual(t, len(all.Bad), 60)
	return all.Good, all.Bad
}

func verifyVector(t testing.TB, dir, name, trustFile string) *audit.Report {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vectorsFolder, trustFile))
	require.NoError(t, err)
	pinned, err := trust.Parse(text)
	require.NoError(t, err)
	v, err := audit.NewVerifier(pinned, audit.Requirement{})
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join(vectorsFolder, dir, name))
	require.NoError(t, err)
	return v.Verify(data)
}

func TestEveryGoodVectorReachesWhatItShould(t *testing.T) {
	good, _ := expected(t)
	for name, want := range good {
		t.Run(name, func(t *testing.T) {
			r := verifyVector(t, "good", name, want.Trust)
			require.Empty(t, failed(r), "%+v", r.Checks)
			require.ElementsMatch(t, want.Reached, r.Reached)
			require.Equal(t, slices.Contains(want.Reached, audit.Unrepudiated), r.OK)
		})
	}
}

func TestEveryBadVectorFailsOneCheckAndNoOther(t *testing.T) {
	_, bad := expected(t)
	seen := map[audit.ID]int{}
	for name, want := range bad {
		seen[want.Check]++
		t.Run(name, func(t *testing.T) {
			r := verifyVector(t, "bad", name, want.Trust)
			require.Equal(t, []audit.ID{want.Check}, failed(r), "%+v", r.Checks)
			require.False(t, r.OK)
		})
	}
	for _, id := range audit.IDs() {
		require.NotZero(t, seen[id], "no bad vector fails %s", id)
	}
}

func TestEveryBadVectorFailsForItsReason(t *testing.T) {
	for _, v := range badVectors() {
		s := v.scene(t)
		r := s.verify(v.build(s))
		require.Contains(t, strings.Join(append(r.Notes, r.Check(v.check).Detail), "; "), v.says, "%s-%s", v.check, v.name)
	}
}
