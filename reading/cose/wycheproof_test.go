// SPDX-License-Identifier: Apache-2.0

package cose_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading/cose"
)

type wycheproof struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		PublicKey struct {
			PK           string `json:"pk"`
			Uncompressed string `json:"uncompressed"`
		} `json:"publicKey"`
		Tests []struct {
			ID      int      `json:"tcId"`
			Comment string   `json:"comment"`
			Flags   []string `json:"flags"`
			Msg     string   `json:"msg"`
			Sig     string   `json:"sig"`
			Result  string   `json:"result"`
		} `json:"tests"`
	} `json:"testGroups"`
}

func TestWycheproofSignaturesAreJudgedRight(t *testing.T) {
	for file, algorithm := range map[string]cose.Algorithm{
		"ed25519_test.json":                      cose.AlgorithmEdDSA,
		"ecdsa_secp256r1_sha256_p1363_test.json": cose.AlgorithmES256,
	} {
		t.Run(algorithm.String(), func(t *testing.T) {
			var vectors wycheproof
			readVectors(t, &vectors, "wycheproof", file)
			count := 0
			for _, group := range vectors.TestGroups {
				key := wycheproofKey(t, algorithm, group.PublicKey.PK, group.PublicKey.Uncompressed)
				for _, c := range group.Tests {
					count++
					msg, err := hex.DecodeString(c.Msg)
					require.NoError(t, err)
					sig, err := hex.DecodeString(c.Sig)
					require.NoError(t, err)
					switch err := key.Verify(msg, sig); c.Result {
					case "valid":
						require.NoErrorf(t, err, "test %d: %s %v", c.ID, c.Comment, c.Flags)
					case "invalid":
						require.ErrorIsf(t, err, cose.ErrBadSignature, "test %d: %s %v", c.ID, c.Comment, c.Flags)
					default:
						t.Fatalf("test %d: result %q is neither valid nor invalid", c.ID, c.Result)
					}
				}
			}
			require.Equal(t, vectors.NumberOfTests, count)
		})
	}
}

// wycheproofKey makes the key and sends it through its COSE_Key, so that ParseKey reads
// all of these keys as well.
func wycheproofKey(t *testing.T, algorithm cose.Algorithm, pk, uncompressed string) cose.Key {
	t.Helper()
	var key cose.Key
	var err error
	if algorithm == cose.AlgorithmEdDSA {
		key, err = cose.NewKey(ed25519.PublicKey(unhex(t, pk)))
	} else {
		public, pointErr := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), unhex(t, uncompressed))
		require.NoError(t, pointErr)
		key, err = cose.NewKey(public)
	}
	require.NoError(t, err)
	parsed, err := cose.ParseKey(key.Bytes())
	require.NoError(t, err)
	require.True(t, key.Equal(parsed))
	return parsed
}
