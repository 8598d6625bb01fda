// SPDX-License-Identifier: Apache-2.0

package reading_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

var update = flag.Bool("update", false, "write the golden files anew; only when the format changed on purpose")

// edSigner and esSigner return signers with fixed keys.
func edSigner(t testing.TB) cose.Signer {
	t.Helper()
	signer, err := cose.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x11}, ed25519.SeedSize)))
	require.NoError(t, err)
	return signer
}

func esSigner(t testing.TB) cose.Signer {
	t.Helper()
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{0x22}, 32))
	require.NoError(t, err)
	signer, err := cose.NewSigner(private)
	require.NoError(t, err)
	return signer
}

func bothSigners(t testing.TB) map[string]cose.Signer {
	t.Helper()
	return map[string]cose.Signer{"eddsa": edSigner(t), "es256": esSigner(t)}
}

const senml = `[{"bn":"urn:dev:mac:0024befffe804ff1:","n":"temperature","u":"Cel","v":21.5}]`

func claims() reading.Claims {
	return reading.Claims{Device: name.New("Org1MSP", "pump-7"), Subject: "hall:2.inlet", Sequence: 4711, Time: 1_767_225_600_123}
}

func signed(t testing.TB, signer cose.Signer) []byte {
	t.Helper()
	encoded, err := reading.Sign(signer, claims(), reading.SenMLJSON, []byte(senml))
	require.NoError(t, err)
	return encoded
}

// golden returns the bytes of testdata/<file>.hex, after writing got there when asked to.
func golden(t testing.TB, file string, got []byte) []byte {
	t.Helper()
	file = filepath.Join("testdata", file+".hex")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(hex.EncodeToString(got)+"\n"), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	want, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return want
}

// deterministic encodes v with an independent encoder.
func deterministic(t testing.TB, v any) []byte {
	t.Helper()
	mode, err := cbor.CoreDetEncOptions().EncMode()
	require.NoError(t, err)
	encoded, err := mode.Marshal(v)
	require.NoError(t, err)
	return encoded
}

// assemble signs a message whose header and payload the test chose.
func assemble(t testing.TB, signer cose.Signer, protected, payload []byte) []byte {
	t.Helper()
	signature, err := signer.Sign(cose.SigStructure(protected, nil, payload))
	require.NoError(t, err)
	return cose.Message{Protected: protected, Payload: payload, Signature: signature}.Encode()
}
