// SPDX-License-Identifier: Apache-2.0

package cose_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
	oracle "github.com/veraison/go-cose"

	"github.com/anchorline/anchorline/reading/cose"
)

var signature64 = "5840" + strings.Repeat("00", 64)

func TestAMessageComesBackAsItWasSigned(t *testing.T) {
	for name, signer := range signers(t) {
		m, err := cose.Sign(signer, cose.Header{Type: "application/example"}, []byte("payload"))
		require.NoError(t, err, name)
		again, err := cose.Parse(m.Encode())
		require.NoError(t, err)
		require.Equal(t, m.Encode(), again.Encode())
		require.NoError(t, again.Verify(signer.Key(), nil))
		require.ErrorIs(t, again.Verify(signer.Key(), []byte("external")), cose.ErrBadSignature)
		require.ErrorIs(t, again.VerifyDetached(signer.Key(), nil, []byte("payload")), cose.ErrMalformed)

		again.Payload = nil
		detached, err := cose.Parse(again.Encode())
		require.NoError(t, err)
		require.Nil(t, detached.Payload)
		require.NoError(t, detached.VerifyDetached(signer.Key(), nil, []byte("payload")))
		require.ErrorIs(t, detached.VerifyDetached(signer.Key(), nil, []byte("other")), cose.ErrBadSignature)
		require.ErrorIs(t, detached.Verify(signer.Key(), nil), cose.ErrMalformed)
	}
	_, err := cose.Sign(nil, cose.Header{}, nil)
	require.ErrorIs(t, err, cose.ErrBadKey)
}

