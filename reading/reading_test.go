// SPDX-License-Identifier: Apache-2.0

package reading_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	oracle "github.com/veraison/go-cose"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

func TestAReadingSaysWhatWasSigned(t *testing.T) {
	for title, signer := range bothSigners(t) {
		encoded := signed(t, signer)
		r, err := reading.Parse(encoded)
		require.NoError(t, err, title)
		require.NoError(t, r.Verify(signer.Key()))
		require.Equal(t, claims(), r.Claims())
		require.Equal(t, reading.SenMLJSON, r.ContentType())
		require.Equal(t, signer.Key().ID(), r.KeyID())
		require.Equal(t, signer.Key().Algorithm(), r.Algorithm())
		require.Equal(t, senml, string(r.Payload()))
		require.Equal(t, encoded, r.Bytes())
	}
}

func TestAnIndependentLibraryVerifiesAReading(t *testing.T) {
	for title, signer := range bothSigners(t) {
		var theirs oracle.Sign1Message
		require.NoError(t, theirs.UnmarshalCBOR(signed(t, signer)))
		verifier, err := oracle.NewVerifier(oracle.Algorithm(signer.Key().Algorithm()), signer.Key().Public())
		require.NoError(t, err)
		require.NoError(t, theirs.Verify(nil, verifier), title)
		require.Equal(t, reading.Type, theirs.Headers.Protected[int64(16)])
		said, ok := theirs.Headers.Protected[int64(15)].(map[any]any)
		require.True(t, ok)
		require.EqualValues(t, claims().Device.String(), said[int64(1)])
		require.EqualValues(t, claims().Sequence, said[int64(-70001)])
	}
}

func TestAReadingIsIndependentOfTheBytesItWasReadFrom(t *testing.T) {
	encoded := signed(t, edSigner(t))
	before := bytes.Clone(encoded)
	r, err := reading.Parse(encoded)
	require.NoError(t, err)
	clear(encoded)
	require.Equal(t, before, r.Bytes())
	require.NoError(t, r.Verify(edSigner(t).Key()))
	_ = append(r.Payload(), "overwrites the signature if it can"...)
	require.NoError(t, r.Verify(edSigner(t).Key()))
}

func TestTheSubjectIsTheDeviceUnlessSaidOtherwise(t *testing.T) {
	c := claims()
	c.Subject = ""
	encoded, err := reading.Sign(edSigner(t), c, "text/plain", nil)
	require.NoError(t, err)
	r, err := reading.Parse(encoded)
	require.NoError(t, err)
	require.Equal(t, c.Device.ID, r.Claims().Subject)
	require.Equal(t, reading.ContentType("text/plain"), r.ContentType())
	require.NotNil(t, r.Payload())
	require.Empty(t, r.Payload())
}

func TestOnlyTheNamedKeyVerifiesAReading(t *testing.T) {
	r, err := reading.Parse(signed(t, edSigner(t)))
	require.NoError(t, err)
	require.ErrorIs(t, r.Verify(esSigner(t).Key()), reading.ErrWrongKey)
	require.ErrorIs(t, r.Verify(cose.Key{}), reading.ErrWrongKey)

	forged := signed(t, edSigner(t))
	forged[len(forged)-1] ^= 1
	r, err = reading.Parse(forged)
	require.NoError(t, err)
	require.ErrorIs(t, r.Verify(edSigner(t).Key()), reading.ErrBadSignature)
	require.ErrorContains(t, r.Verify(edSigner(t).Key()), "Org1MSP/pump-7/4711")
}

func TestTheContentHashLeavesOnlyTheSignatureOut(t *testing.T) {
	encoded := signed(t, esSigner(t))
	r, err := reading.Parse(encoded)
	require.NoError(t, err)
	// d284 | protected | a0 | payload | 5840 signature
	m, err := cose.Parse(encoded)
	require.NoError(t, err)
	protected := encoded[2 : 2+2+len(m.Protected)]
	payload := encoded[len(encoded)-66-2-len(m.Payload) : len(encoded)-66]
	require.Equal(t, sha256.Sum256(append(bytes.Clone(protected), payload...)), r.ContentHash())

	encoded[len(encoded)-1] ^= 1
	other, err := reading.Parse(encoded)
	require.NoError(t, err)
	require.Equal(t, r.ContentHash(), other.ContentHash())
	again, err := reading.Sign(esSigner(t), claims(), reading.SenMLJSON, []byte(senml+" "))
	require.NoError(t, err)
	other, err = reading.Parse(again)
	require.NoError(t, err)
	require.NotEqual(t, r.ContentHash(), other.ContentHash())
}

