// SPDX-License-Identifier: Apache-2.0

package reading_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// pump is a device as the subject of a token.
func pump(id, owner, channel string) reading.Subject {
	return reading.Subject{Kind: reading.DeviceKey, Name: name.New(owner, id), Channel: channel}
}

var pump7 = pump("pump-7", "Org1MSP", "anchors")

func TestAPossessionTokenIsForOneIDOwnerAndChannel(t *testing.T) {
	for algorithm, signer := range bothSigners(t) {
		key := signer.Key()
		token, err := reading.SignPossession(signer, pump7)
		require.NoError(t, err, algorithm)
		require.NoError(t, reading.VerifyPossession(token, key, pump7))
		require.ErrorIs(t, reading.VerifyPossession(token, key, pump("pump-8", "Org1MSP", "anchors")), reading.ErrWrongSubject)
		require.ErrorIs(t, reading.VerifyPossession(token, key, pump("pump-7", "Org2MSP", "anchors")), reading.ErrWrongSubject)
		require.ErrorIs(t, reading.VerifyPossession(token, key, pump("pump-7", "Org1MSP", "other")), reading.ErrWrongSubject)
		require.ErrorIs(t, reading.VerifyPossession(token, cose.Key{}, pump7), reading.ErrWrongKey)
	}
}

func TestARotationTokenIsForOneNewKey(t *testing.T) {
	oldKey, newKey := edSigner(t), esSigner(t).Key()
	token, err := reading.SignRotation(oldKey, pump7, newKey)
	require.NoError(t, err)
	require.NoError(t, reading.VerifyRotation(token, oldKey.Key(), pump7, newKey))
	require.ErrorIs(t, reading.VerifyRotation(token, oldKey.Key(), pump7, oldKey.Key()), reading.ErrWrongSubject)
	require.ErrorIs(t, reading.VerifyRotation(token, oldKey.Key(), pump("pump-8", "Org1MSP", "anchors"), newKey), reading.ErrWrongSubject)
	require.ErrorIs(t, reading.VerifyRotation(token, newKey, pump7, newKey), reading.ErrWrongKey,
		"the new key cannot consent in the old one's place")
	_, err = reading.SignRotation(oldKey, pump7, cose.Key{})
	require.ErrorIs(t, err, reading.ErrMalformed)
}

func TestOneKindOfTokenIsNotTakenForAnother(t *testing.T) {
	signer, key := edSigner(t), edSigner(t).Key()
	possession, err := reading.SignPossession(signer, pump7)
	require.NoError(t, err)
	rotation, err := reading.SignRotation(signer, pump7, key)
	require.NoError(t, err)
	require.ErrorIs(t, reading.VerifyPossession(rotation, key, pump7), reading.ErrWrongType)
	require.ErrorIs(t, reading.VerifyRotation(possession, key, pump7, key), reading.ErrWrongType)
	stream := pump7
	stream.Kind = reading.StreamKey
	require.ErrorIs(t, reading.VerifyPossession(possession, key, stream), reading.ErrWrongType)
	require.ErrorIs(t, reading.VerifyRotation(rotation, key, stream, key), reading.ErrWrongType)
	_, err = reading.Parse(possession)
	require.ErrorIs(t, err, reading.ErrMalformed)
	require.ErrorIs(t, reading.VerifyPossession(signed(t, signer), key, pump7), reading.ErrMalformed)
}

func TestATokenWithBadNamesIsNotSigned(t *testing.T) {
	for _, names := range [][3]string{
		{"", "Org1MSP", "anchors"}, {"a b", "Org1MSP", "anchors"}, {"pump-7", "", "anchors"}, {"pump-7", "Org1MSP", ""},
		{"pump-7", strings.Repeat("o", 256), "anchors"}, {"pump-7", "Org1MSP", strings.Repeat("c", 256)},
		{"pump-7", "\xff", "anchors"},
	} {
		_, err := reading.SignPossession(edSigner(t), pump(names[0], names[1], names[2]))
		require.ErrorIs(t, err, reading.ErrMalformed, names)
	}
}

