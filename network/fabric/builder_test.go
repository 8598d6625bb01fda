// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// ccaas runs a step of the builder for chaincode as a service as a peer does.
func ccaas(t *testing.T, step string, folders ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join("builders", "ccaas", "bin", step), folders...)
	command.Env = []string{"PATH=/usr/bin:/bin"}
	output, err := command.CombinedOutput()
	return string(output), err
}

// put writes a file and the folders it lies in.
func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestBuilderDetectsChaincodeAsAServiceOnly(t *testing.T) {
	for metadata, wanted := range map[string]bool{
		`{"type":"ccaas","label":"anchorline_1.0"}`:             true,
		"{\n  \"label\": \"x\",\n\t\"type\" :\r\n \"CCAAS\"\n}": true,
		`{"type":"golang","label":"ccaas"}`:                     false,
		`{"path":"","type":"ccaas2","label":"x"}`:               false,
		`{}`: false,
		``:   false,
	} {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "metadata.json"), metadata)
		_, err := ccaas(t, "detect", dir, dir)
		require.Equal(t, wanted, err == nil, "metadata %q", metadata)
	}
}

func TestBuilderHandsConnectionAndIndexesToThePeer(t *testing.T) {
	source, metadata, built, released := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	const connection = `{"address":"127.0.0.1:7056"}`
	const index = `{"index":{"fields":["type"]}}`
	put(t, filepath.Join(source, "connection.json"), connection)
	put(t, filepath.Join(source, "META-INF/statedb/couchdb/indexes/type.json"), index)

	said, err := ccaas(t, "build", source, metadata, built)
	require.NoError(t, err, said)
	said, err = ccaas(t, "release", built, released)
	require.NoError(t, err, said)
	require.Equal(t, connection, string(content(t, filepath.Join(released, "chaincode/server/connection.json"))))
	require.Equal(t, index, string(content(t, filepath.Join(released, "statedb/couchdb/indexes/type.json"))))
}

func TestBuilderRefusesAPackageWithoutConnection(t *testing.T) {
	said, err := ccaas(t, "build", t.TempDir(), t.TempDir(), t.TempDir())
	require.Error(t, err)
	require.Contains(t, said, "connection.json")
}