func TestAMessageThatIsNotStrictlyACOSESign1IsRefused(t *testing.T) {
	_, err := cose.Parse(unhex(t, "d284 43a10126 a0 41 00"+signature64))
	require.NoError(t, err, "the table stands on a good message")
	for name, c := range map[string]struct {
		encoded string
		want    error
	}{
		"nothing":                     {"", cose.ErrMalformed},
		"no tag":                      {"84 43a10126 a0 41 00" + signature64, cose.ErrMalformed},
		"another tag":                 {"d184 43a10126 a0 41 00" + signature64, cose.ErrMalformed},
		"tag in two bytes":            {"d81284 43a10126 a0 41 00" + signature64, cose.ErrMalformed},
		"array of 3":                  {"d283 43a10126 a0 4100", cose.ErrMalformed},
		"array of 5":                  {"d285 43a10126 a0 41 00" + signature64 + "00", cose.ErrMalformed},
		"array of unknown length":     {"d29f 43a10126 a0 41 00" + signature64 + "ff", cose.ErrMalformed},
		"trailing byte":               {"d284 43a10126 a0 41 00" + signature64 + "00", cose.ErrMalformed},
		"no signature":                {"d284 43a10126 a0 41 00", cose.ErrMalformed},
		"signature nil":               {"d284 43a10126 a0 41 00 f6", cose.ErrMalformed},
		"signature text":              {"d284 43a10126 a0 41 00 60", cose.ErrMalformed},
		"payload undefined":           {"d284 43a10126 a0 f7" + signature64, cose.ErrMalformed},
		"payload text":                {"d284 43a10126 a0 6161" + signature64, cose.ErrMalformed},
		"payload in chunks":           {"d284 43a10126 a0 5f4100ff" + signature64, cose.ErrNotCanonical},
		"payload length too long":     {"d284 43a10126 a0 580100" + signature64, cose.ErrNotCanonical},
		"payload of 2^64-1 bytes":     {"d284 43a10126 a0 5bffffffffffffffff" + signature64, cose.ErrMalformed},
		"protected not in a string":   {"d284 a10126 a0 41 00" + signature64, cose.ErrMalformed},
		"protected nil":               {"d284 f6 a0 41 00" + signature64, cose.ErrMalformed},
		"protected no map":            {"d284 4100 a0 41 00" + signature64, cose.ErrMalformed},
		"protected an empty map":      {"d284 41a0 a0 41 00" + signature64, cose.ErrNotCanonical},
		"protected unsorted":          {"d284 45a203000126 a0 41 00" + signature64, cose.ErrNotCanonical},
		"protected duplicate":         {"d284 45a201260126 a0 41 00" + signature64, cose.ErrMalformed},
		"protected long integer":      {"d284 44a1013806 a0 41 00" + signature64, cose.ErrNotCanonical},
		"protected with more behind":  {"d284 44a1012600 a0 41 00" + signature64, cose.ErrMalformed},
		"protected with null":         {"d284 43a101f6 a0 41 00" + signature64, cose.ErrMalformed},
		"unprotected nil":             {"d284 43a10126 f6 41 00" + signature64, cose.ErrMalformed},
		"unprotected an array":        {"d284 43a10126 80 41 00" + signature64, cose.ErrMalformed},
		"unprotected with null":       {"d284 43a10126 a104f6 41 00" + signature64, cose.ErrMalformed},
		"unprotected duplicate":       {"d284 43a10126 a204000400 41 00" + signature64, cose.ErrMalformed},
		"unprotected unknown length":  {"d284 43a10126 bfff 41 00" + signature64, cose.ErrNotCanonical},
		"unprotected nested too deep": {"d284 43a10126 a104" + strings.Repeat("81", 40) + "00 41 00" + signature64, cose.ErrMalformed},
		"too large":                   {strings.Repeat("00", cose.MaxMessageSize+1), cose.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cose.Parse(unhex(t, c.encoded))
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestAHeaderThatDoesNotFitItsProfileIsRefused(t *testing.T) {
	kid := []byte("8 bytes.")
	profile := cose.Profile{
		Labels: []int64{cose.LabelAlgorithm, cose.LabelKeyID, cose.LabelType, cose.LabelContentType, cose.LabelClaims, cose.LabelVDS},
		Type:   "a/b", Open: true,
	}
	type header = map[any]any
	with := func(label, value any) header {
		h := header{1: -8, 3: 110, 4: kid, 15: header{}, 16: "a/b", 395: 1, label: value}
		if value == nil {
			delete(h, label)
		}
		return h
	}
	for name, c := range map[string]struct {
		header header
		want   error
	}{
		"good":                       {with(1, -8), nil},
		"another label":              {with(33, "certificate"), nil},
		"a text label":               {with("note", 1.5), nil},
		"crit of known labels":       {with(2, []any{1, 15}), nil},
		"no algorithm":               {with(1, nil), cose.ErrMalformed},
		"no key id":                  {with(4, nil), cose.ErrMalformed},
		"no type":                    {with(16, nil), cose.ErrMalformed},
		"ES384":                      {with(1, -35), cose.ErrUnsupportedAlgorithm},
		"algorithm by name":          {with(1, "ES256"), cose.ErrUnsupportedAlgorithm},
		"algorithm as bytes":         {with(1, []byte{1}), cose.ErrMalformed},
		"algorithm tagged":           {with(1, cbor.Tag{Number: 100, Content: -8}), cose.ErrMalformed},
		"key id of 7 bytes":          {with(4, kid[1:]), cose.ErrMalformed},
		"key id as text":             {with(4, string(kid)), cose.ErrMalformed},
		"key id as an array":         {with(4, []int{1, 2, 3, 4, 5, 6, 7, 8}), cose.ErrMalformed},
		"another type":               {with(16, "a/c"), cose.ErrWrongType},
		"type as a number":           {with(16, 110), cose.ErrMalformed},
		"claims as bytes":            {with(15, []byte{0xa0}), cose.ErrMalformed},
		"vds as text":                {with(395, "1"), cose.ErrMalformed},
		"content format beyond CoAP": {with(3, 65536), cose.ErrMalformed},
		"content format as text":     {with(3, "110"), cose.ErrMalformed},
		"negative content format":    {with(3, -1), cose.ErrMalformed},
		"media type":                 {with(3, "text/plain; charset=utf-8"), nil},
		"media type without a slash": {with(3, "text"), cose.ErrMalformed},
		"media type with a new line": {with(3, "text/plain\n"), cose.ErrMalformed},
		"media type in white space":  {with(3, " text/plain"), cose.ErrMalformed},
		"media type too long":        {with(3, "a/"+strings.Repeat("b", 300)), cose.ErrMalformed},
		"crit of an unknown label":   {with(2, []any{33}), cose.ErrUnknownCritical},
		"crit of an unknown text":    {with(2, []any{"note"}), cose.ErrUnknownCritical},
		"crit of crit":               {with(2, []any{2}), cose.ErrUnknownCritical},
		"crit of known and unknown":  {with(2, []any{1, -70001}), cose.ErrUnknownCritical},
		"crit empty":                 {with(2, []any{}), cose.ErrMalformed},
		"crit no array":              {with(2, 1), cose.ErrMalformed},
		"crit of a float":            {with(2, []any{1.5}), cose.ErrMalformed},
		"a label that is a boolean":  {with(true, 1), cose.ErrMalformed},
		"a label that is bytes":      {with(cbor.ByteString("x"), 1), cose.ErrMalformed},
		"a label beyond 64 bits":     {with(uint64(1)<<63, 1), cose.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			encoded := deterministic(t, c.header)
			_, err := cose.ParseHeader(encoded, profile)
			require.ErrorIs(t, err, c.want)
		})
	}
	closed := profile
	closed.Open = false
	_, err := cose.ParseHeader(deterministic(t, with(33, 1)), closed)
	require.ErrorIs(t, err, cose.ErrMalformed)
	_, err = cose.ParseHeader(deterministic(t, with(2, []any{1})), closed)
	require.ErrorIs(t, err, cose.ErrMalformed)
	_, err = cose.ParseHeader(nil, closed)
	require.ErrorIs(t, err, cose.ErrMalformed)
}

func deterministic(t testing.TB, v any) []byte {
	t.Helper()
	mode, err := cbor.CoreDetEncOptions().EncMode()
	require.NoError(t, err)
	encoded, err := mode.Marshal(v)
	require.NoError(t, err)
	return encoded
}

func TestAHeaderMatchesOnlyTheKeyItNames(t *testing.T) {
	ed, es := signers(t)["EdDSA"].Key(), signers(t)["ES256"].Key()
	require.NoError(t, cose.Header{KeyID: ed.ID(), Algorithm: ed.Algorithm()}.Match(ed))
	require.ErrorIs(t, cose.Header{KeyID: es.ID(), Algorithm: ed.Algorithm()}.Match(ed), cose.ErrWrongKey)
	require.ErrorIs(t, cose.Header{KeyID: ed.ID(), Algorithm: es.Algorithm()}.Match(ed), cose.ErrWrongKey)
}

func TestAnIndependentLibraryVerifiesWhatWeSign(t *testing.T) {
	for name, signer := range signers(t) {
		m, err := cose.Sign(signer, cose.Header{ContentType: "112", Type: "a/b", VDS: 1, Claims: []byte{0xa0}}, []byte("payload"))
		require.NoError(t, err)
		var theirs oracle.Sign1Message
		require.NoError(t, theirs.UnmarshalCBOR(m.Encode()))
		verifier, err := oracle.NewVerifier(oracle.Algorithm(signer.Key().Algorithm()), signer.Key().Public())
		require.NoError(t, err)
		require.NoError(t, theirs.Verify(nil, verifier), name)
		require.EqualValues(t, 112, theirs.Headers.Protected[int64(3)])
		require.Equal(t, "a/b", theirs.Headers.Protected[int64(16)])
		again, err := theirs.MarshalCBOR()
		require.NoError(t, err)
		require.Equal(t, m.Encode(), again)
	}
}

func TestWeVerifyWhatAnIndependentLibrarySigns(t *testing.T) {
	ours := signers(t)
	for algorithm, key := range map[oracle.Algorithm]cose.Key{
		oracle.AlgorithmEdDSA: ours["EdDSA"].Key(), oracle.AlgorithmES256: ours["ES256"].Key(),
	} {
		theirs := oracle.NewSign1Message()
		id := key.ID()
		theirs.Headers.Protected = oracle.ProtectedHeader{
			oracle.HeaderLabelAlgorithm: algorithm, oracle.HeaderLabelKeyID: id[:], int64(16): "a/b",
		}
		theirs.Payload = []byte("payload")
		var signer oracle.Signer
		var err error
		if algorithm == oracle.AlgorithmEdDSA {
			signer, err = oracle.NewSigner(algorithm, ed25519Private(1))
		} else {
			signer, err = oracle.NewSigner(algorithm, p256Private(t, 2))
		}
		require.NoError(t, err)
		require.NoError(t, theirs.Sign(rand.Reader, []byte("external"), signer))
		encoded, err := theirs.MarshalCBOR()
		require.NoError(t, err)

		m, header, err := cose.Open(encoded, cose.Profile{
			Labels: []int64{cose.LabelAlgorithm, cose.LabelKeyID, cose.LabelType}, Type: "a/b",
		})
		require.NoError(t, err)
		require.NoError(t, header.Match(key))
		require.NoError(t, m.Verify(key, []byte("external")))
	}
}

func FuzzParse(f *testing.F) {
	for _, signer := range signers(f) {
		m, err := cose.Sign(signer, cose.Header{Type: "a/b"}, []byte("payload"))
		require.NoError(f, err)
		f.Add(m.Encode())
		m.Payload = nil
		f.Add(m.Encode())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := cose.Parse(data)
		if err != nil {
			return
		}
		require.Equal(t, data, m.Encode())
		var theirs oracle.Sign1Message
		if err := theirs.UnmarshalCBOR(data); err == nil {
			require.Equal(t, theirs.Signature, m.Signature)
			require.Len(t, m.Payload, len(theirs.Payload))
		}
		h, err := cose.ParseHeader(m.Protected, cose.Profile{Labels: []int64{cose.LabelAlgorithm, cose.LabelKeyID, cose.LabelType}, Type: "a/b"})
		if err == nil {
			encoded, err := h.Encode()
			require.NoError(t, err)
			require.Equal(t, m.Protected, encoded)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	for _, signer := range signers(f) {
		f.Add(signer.Key().Bytes(), signer.Key().Text())
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		if key, err := cose.ParseKey(data); err == nil {
			require.Equal(t, data, key.Bytes())
			again, err := cose.NewKey(key.Public())
			require.NoError(t, err)
			require.Equal(t, key.ID(), again.ID())
		}
		if key, err := cose.ParseKeyText(text); err == nil {
			require.Equal(t, text, key.Text())
		}
	})
}

func FuzzParsePrivateKeyPEM(f *testing.F) {
	text, err := cose.MarshalPrivateKeyPEM(ed25519Private(1))
	require.NoError(f, err)
	f.Add(text)
	f.Fuzz(func(t *testing.T, data []byte) {
		if private, err := cose.ParsePrivateKeyPEM(data); err == nil {
			_, err := cose.MarshalPrivateKeyPEM(private)
			require.NoError(t, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for name, signer := range signers(b) {
		message := make([]byte, 256)
		signature, err := signer.Sign(message)
		require.NoError(b, err)
		key := signer.Key()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if key.Verify(message, signature) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkParseKey(b *testing.B) {
	for name, signer := range signers(b) {
		encoded := signer.Key().Bytes()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := cose.ParseKey(encoded); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
