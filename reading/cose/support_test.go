// SPDX-License-Identifier: Apache-2.0

package cose_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading/cose"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// ed25519Private and p256Private return fixed keys; seed is any byte but 0.
func ed25519Private(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func p256Private(t testing.TB, seed byte) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{seed}, 32))
	require.NoError(t, err)
	return private
}

func signers(t testing.TB) map[string]cose.Signer {
	t.Helper()
	ed, err := cose.NewSigner(ed25519Private(1))
	require.NoError(t, err)
	es, err := cose.NewSigner(p256Private(t, 2))
	require.NoError(t, err)
	return map[string]cose.Signer{"EdDSA": ed, "ES256": es}
}

// readVectors decodes a file of the vectors that live beside the module; where they are
// absent the test is skipped and says so.
func readVectors(t testing.TB, into any, path ...string) {
	t.Helper()
	raw, err := os.ReadFile(vectorPath(path...))
	if os.IsNotExist(err) {
		t.Skipf("SKIPPED, nothing was checked: no third-party vectors at %s", vectorPath(path...))
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, into))
}

// vectorPath is relative to the folder beside the module's root.
func vectorPath(path ...string) string {
	root := filepath.Join("..", "..", "..", "shared", "vectors")
	return filepath.Join(append([]string{root}, path...)...)
}
