// SPDX-License-Identifier: Apache-2.0

package cose_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading/cose"
)

const (
	// The example of RFC 9679 §6.
	rfc9679X          = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
	rfc9679Y          = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
	rfc9679Thumbprint = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
	// Test 1 of RFC 8032 §7.1.
	rfc8032Public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
)

func TestAKeyIDIsTheStartOfTheKeysThumbprint(t *testing.T) {
	key, err := cose.ParseKey(unhex(t, "a4 01 02 20 01 21 5820"+rfc9679X+"22 5820"+rfc9679Y))
	require.NoError(t, err)
	require.Equal(t, rfc9679Thumbprint[:16], key.ID().String())
	thumbprint := sha256.Sum256(key.Bytes())
	require.Equal(t, rfc9679Thumbprint, hex.EncodeToString(thumbprint[:]))
	require.Equal(t, cose.AlgorithmES256, key.Algorithm())
}

func TestAKeyComesBackFromItsBytesAndItsText(t *testing.T) {
	for name, signer := range signers(t) {
		key := signer.Key()
		fromBytes, err := cose.ParseKey(key.Bytes())
		require.NoError(t, err, name)
		fromText, err := cose.ParseKeyText(key.Text())
		require.NoError(t, err, name)
		fromPublic, err := cose.NewKey(key.Public())
		require.NoError(t, err, name)
		for _, again := range []cose.Key{fromBytes, fromText, fromPublic} {
			require.True(t, key.Equal(again))
			require.Equal(t, key.ID(), again.ID())
			require.Equal(t, name, again.Algorithm().String())
			require.Equal(t, key.Public(), again.Public())
		}
	}
}

func TestAKeyDoesNotChangeWithWhatItWasMadeFrom(t *testing.T) {
	public := ed25519Private(1).Public().(ed25519.PublicKey)
	key, err := cose.NewKey(public)
	require.NoError(t, err)
	before := key.Text()
	public[0] ^= 1
	key.Bytes()[0] = 0
	require.Equal(t, before, key.Text())
	require.Equal(t, ed25519Private(1).Public(), key.Public())
}

func TestAKeyThatIsNotStrictlyACOSEKeyIsRefused(t *testing.T) {
	okp := "a3 01 01 20 06 21 5820" + rfc8032Public
	ec2 := "a4 01 02 20 01 21 5820" + rfc9679X + "22 5820" + rfc9679Y
	_, err := cose.ParseKey(unhex(t, okp))
	require.NoError(t, err, "the table stands on a good key")
	for name, c := range map[string]struct {
		encoded string
		want    error
	}{
		"nothing":              {"", cose.ErrMalformed},
		"no map":               {"01", cose.ErrMalformed},
		"empty map":            {"a0", cose.ErrMalformed},
		"trailing byte":        {okp + "00", cose.ErrMalformed},
		"cut short":            {okp[:len(okp)-2], cose.ErrMalformed},
		"with a key id":        {"a4 01 01 02 41 00 20 06 21 5820" + rfc8032Public, cose.ErrMalformed},
		"with a text label":    {"a4 01 01 20 06 21 5820" + rfc8032Public + "6161 00", cose.ErrMalformed},
		"labels out of order":  {"a3 20 06 01 01 21 5820" + rfc8032Public, cose.ErrNotCanonical},
		"duplicate label":      {"a4 01 01 01 01 20 06 21 5820" + rfc8032Public, cose.ErrMalformed},
		"long integer":         {"a3 01 1801 20 06 21 5820" + rfc8032Public, cose.ErrNotCanonical},
		"key type as text":     {"a3 01 6131 20 06 21 5820" + rfc8032Public, cose.ErrMalformed},
		"x of 31 bytes":        {"a3 01 01 20 06 21 581f" + rfc8032Public[2:], cose.ErrMalformed},
		"x as text":            {"a3 01 01 20 06 21 7820" + strings.Repeat("61", 32), cose.ErrMalformed},
		"null":                 {"a3 01 01 20 06 21 f6", cose.ErrMalformed},
		"X25519":               {"a3 01 01 20 04 21 5820" + rfc8032Public, cose.ErrUnsupportedAlgorithm},
		"P-384":                {"a4 01 02 20 02 21 5820" + rfc9679X + "22 5820" + rfc9679Y, cose.ErrUnsupportedAlgorithm},
		"symmetric":            {"a3 01 04 20 06 21 5820" + rfc8032Public, cose.ErrUnsupportedAlgorithm},
		"P-256 without y":      {"a3 01 02 20 01 21 5820" + rfc9679X, cose.ErrMalformed},
		"P-256 with a sign":    {"a4 01 02 20 01 21 5820" + rfc9679X + "22 f5", cose.ErrMalformed},
		"P-256 off the curve":  {ec2[:len(ec2)-1] + "d", cose.ErrBadKey},
		"P-256 at infinity":    {"a4 01 02 20 01 21 5820" + strings.Repeat("00", 32) + "22 5820" + strings.Repeat("00", 32), cose.ErrBadKey},
		"P-256 x above p":      {"a4 01 02 20 01 21 5820" + strings.Repeat("ff", 32) + "22 5820" + rfc9679Y, cose.ErrBadKey},
		"Ed25519 with a key y": {"a4 01 01 20 06 21 5820" + rfc8032Public + "22 5820" + rfc9679Y, cose.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cose.ParseKey(unhex(t, c.encoded))
			require.ErrorIs(t, err, c.want)
		})
	}
}

