// SPDX-License-Identifier: Apache-2.0

package reading

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/internal/dcbor"
	"github.com/anchorline/anchorline/reading/name"
)

// Kind is what a key speaks for. It is in the typ header of a token, so that a device's proof opens
// no stream, nor the other way round.
type Kind string

// The kinds of keys.
const (
	DeviceKey Kind = "anchorline"
	StreamKey Kind = "anchorline-stream"
)

// possessionType is the typ header of a proof of possession.
func (k Kind) possessionType() string { return "application/" + string(k) + "-possession+cwt" }

// rotationType is the typ header of a rotation.
func (k Kind) rotationType() string { return "application/" + string(k) + "-rotation+cwt" }

// Subject is the device or stream that a token is about: its name and the channel.
type Subject struct {
	Kind    Kind
	Name    name.Name
	Channel string
}

const (
	// MaxTokenSize is the length in bytes of the largest possession or rotation token.
	MaxTokenSize = 2048
	// MaxTokenText is the length in bytes of the longest channel name in a token.
	MaxTokenText = 255
)

// ErrWrongSubject means that a possession or rotation token is genuine but was made for
// another device or stream, channel or new key.
var ErrWrongSubject = errors.New("token was made for something else")

// Claim keys of a token, docs/formats.md.
const (
	claimAudience     = 3
	claimConfirmation = 8
	confirmationKey   = 1
)

// token is what a possession (without Confirmation) or a rotation says.
type token struct {
	Issuer       string `cbor:"1,keyasint"` // the name of the device or stream
	Channel      string `cbor:"3,keyasint"`
	Confirmation *cnf   `cbor:"8,keyasint,omitempty"`
}

type cnf struct {
	Key cbor.RawMessage `cbor:"1,keyasint"`
}

// SignPossession returns the proof that whoever registers s holds signer's private key. Errors
// are ErrMalformed and the signer's own.
func SignPossession(signer cose.Signer, s Subject) ([]byte, error) {
	return signToken(signer, s.Kind.possessionType(), s.token())
}

// VerifyPossession returns nil when encoded is a proof of possession of key for exactly s.
// Errors are those of Parse, ErrWrongKey, ErrBadSignature and ErrWrongSubject. The proof has no
// time: it may be shown again for the same subject.
func VerifyPossession(encoded []byte, key cose.Key, s Subject) error {
	if err := verifyToken(encoded, s.Kind.possessionType(), key, s.token()); err != nil {
		return fmt.Errorf("possession of %s: %w", s.Name, err)
	}
	return nil
}

// SignRotation returns the old key's consent that newKey takes its place for s. That newKey's
// private half is held is shown by a possession token of its own.
func SignRotation(oldSigner cose.Signer, s Subject, newKey cose.Key) ([]byte, error) {
	return signToken(oldSigner, s.Kind.rotationType(), s.rotation(newKey))
}

// VerifyRotation returns nil when encoded is oldKey's consent to exactly this rotation.
// Errors are those of VerifyPossession.
func VerifyRotation(encoded []byte, oldKey cose.Key, s Subject, newKey cose.Key) error {
	if err := verifyToken(encoded, s.Kind.rotationType(), oldKey, s.rotation(newKey)); err != nil {
		return fmt.Errorf("rotation of %s: %w", s.Name, err)
	}
	return nil
}

func (s Subject) token() token { return token{Issuer: s.Name.String(), Channel: s.Channel} }

func (s Subject) rotation(newKey cose.Key) token {
	t := s.token()
	t.Confirmation = &cnf{Key: newKey.Bytes()}
	return t
}

func tokenProfile(kind string) cose.Profile {
	return cose.Profile{
		Labels: []int64{cose.LabelAlgorithm, cose.LabelKeyID, cose.LabelType},
		Type:   kind,
	}
}

func signToken(signer cose.Signer, kind string, t token) ([]byte, error) {
	payload, err := t.encode()
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	m, err := cose.Sign(signer, cose.Header{Type: kind}, payload)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	return m.Encode(), nil
}

func verifyToken(encoded []byte, kind string, key cose.Key, want token) error {
	if len(encoded) > MaxTokenSize {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(encoded), MaxTokenSize)
	}
	m, header, err := cose.Open(encoded, tokenProfile(kind))
	if err != nil {
		return err
	}
	said, err := parseToken(m.Payload, want.Confirmation != nil)
	if err != nil {
		return fmt.Errorf("claims: %w", err)
	}
	if err := header.Match(key); err != nil {
		return err
	}
	if err := m.Verify(key, nil); err != nil {
		return err
	}
	return said.match(want)
}

func (t token) encode() ([]byte, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	return dcbor.Marshal(t)
}

func (t token) validate() error {
	if _, err := name.Parse(t.Issuer); err != nil {
		return fmt.Errorf("%w: iss: device or stream: %w", ErrMalformed, err)
	}
	if err := checkTokenText("aud (channel)", t.Channel); err != nil {
		return err
	}
	if t.Confirmation != nil {
		if _, err := cose.ParseKey(t.Confirmation.Key); err != nil {
			return fmt.Errorf("cnf: %w", err)
		}
	}
	return nil
}

func checkTokenText(claim, text string) error {
	if text == "" || len(text) > MaxTokenText || !utf8.ValidString(text) {
		return fmt.Errorf("%w: %s is %.40q; give 1 to %d bytes of UTF-8", ErrMalformed, claim, text, MaxTokenText)
	}
	return nil
}

func parseToken(payload []byte, rotation bool) (token, error) {
	item, err := dcbor.Parse(payload)
	if err != nil {
		return token{}, err
	}
	m, err := item.Map()
	if err != nil {
		return token{}, err
	}
	r := dcbor.NewFields(m)
	t := token{Issuer: r.Text(claimIssuer), Channel: r.Text(claimAudience)}
	if rotation {
		confirmation := dcbor.NewFields(r.Map(claimConfirmation))
		t.Confirmation = &cnf{Key: confirmation.Item(confirmationKey).Raw()}
		if err := errors.Join(r.Err(), confirmation.Done()); err != nil {
			return token{}, err
		}
	}
	if err := r.Done(); err != nil {
		return token{}, err
	}
	return t, t.validate()
}

// match returns ErrWrongSubject, naming the first claim that differs.
func (t token) match(want token) error {
	switch {
	case t.Issuer != want.Issuer:
		return fmt.Errorf("%w: iss is %q, not %.300q", ErrWrongSubject, t.Issuer, want.Issuer)
	case t.Channel != want.Channel:
		return fmt.Errorf("%w: channel is %q, not %.300q", ErrWrongSubject, t.Channel, want.Channel)
	case want.Confirmation != nil && !bytes.Equal(t.Confirmation.Key, want.Confirmation.Key):
		return fmt.Errorf("%w: it names another new key", ErrWrongSubject)
	}
	return nil
}
