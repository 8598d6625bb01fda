// SPDX-License-Identifier: Apache-2.0

package reading_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/name"
)

// mayIRead is a question of pump-7.
func mayIRead() reading.Question {
	return reading.Question{
		Device: name.New("Org1MSP", "pump-7"), Channel: "anchors", Expires: 1_700_000_300,
		Nonce: [16]byte{1, 2, 3}, Digest: sha256.Sum256([]byte("what is asked")),
	}
}

func TestAQuestionIsWhatItsDeviceSigned(t *testing.T) {
	for algorithm, signer := range bothSigners(t) {
		token, err := reading.SignQuestion(signer, mayIRead())
		require.NoError(t, err, algorithm)
		q, err := reading.OpenQuestion(token, signer.Key())
		require.NoError(t, err)
		require.Equal(t, mayIRead(), q)
		for at := range token {
			changed := append([]byte{}, token...)
			changed[at] ^= 1
			_, err := reading.OpenQuestion(changed, signer.Key())
			require.Error(t, err, "byte %d", at)
		}
	}
	token, err := reading.SignQuestion(edSigner(t), mayIRead())
	require.NoError(t, err)
	_, err = reading.OpenQuestion(token, esSigner(t).Key())
	require.ErrorIs(t, err, reading.ErrWrongKey)
}

func TestTheBytesOfAQuestionDoNotChange(t *testing.T) {
	token, err := reading.SignQuestion(edSigner(t), mayIRead())
	require.NoError(t, err)
	require.Equal(t, golden(t, "question", token), token)
}

func TestAQuestionThatSaysTooLittleIsNotSigned(t *testing.T) {
	for what, spoil := range map[string]func(*reading.Question){
		"nobody asks":   func(q *reading.Question) { q.Device = name.Name{} },
		"nowhere":       func(q *reading.Question) { q.Channel = "" },
		"for ever":      func(q *reading.Question) { q.Expires = 0 },
		"too far ahead": func(q *reading.Question) { q.Expires = 1 << 60 },
	} {
		q := mayIRead()
		spoil(&q)
		_, err := reading.SignQuestion(edSigner(t), q)
		require.ErrorIs(t, err, reading.ErrMalformed, what)
	}
}

func TestAnotherTokenIsNoQuestion(t *testing.T) {
	possession, err := reading.SignPossession(edSigner(t), pump7)
	require.NoError(t, err)
	_, err = reading.OpenQuestion(possession, edSigner(t).Key())
	require.ErrorIs(t, err, reading.ErrWrongType)
}

func FuzzOpenQuestion(f *testing.F) {
	token, err := reading.SignQuestion(edSigner(f), mayIRead())
	require.NoError(f, err)
	f.Add(hex.EncodeToString(token))
	f.Fuzz(func(t *testing.T, text string) {
		data, err := hex.DecodeString(text)
		if err != nil {
			return
		}
		if q, err := reading.OpenQuestion(data, edSigner(t).Key()); err == nil {
			again, err := reading.SignQuestion(edSigner(t), q)
			require.NoError(t, err)
			require.Equal(t, data, again, "what is taken has one encoding, and EdDSA one signature")
		}
	})
}