func TestClaimsBeyondTheirLimitsAreNeitherSignedNorRead(t *testing.T) {
	for title, change := range map[string]func(*reading.Claims){
		"no device":         func(c *reading.Claims) { c.Device = name.Name{} },
		"device without id": func(c *reading.Claims) { c.Device.ID = "" },
		"device not a name": func(c *reading.Claims) { c.Device.ID = "pump/7" },
		"owner no MSP ID":   func(c *reading.Claims) { c.Device.Owner = "Org 1" },
		"subject no name":   func(c *reading.Claims) { c.Subject = "hall 2" },
		"sequence 0":        func(c *reading.Claims) { c.Sequence = 0 },
		"sequence 2^53":     func(c *reading.Claims) { c.Sequence = 1 << 53 },
		"time 2^53":         func(c *reading.Claims) { c.Time = 1 << 53 },
		"negative time":     func(c *reading.Claims) { c.Time = -1 },
	} {
		t.Run(title, func(t *testing.T) {
			c := claims()
			change(&c)
			require.ErrorIs(t, c.Validate(), reading.ErrMalformed)
			_, err := reading.Sign(edSigner(t), c, reading.SenMLJSON, nil)
			require.ErrorIs(t, err, reading.ErrMalformed)
			_, err = reading.Parse(withClaims(t, map[any]any{
				1: c.Device.Owner + "/" + c.Device.ID, 2: c.Subject, -70001: c.Sequence, -70002: c.Time,
			}))
			require.ErrorIs(t, err, reading.ErrMalformed)
		})
	}
	for _, c := range []reading.Claims{
		{Device: name.New("O", "a"), Subject: "a", Sequence: 1, Time: 0},
		{Device: name.New(strings.Repeat("O", 128), strings.Repeat("a", 64)), Subject: "Z.9_:-", Sequence: reading.MaxNumber, Time: reading.MaxNumber},
	} {
		encoded, err := reading.Sign(edSigner(t), c, reading.SenMLCBOR, nil)
		require.NoError(t, err)
		r, err := reading.Parse(encoded)
		require.NoError(t, err)
		require.Equal(t, c, r.Claims())
	}
}

type labels = map[any]any

func header(t testing.TB) labels {
	t.Helper()
	id := edSigner(t).Key().ID()
	return labels{1: -8, 3: 110, 4: id[:], 15: said(), 16: reading.Type}
}

func said() labels { return labels{1: "Org1MSP/pump-7", 2: "pump-7", -70001: 1, -70002: 2} }

func withClaims(t testing.TB, c labels) []byte {
	t.Helper()
	h := header(t)
	h[15] = c
	return assemble(t, edSigner(t), deterministic(t, h), []byte("payload"))
}

func TestAReadingMayCarryMoreThanIsUnderstood(t *testing.T) {
	h, c := header(t), said()
	h[33], h["site"] = []byte("certificate"), map[string]any{"lat": 48.5, "up": true}
	c[6], c["note"] = 1_700_000_000, "calibrated"
	h[15] = c
	h[2] = []any{1, 3, 4, 15, 16}
	encoded := assemble(t, edSigner(t), deterministic(t, h), []byte("payload"))
	r, err := reading.Parse(encoded)
	require.NoError(t, err)
	require.NoError(t, r.Verify(edSigner(t).Key()))
	require.Equal(t, uint64(1), r.Claims().Sequence)
}

