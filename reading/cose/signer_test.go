// SPDX-License-Identifier: Apache-2.0

package cose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading/cose"
)

func TestSignaturesAreThoseOfTheStandards(t *testing.T) {
	t.Run("RFC 8032 §7.1, test 1", func(t *testing.T) {
		seed := unhex(t, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
		signer, err := cose.NewSigner(ed25519.NewKeyFromSeed(seed))
		require.NoError(t, err)
		signature, err := signer.Sign(nil)
		require.NoError(t, err)
		require.Equal(t, unhex(t, "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"+
			"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"), signature)
	})
	t.Run("RFC 6979 §A.2.5, SHA-256, sample", func(t *testing.T) {
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(),
			unhex(t, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"))
		require.NoError(t, err)
		signer, err := cose.NewSigner(private)
		require.NoError(t, err)
		signature, err := signer.Sign([]byte("sample"))
		require.NoError(t, err)
		require.Equal(t, unhex(t, "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"+
			"0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9"), signature, "the group order less the RFC's s, which is the larger one")
		larger := unhex(t, "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"+
			"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8")
		require.NoError(t, signer.Key().Verify([]byte("sample"), larger), "both verify, so one encoding has to be chosen")
		require.True(t, cose.LowS(signature))
		require.False(t, cose.LowS(larger))
	})
}

func TestASignerNeverMakesTheLargerS(t *testing.T) {
	local := p256Private(t, 2)
	for title, private := range map[string]crypto.Signer{"in this process": local, "elsewhere": hsm{Signer: local}} {
		signer, err := cose.NewSigner(private)
		require.NoError(t, err)
		for i := range 64 { // each would be the larger one in half of the cases
			message := []byte{byte(i)}
			signature, err := signer.Sign(message)
			require.NoError(t, err)
			require.True(t, cose.LowS(signature), title)
			require.NoError(t, signer.Key().Verify(message, signature), title)
		}
	}
}

func TestOnlyAWholeSignatureHasALowS(t *testing.T) {
	require.True(t, cose.LowS(make([]byte, cose.SignatureSize)))
	require.False(t, cose.LowS(make([]byte, cose.SignatureSize-1)))
	half := unhex(t, strings.Repeat("00", 32)+"7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8")
	require.True(t, cose.LowS(half), "half of the order, rounded down")
	half[len(half)-1]++
	require.False(t, cose.LowS(half))
}

// hsm is a key that is kept elsewhere, which answers in ASN.1.
type hsm struct {
	crypto.Signer
	answer []byte
	err    error
}

func (h hsm) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if h.answer != nil || h.err != nil {
		return h.answer, h.err
	}
	return h.Signer.Sign(random, digest, opts)
}

func TestAKeyKeptElsewhereSigns(t *testing.T) {
	for _, private := range []crypto.Signer{ed25519Private(1), p256Private(t, 2)} {
		signer, err := cose.NewSigner(hsm{Signer: private})
		require.NoError(t, err)
		signature, err := signer.Sign([]byte("message"))
		require.NoError(t, err)
		require.Len(t, signature, cose.SignatureSize)
		require.NoError(t, signer.Key().Verify([]byte("message"), signature))
	}
}

func TestAKeyKeptElsewhereThatMisbehavesIsAnError(t *testing.T) {
	broken := errors.New("token removed")
	for name, h := range map[string]struct {
		hsm
		want error
	}{
		"fails":                 {hsm{err: broken}, broken},
		"answers garbage":       {hsm{answer: []byte("garbage")}, cose.ErrBadSignature},
		"answers r = 0":         {hsm{answer: unhex(t, "3006020100020101")}, cose.ErrBadSignature},
		"answers trailing data": {hsm{answer: unhex(t, "300602010102010100")}, cose.ErrBadSignature},
		"answers s = order":     {hsm{answer: unhex(t, "3026020101022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")}, cose.ErrBadSignature},
		"answers 33 bytes":      {hsm{answer: unhex(t, "30260221"+strings.Repeat("7f", 33)+"020101")}, cose.ErrBadSignature},
	} {
		h.Signer = p256Private(t, 2)
		signer, err := cose.NewSigner(h.hsm)
		require.NoError(t, err, name)
		_, err = signer.Sign([]byte("message"))
		require.ErrorIs(t, err, h.want, name)
	}
}

func TestUnusablePrivateKeysAreRefused(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		private crypto.Signer
		want    error
	}{
		"nil":           {nil, cose.ErrBadKey},
		"short Ed25519": {ed25519.PrivateKey("short"), cose.ErrBadKey},
		"nil ECDSA":     {(*ecdsa.PrivateKey)(nil), cose.ErrBadKey},
		"empty ECDSA":   {&ecdsa.PrivateKey{}, cose.ErrBadKey},
		"RSA":           {rsaKey, cose.ErrUnsupportedAlgorithm},
	} {
		_, err := cose.NewSigner(c.private)
		require.ErrorIs(t, err, c.want, name)
	}
}

func TestAPrivateKeyComesBackFromItsPEM(t *testing.T) {
	for _, private := range []crypto.Signer{ed25519Private(1), p256Private(t, 2)} {
		text, err := cose.MarshalPrivateKeyPEM(private)
		require.NoError(t, err)
		again, err := cose.ParsePrivateKeyPEM(append(text, "\n \n"...))
		require.NoError(t, err)
		require.Equal(t, private, again)
	}
}

func TestPEMThatIsNotOnePrivateKeyIsRefused(t *testing.T) {
	good, err := cose.MarshalPrivateKeyPEM(ed25519Private(1))
	require.NoError(t, err)
	text := string(good)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	rsaDER, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nothing":         {"", cose.ErrBadKey},
		"text before":     {"hello\n" + text, cose.ErrBadKey},
		"text after":      {text + "hello\n", cose.ErrBadKey},
		"two keys":        {text + text, cose.ErrBadKey},
		"headers":         {strings.Replace(text, "-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1), cose.ErrBadKey},
		"another type":    {strings.ReplaceAll(text, "PRIVATE KEY", "EC PRIVATE KEY"), cose.ErrBadKey},
		"no end":          {text[:40], cose.ErrBadKey},
		"not PKCS #8":     {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})), cose.ErrBadKey},
		"an RSA key":      {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: rsaDER})), cose.ErrUnsupportedAlgorithm},
		"a truncated one": {strings.Replace(text, "MC4C", "MC4D", 1), cose.ErrBadKey},
	} {
		_, err := cose.ParsePrivateKeyPEM([]byte(c.text))
		require.ErrorIs(t, err, c.want, name)
	}
	_, err = cose.MarshalPrivateKeyPEM(rsaKey)
	require.ErrorIs(t, err, cose.ErrUnsupportedAlgorithm)
	_, err = cose.MarshalPrivateKeyPEM(hsm{Signer: ed25519Private(1)})
	require.ErrorIs(t, err, cose.ErrBadKey, "a key kept elsewhere cannot be written")
}
