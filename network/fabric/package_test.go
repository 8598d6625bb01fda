// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/fabric"
)

// pack runs package-chaincode.sh and returns the package's file and what the script said.
func pack(t *testing.T, name string) (string, string) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED: vendors and builds the chaincode, left out by -short")
	}
	file := filepath.Join(t.TempDir(), name)
	output, err := exec.CommandContext(t.Context(), script("package-chaincode.sh"), "--output", file).CombinedOutput()
	require.NoError(t, err, string(output))
	return file, string(output)
}

// unpack returns the files of a gzipped archive by name.
func unpack(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	compressed, err := gzip.NewReader(bytes.NewReader(archive))
	require.NoError(t, err)
	files := map[string][]byte{}
	reader := tar.NewReader(compressed)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		if header.Typeflag != tar.TypeReg {
			continue
		}
		require.Zero(t, header.ModTime.Unix(), header.Name)
		files[header.Name], err = io.ReadAll(reader)
		require.NoError(t, err)
	}
}

func TestPackageIsTheSameBytesEachTimeAndHoldsNothingElse(t *testing.T) {
	first, said := pack(t, "one.tar.gz")
	second, again := pack(t, "two.tar.gz")
	one := content(t, first)
	require.True(t, bytes.Equal(one, content(t, second)), "the package differs from run to run")
	_, id, _ := strings.Cut(said, "package id ")
	require.Contains(t, again, id)

	outer := unpack(t, one)
	require.JSONEq(t, `{"path":"github.com/anchorline/anchorline/chaincode","type":"golang","label":"anchorline_1.0"}`,
		string(outer["metadata.json"]))
	inner := unpack(t, outer["code.tar.gz"])
	require.Contains(t, inner, "src/chaincode/main.go")
	require.Contains(t, inner, "src/vendor/modules.txt")
	for name := range inner {
		ours := strings.HasPrefix(name, "src/") && !strings.HasPrefix(name, "src/vendor/")
		require.False(t, ours && strings.HasSuffix(name, "_test.go"), name)
		require.NotRegexp(t, `\.(gz|zip|md|txtar)$`, name, "no build reads it")
		for _, other := range []string{"src/bridge/", "src/cmd/", "src/network/", "src/device/"} {
			require.False(t, strings.HasPrefix(name, other), name)
		}
	}
	require.NotContains(t, string(inner["src/go.mod"]), "mochi-mqtt")
}

func TestPeersBuildAndRunThePackageThemselves(t *testing.T) {
	needFabric(t)
	file, said := pack(t, "anchorline.tar.gz")
	network, _, _ := started(t, fabric.OneRaft)
	require.NoError(t, network.Deploy(t.Context(), fabric.Deployment{Package: file}))
	requireAnswer(t, network, "Org1MSP", "User2")

	peer := exec.CommandContext(t.Context(), "peer", "lifecycle", "chaincode", "calculatepackageid", file)
	if folder := os.Getenv("FABRIC_BIN"); folder != "" {
		peer.Path = filepath.Join(folder, "peer")
		peer.Err = nil
	}
	peer.Env = append(os.Environ(), "FABRIC_CFG_PATH="+filepath.Join(network.Dir(), "nodes", "peer0.org1"))
	id, err := peer.Output()
	require.NoError(t, err)
	require.Contains(t, said, "package id "+strings.TrimSpace(string(id)))
}