func TestAReadingThatIsNotStrictlyOneIsRefused(t *testing.T) {
	good := assemble(t, edSigner(t), deterministic(t, header(t)), []byte("payload"))
	_, err := reading.Parse(good)
	require.NoError(t, err, "the table stands on a good reading")

	for title, c := range map[string]struct {
		change func(h, c labels)
		want   error
	}{
		"no content type":      {func(h, _ labels) { delete(h, 3) }, reading.ErrMalformed},
		"no claims":            {func(h, _ labels) { delete(h, 15) }, reading.ErrMalformed},
		"claims not a map":     {func(h, _ labels) { h[15] = "pump-7" }, reading.ErrMalformed},
		"possession's type":    {func(h, _ labels) { h[16] = "application/anchorline-possession+cwt" }, reading.ErrWrongType},
		"unknown critical":     {func(h, _ labels) { h[2], h[99] = []any{99}, 1 }, reading.ErrUnknownCritical},
		"critical claim":       {func(h, _ labels) { h[2] = []any{-70001} }, reading.ErrUnknownCritical},
		"ES384":                {func(h, _ labels) { h[1] = -35 }, reading.ErrUnsupportedAlgorithm},
		"no device":            {func(_, c labels) { delete(c, 1) }, reading.ErrMalformed},
		"no subject":           {func(_, c labels) { delete(c, 2) }, reading.ErrMalformed},
		"no sequence":          {func(_, c labels) { delete(c, -70001) }, reading.ErrMalformed},
		"no time":              {func(_, c labels) { delete(c, -70002) }, reading.ErrMalformed},
		"sequence as text":     {func(_, c labels) { c[-70001] = "1" }, reading.ErrMalformed},
		"sequence as a float":  {func(_, c labels) { c[-70001] = 1.0 }, reading.ErrMalformed},
		"sequence negative":    {func(_, c labels) { c[-70001] = -1 }, reading.ErrMalformed},
		"time as a float":      {func(_, c labels) { c[-70002] = 1.5 }, reading.ErrMalformed},
		"device as bytes":      {func(_, c labels) { c[1] = []byte("Org1MSP/pump-7") }, reading.ErrMalformed},
		"device without owner": {func(_, c labels) { c[1] = "pump-7" }, reading.ErrMalformed},
		"null claim":           {func(_, c labels) { c[7] = nil }, reading.ErrMalformed},
		"null header":          {func(h, _ labels) { h[33] = nil }, reading.ErrMalformed},
		"time beyond 64 bits":  {func(_, c labels) { c[-70002] = uint64(1) << 63 }, reading.ErrMalformed},
		"device name too long": {func(_, c labels) { c[1] = "Org1MSP/" + strings.Repeat("a", 65) }, reading.ErrMalformed},
	} {
		t.Run(title, func(t *testing.T) {
			h, claims := header(t), said()
			h[15] = claims
			c.change(h, claims)
			_, err := reading.Parse(assemble(t, edSigner(t), deterministic(t, h), []byte("payload")))
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestAReadingInAnotherFormIsRefused(t *testing.T) {
	good := signed(t, edSigner(t))
	m, err := cose.Parse(good)
	require.NoError(t, err)
	detached, open, short := m, m, m
	detached.Payload = nil
	open.Unprotected = []byte{0xa1, 0x04, 0x41, 0x00}
	short.Signature = short.Signature[:63]
	for title, encoded := range map[string][]byte{
		"nothing":             nil,
		"no tag":              good[1:],
		"trailing byte":       append(bytes.Clone(good), 0),
		"cut short":           good[:len(good)-1],
		"detached payload":    detached.Encode(),
		"unprotected header":  open.Encode(),
		"63-byte signature":   short.Encode(),
		"no protected header": cose.Message{Payload: m.Payload, Signature: m.Signature}.Encode(),
		"JSON":                []byte(senml),
	} {
		_, err := reading.Parse(encoded)
		require.ErrorIs(t, err, reading.ErrMalformed, title)
	}
}

func TestTheLargestReadingIs64KiB(t *testing.T) {
	overhead := len(signed(t, edSigner(t))) - len(senml) + 1 // a longer payload has a longer head
	payload := make([]byte, reading.MaxSize-overhead)
	encoded, err := reading.Sign(edSigner(t), claims(), reading.SenMLJSON, payload)
	require.NoError(t, err)
	require.Len(t, encoded, reading.MaxSize)
	_, err = reading.Parse(encoded)
	require.NoError(t, err)

	_, err = reading.Sign(edSigner(t), claims(), reading.SenMLJSON, make([]byte, len(payload)+1))
	require.ErrorIs(t, err, reading.ErrTooLarge)
	_, err = reading.Sign(edSigner(t), claims(), reading.SenMLJSON, make([]byte, reading.MaxSize+1))
	require.ErrorIs(t, err, reading.ErrTooLarge)
	_, err = reading.Parse(append(encoded, 0))
	require.ErrorIs(t, err, reading.ErrTooLarge)
}

func TestABadContentTypeIsNotSigned(t *testing.T) {
	for _, ct := range []reading.ContentType{"", "senml", "65536", "0110", "/json", "text/", "text/plain\n"} {
		_, err := reading.Sign(edSigner(t), claims(), ct, nil)
		require.ErrorIs(t, err, reading.ErrMalformed, string(ct))
	}
}

func TestNoBitOfAReadingCanBeFlippedUnnoticed(t *testing.T) {
	for title, signer := range bothSigners(t) {
		encoded := signed(t, signer)
		for bit := range 8 * len(encoded) {
			encoded[bit/8] ^= 1 << (bit % 8)
			r, err := reading.Parse(encoded)
			if err == nil {
				err = r.Verify(signer.Key())
			}
			require.Errorf(t, err, "%s: byte %d, bit %d", title, bit/8, bit%8)
			encoded[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestTheGoldenReadingsAreReadAndWrittenToTheByte(t *testing.T) {
	for title, signer := range bothSigners(t) {
		now := signed(t, signer)
		want := golden(t, "reading-"+title, now)
		require.Equal(t, hex.EncodeToString(want), hex.EncodeToString(now), title)
		r, err := reading.Parse(want)
		require.NoError(t, err)
		require.NoError(t, r.Verify(signer.Key()))
		require.Equal(t, claims(), r.Claims())
		m, err := cose.Parse(want)
		require.NoError(t, err)
		require.Equal(t, want, m.Encode())

		wantKey := golden(t, "key-"+title, signer.Key().Bytes())
		require.Equal(t, wantKey, signer.Key().Bytes())
		key, err := cose.ParseKey(wantKey)
		require.NoError(t, err)
		require.NoError(t, r.Verify(key))
	}
}

func FuzzParse(f *testing.F) {
	for _, signer := range bothSigners(f) {
		f.Add(signed(f, signer))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := reading.Parse(data)
		if err != nil {
			return
		}
		require.Equal(t, data, r.Bytes())
		m, err := cose.Parse(data)
		require.NoError(t, err)
		require.Equal(t, data, m.Encode())
		require.NoError(t, r.Claims().Validate())
		require.NoError(t, r.ContentType().Validate())
	})
}

func BenchmarkParseAndVerify(b *testing.B) {
	for title, signer := range bothSigners(b) {
		encoded, key := signed(b, signer), signer.Key()
		b.Run(title, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := reading.Parse(encoded)
				if err != nil || r.Verify(key) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	encoded := signed(b, edSigner(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reading.Parse(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	for title, signer := range bothSigners(b) {
		b.Run(title, func(b *testing.B) {
			for b.Loop() {
				_, _ = reading.Sign(signer, claims(), reading.SenMLJSON, []byte(senml))
			}
		})
	}
}

func Example() {
	t := new(testing.T) // the fixed keys of these tests
	device := edSigner(t)

	encoded, err := reading.Sign(device, reading.Claims{Device: name.New("Org1MSP", "pump-7"), Sequence: 1, Time: 1_767_225_600_000},
		reading.SenMLJSON, []byte(`[{"n":"temperature","u":"Cel","v":21.5}]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := reading.Parse(encoded)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("verified:", r.Verify(device.Key()) == nil)
	fmt.Println(r.Claims().Device, r.Claims().Sequence, string(r.Payload()))
	// Output:
	// verified: true
	// Org1MSP/pump-7 1 [{"n":"temperature","u":"Cel","v":21.5}]
}