// With each of these keys one signature would verify for many messages, or the same point
// would have a second key id.
func TestAnEd25519KeyWithWhichAnybodyCouldSignIsRefused(t *testing.T) {
	for name, encoded := range map[string]string{
		"order 1":               "0100000000000000000000000000000000000000000000000000000000000000",
		"order 1, sign set":     "0100000000000000000000000000000000000000000000000000000000000080",
		"order 2":               "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"order 4":               "0000000000000000000000000000000000000000000000000000000000000000",
		"order 4, other":        "0000000000000000000000000000000000000000000000000000000000000080",
		"order 8, first":        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"order 8, second":       "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"order 8, third":        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"order 8, fourth":       "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"zero as p":             "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"one as p+1":            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"all ones":              strings.Repeat("ff", 32),
		"shorter than it takes": "26e8958f",
		"empty":                 "",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cose.NewKey(ed25519.PublicKey(unhex(t, encoded)))
			require.ErrorIs(t, err, cose.ErrBadKey)
		})
	}
}

func TestAnEd25519KeyMustBeOnTheCurve(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	accepted := 0
	const tries = 1000
	for range tries {
		raw := make([]byte, ed25519.PublicKeySize)
		_, _ = random.Read(raw)
		if _, err := cose.NewKey(ed25519.PublicKey(raw)); err == nil {
			accepted++
		} else {
			require.ErrorIs(t, err, cose.ErrBadKey)
		}
		_, err := cose.NewKey(ed25519.NewKeyFromSeed(raw).Public())
		require.NoError(t, err, "a generated key is on the curve")
	}
	require.InDelta(t, tries/2, accepted, tries/20, "half of all strings encode a point")
}

func TestOtherKindsOfKeysAreRefused(t *testing.T) {
	p384, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), append(make([]byte, 47), 5))
	require.NoError(t, err)
	for name, public := range map[string]any{
		"nil": nil, "RSA": &rsa.PublicKey{}, "P-384": &p384.PublicKey,
		"ed25519 by pointer": &ed25519.PublicKey{}, "bytes": []byte("key"),
	} {
		_, err := cose.NewKey(public)
		require.ErrorIs(t, err, cose.ErrUnsupportedAlgorithm, name)
	}
	for name, public := range map[string]any{
		"nil P-256": (*ecdsa.PublicKey)(nil), "no curve": &ecdsa.PublicKey{}, "no point": &ecdsa.PublicKey{Curve: elliptic.P256()},
	} {
		_, err := cose.NewKey(public)
		require.ErrorIs(t, err, cose.ErrBadKey, name)
	}
}

func TestKeyTextHasOneForm(t *testing.T) {
	text := signers(t)["EdDSA"].Key().Text()
	for name, other := range map[string]string{
		"empty": "", "padded": text + "=", "line break": text + "\n", "break inside": text[:4] + "\r\n" + text[4:],
		"standard alphabet": "+" + text[1:], "space": " " + text, "cut": text[:len(text)-1],
		"spare bits set": text[:len(text)-1] + string(text[len(text)-1]+1),
	} {
		_, err := cose.ParseKeyText(other)
		require.ErrorIs(t, err, cose.ErrMalformed, name)
	}
}

func TestTheZeroKeyVerifiesNothing(t *testing.T) {
	require.ErrorIs(t, cose.Key{}.Verify(nil, make([]byte, cose.SignatureSize)), cose.ErrBadKey)
	require.Nil(t, cose.Key{}.Public())
}

func TestAnES256SignatureOutsideItsRangeIsRefused(t *testing.T) {
	signer := signers(t)["ES256"]
	message := []byte("message")
	good, err := signer.Sign(message)
	require.NoError(t, err)
	order := elliptic.P256().Params().N.FillBytes(make([]byte, 32))
	zero := make([]byte, 32)
	for name, signature := range map[string][]byte{
		"r = 0":     append(zero[:32:32], good[32:]...),
		"s = 0":     append(good[:32:32], zero...),
		"r = n":     append(order[:32:32], good[32:]...),
		"s = n":     append(good[:32:32], order...),
		"63 bytes":  good[:63],
		"65 bytes":  append(good[:64:64], 0),
		"no bytes":  nil,
		"all zeros": make([]byte, 64),
	} {
		require.ErrorIs(t, signer.Key().Verify(message, signature), cose.ErrBadSignature, name)
	}
	require.NoError(t, signer.Key().Verify(message, good))
}

func TestAKeyIDHasOneText(t *testing.T) {
	id := signers(t)["EdDSA"].Key().ID()
	encoded, err := json.Marshal(map[cose.KeyID]cose.KeyID{id: id})
	require.NoError(t, err)
	require.JSONEq(t, `{"`+id.String()+`":"`+id.String()+`"}`, string(encoded))
	var decoded map[cose.KeyID]cose.KeyID
	require.NoError(t, json.Unmarshal(encoded, &decoded))
	require.Equal(t, id, decoded[id])
	for _, text := range []string{"", "00112233445566", "00112233445566778", "0011223344556677aa", "00112233445566AA", "0x11223344556677"} {
		var read cose.KeyID
		require.ErrorIs(t, read.UnmarshalText([]byte(text)), cose.ErrMalformed, text)
		require.Zero(t, read)
	}
}
