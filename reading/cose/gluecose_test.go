// SPDX-License-Identifier: Apache-2.0

package cose_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading/cose"
)

type gluecose struct {
	Title string `json:"title"`
	Alg   string `json:"alg"`
	Key   struct {
		Curve string `json:"crv"`
		X     string `json:"x"`
		Y     string `json:"y"`
		D     string `json:"d"`
	} `json:"key"`
	Sign *struct {
		Payload   string   `json:"payload"`
		Protected cborText `json:"protectedHeaders"`
		ToSign    cborText `json:"tbsHex"`
		External  string   `json:"external"`
		Detached  bool     `json:"detached"`
		Output    cborText `json:"expectedOutput"`
		Fixed     int      `json:"fixedOutputLength"`
	} `json:"sign1::sign"`
	Verify *struct {
		Message  cborText `json:"taggedCOSESign1"`
		External string   `json:"external"`
		Should   bool     `json:"shouldVerify"`
	} `json:"sign1::verify"`
}

type cborText struct {
	Hex string `json:"cborHex"`
}

// What becomes of each third-party COSE_Sign1. The messages of ES256 have a header of ours
// only in part (the key id is in the unprotected header), so they pass the generic layer
// and are verified by it. All others are well-formed COSE in deterministic encoding, which
// parses, and are refused for their algorithm: ES384, ES512 and RSASSA-PSS are not in the
// profile.
func gluecoseFates() map[string]error {
	unsupported := cose.ErrUnsupportedAlgorithm
	return map[string]error{
		"sign1-sign-0000.json": nil, "sign1-verify-0000.json": nil, // ES256, external data
		"sign1-sign-0001.json": nil, "sign1-verify-0001.json": nil, // ES256, content type
		"sign1-sign-0002.json": unsupported, "sign1-verify-0002.json": unsupported, // ES384
		"sign1-sign-0003.json": unsupported, "sign1-verify-0003.json": unsupported, // ES512
		"sign1-sign-0004.json": unsupported, "sign1-verify-0004.json": unsupported, // PS256
		"sign1-sign-0005.json": unsupported, "sign1-verify-0005.json": unsupported, // PS384
		"sign1-sign-0006.json": unsupported, "sign1-verify-0006.json": unsupported, // PS512
	}
}

func TestEveryThirdPartyMessageIsVerifiedOrRefusedForItsReason(t *testing.T) {
	fates := gluecoseFates()
	entries, err := os.ReadDir(vectorPath("cose"))
	if os.IsNotExist(err) {
		t.Skipf("SKIPPED, nothing was checked: no third-party vectors at %s", vectorPath("cose"))
	}
	require.NoError(t, err)
	seen := 0
	for _, entry := range entries {
		if entry.Name() == "LICENSE" {
			continue
		}
		seen++
		fate, known := fates[entry.Name()]
		require.Truef(t, known, "%s is new: decide what becomes of it", entry.Name())
		t.Run(entry.Name(), func(t *testing.T) {
			var v gluecose
			readVectors(t, &v, "cose", entry.Name())
			encoded, external := v.message(t)
			m, err := cose.Parse(encoded)
			require.NoError(t, err)
			require.Equal(t, encoded, m.Encode())
			if v.Sign != nil {
				checkSigStructure(t, v, m, external)
			}
			_, err = cose.ParseHeader(m.Protected, cose.Profile{Labels: []int64{cose.LabelAlgorithm}, Open: true})
			require.ErrorIs(t, err, fate)
			if fate == nil {
				checkGluecoseSignature(t, v, m, external)
			}
		})
	}
	require.Len(t, fates, seen)
}

func (v gluecose) message(t *testing.T) (encoded, external []byte) {
	t.Helper()
	if v.Sign != nil {
		require.False(t, v.Sign.Detached)
		return unhex(t, v.Sign.Output.Hex), unhex(t, v.Sign.External)
	}
	require.True(t, v.Verify.Should, "no vector here is negative")
	return unhex(t, v.Verify.Message.Hex), unhex(t, v.Verify.External)
}

func checkSigStructure(t *testing.T, v gluecose, m cose.Message, external []byte) {
	t.Helper()
	require.Equal(t, unhex(t, v.Sign.Protected.Hex), m.Protected)
	require.Equal(t, unhex(t, v.Sign.Payload), m.Payload)
	require.Equal(t, unhex(t, v.Sign.ToSign.Hex), cose.SigStructure(m.Protected, external, m.Payload))
}

func checkGluecoseSignature(t *testing.T, v gluecose, m cose.Message, external []byte) {
	t.Helper()
	key, err := cose.NewKey(v.publicKey(t))
	require.NoError(t, err)
	require.NoError(t, m.Verify(key, external))
	require.ErrorIs(t, m.Verify(key, append(external, 0)), cose.ErrBadSignature)
	m.Payload[0] ^= 1
	require.ErrorIs(t, m.Verify(key, external), cose.ErrBadSignature)
	m.Payload[0] ^= 1
}

func (v gluecose) publicKey(t *testing.T) *ecdsa.PublicKey {
	t.Helper()
	point := []byte{4}
	for _, coordinate := range []string{v.Key.X, v.Key.Y} {
		raw, err := base64.RawURLEncoding.DecodeString(coordinate)
		require.NoError(t, err)
		point = append(point, new(big.Int).SetBytes(raw).FillBytes(make([]byte, 32))...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	require.NoError(t, err)
	return public
}

// It shows that the test above can fail.
func TestATamperedThirdPartyMessageFails(t *testing.T) {
	var v gluecose
	readVectors(t, &v, "cose", "sign1-verify-0001.json")
	encoded, _ := v.message(t)
	key, err := cose.NewKey(v.publicKey(t))
	require.NoError(t, err)
	encoded[len(encoded)-1] ^= 1
	m, err := cose.Parse(encoded)
	require.NoError(t, err)
	require.ErrorIs(t, m.Verify(key, nil), cose.ErrBadSignature)
}