func TestATokenThatIsNotStrictlyOneIsRefused(t *testing.T) {
	signer := edSigner(t)
	key, id := signer.Key(), signer.Key().ID()
	tokenHeader := func() labels { return labels{1: -8, 4: id[:], 16: "application/anchorline-possession+cwt"} }
	tokenClaims := func() labels { return labels{1: "Org1MSP/pump-7", 3: "anchors"} }
	verify := func(token []byte) error {
		return reading.VerifyPossession(token, key, pump7)
	}
	require.NoError(t, verify(assemble(t, signer, deterministic(t, tokenHeader()), deterministic(t, tokenClaims()))))
	for title, c := range map[string]struct {
		change func(h, c labels)
		want   error
	}{
		"another header":    {func(h, _ labels) { h[3] = 61 }, reading.ErrMalformed},
		"a critical header": {func(h, _ labels) { h[2] = []any{99}; h[99] = 1 }, reading.ErrUnknownCritical},
		"no type":           {func(h, _ labels) { delete(h, 16) }, reading.ErrMalformed},
		"another claim":     {func(_, c labels) { c[6] = 1 }, reading.ErrMalformed},
		"a confirmation":    {func(_, c labels) { c[8] = labels{1: labels{}} }, reading.ErrMalformed},
		"no audience":       {func(_, c labels) { delete(c, 3) }, reading.ErrMalformed},
		"an owner apart":    {func(_, c labels) { c[2] = "Org1MSP" }, reading.ErrMalformed},
		"no issuer":         {func(_, c labels) { delete(c, 1) }, reading.ErrMalformed},
		"name without MSP":  {func(_, c labels) { c[1] = "pump-7" }, reading.ErrMalformed},
		"name as bytes":     {func(_, c labels) { c[1] = []byte("Org1MSP/pump-7") }, reading.ErrMalformed},
		"channel null":      {func(_, c labels) { c[3] = nil }, reading.ErrMalformed},
	} {
		h, claims := tokenHeader(), tokenClaims()
		c.change(h, claims)
		require.ErrorIs(t, verify(assemble(t, signer, deterministic(t, h), deterministic(t, claims))), c.want, title)
	}
	good, err := reading.SignPossession(signer, pump7)
	require.NoError(t, err)
	require.ErrorIs(t, verify(append(bytes.Clone(good), 0)), reading.ErrMalformed)
	require.ErrorIs(t, verify(make([]byte, reading.MaxTokenSize+1)), reading.ErrTooLarge)
	require.ErrorIs(t, verify(nil), reading.ErrMalformed)
	good[len(good)-1] ^= 1
	require.ErrorIs(t, verify(good), reading.ErrBadSignature)
}

func TestARotationWithAnotherConfirmationIsRefused(t *testing.T) {
	signer := edSigner(t)
	id, newKey := signer.Key().ID(), esSigner(t).Key()
	protected := deterministic(t, labels{1: -8, 4: id[:], 16: "application/anchorline-rotation+cwt"})
	for title, confirmation := range map[string]any{
		"none":           labels{},
		"bytes":          newKey.Bytes(),
		"key as bytes":   labels{1: newKey.Bytes()},
		"key and kid":    labels{1: labels{1: 1, -1: 6, -2: edSigner(t).Key().Bytes()[7:]}, 3: id[:]},
		"a private part": labels{1: labels{1: 1, -1: 6, -2: edSigner(t).Key().Bytes()[7:], -4: make([]byte, 32)}},
	} {
		payload := deterministic(t, labels{1: "Org1MSP/pump-7", 3: "anchors", 8: confirmation})
		err := reading.VerifyRotation(assemble(t, signer, protected, payload), signer.Key(), pump7, newKey)
		require.ErrorIs(t, err, reading.ErrMalformed, title)
	}
}

func TestTheGoldenTokensAreReadAndWrittenToTheByte(t *testing.T) {
	signer, newKey := edSigner(t), esSigner(t)
	possession, err := reading.SignPossession(signer, pump7)
	require.NoError(t, err)
	require.Equal(t, golden(t, "possession", possession), possession)
	rotation, err := reading.SignRotation(signer, pump7, newKey.Key())
	require.NoError(t, err)
	require.Equal(t, golden(t, "rotation", rotation), rotation)
	for _, token := range [][]byte{possession, rotation} {
		m, err := cose.Parse(token)
		require.NoError(t, err)
		require.Equal(t, token, m.Encode())
	}
	require.NoError(t, reading.VerifyPossession(golden(t, "possession", possession), signer.Key(), pump7))
	require.NoError(t, reading.VerifyRotation(golden(t, "rotation", rotation), signer.Key(), pump7, newKey.Key()))
}

// FuzzTokens looks for a token that verifies but is not one that was signed. Ed25519
// signatures of a fixed key over fixed claims have one form only.
func FuzzTokens(f *testing.F) {
	signer, key := edSigner(f), edSigner(f).Key()
	possession, err := reading.SignPossession(signer, pump7)
	require.NoError(f, err)
	rotation, err := reading.SignRotation(signer, pump7, key)
	require.NoError(f, err)
	f.Add(possession)
	f.Add(rotation)
	f.Fuzz(func(t *testing.T, data []byte) {
		if reading.VerifyPossession(data, key, pump7) == nil {
			require.Equal(t, possession, data)
		}
		if reading.VerifyRotation(data, key, pump7, key) == nil {
			require.Equal(t, rotation, data)
		}
	})
}
