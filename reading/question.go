// SPDX-License-Identifier: Apache-2.0

package reading

import (
	"crypto/sha256"
	"fmt"

	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/internal/dcbor"
	"github.com/anchorline/anchorline/reading/name"
)

// questionType is the typ header of a question.
const questionType = "application/" + string(DeviceKey) + "-question+cwt"

// NonceSize is the length in bytes of a question's nonce.
const NonceSize = 16

// Claim keys of a question beside those of every token, docs/formats.md.
const (
	claimExpiration = 4
	claimTokenID    = 7
	claimDigest     = -70012
)

// Question is what a device asks, once, of the ledger of a channel: the policies decide about it.
// Anybody may carry it.
type Question struct {
	// Device and Channel say who asks where.
	Device  name.Name
	Channel string
	// Expires is when the question is not to be answered any more, in seconds since 1970.
	Expires uint64
	// Nonce tells questions apart, so that each is answered on the record once.
	Nonce [NonceSize]byte
	// Digest is SHA-256 over what is asked (docs/formats.md).
	Digest [sha256.Size]byte
}

// questionClaims are the claims of a question.
type questionClaims struct {
	Issuer  string `cbor:"1,keyasint"`
	Channel string `cbor:"3,keyasint"`
	Expires uint64 `cbor:"4,keyasint"`
	Nonce   []byte `cbor:"7,keyasint"`
	Digest  []byte `cbor:"-70012,keyasint"`
}

// SignQuestion returns the question as its device signs it. Errors are ErrMalformed and the signer's
// own.
func SignQuestion(signer cose.Signer, q Question) ([]byte, error) {
	if err := q.validate(); err != nil {
		return nil, fmt.Errorf("sign a question: %w", err)
	}
	payload, err := dcbor.Marshal(questionClaims{
		Issuer: q.Device.String(), Channel: q.Channel, Expires: q.Expires, Nonce: q.Nonce[:], Digest: q.Digest[:],
	})
	if err != nil {
		return nil, fmt.Errorf("sign a question: %w", err)
	}
	m, err := cose.Sign(signer, cose.Header{Type: questionType}, payload)
	if err != nil {
		return nil, fmt.Errorf("sign a question: %w", err)
	}
	return m.Encode(), nil
}

// OpenQuestion returns the question that key signed. Who asks where and what is for the caller to
// compare, and so is the time. Errors are those of Parse, ErrWrongKey and ErrBadSignature.
func OpenQuestion(encoded []byte, key cose.Key) (Question, error) {
	if len(encoded) > MaxTokenSize {
		return Question{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(encoded), MaxTokenSize)
	}
	m, header, err := cose.Open(encoded, tokenProfile(questionType))
	if err != nil {
		return Question{}, err
	}
	q, err := parseQuestion(m.Payload)
	if err != nil {
		return Question{}, fmt.Errorf("claims: %w", err)
	}
	if err := header.Match(key); err != nil {
		return Question{}, err
	}
	if err := m.Verify(key, nil); err != nil {
		return Question{}, err
	}
	return q, nil
}

func parseQuestion(payload []byte) (Question, error) {
	item, err := dcbor.Parse(payload)
	if err != nil {
		return Question{}, err
	}
	m, err := item.Map()
	if err != nil {
		return Question{}, err
	}
	f := dcbor.NewFields(m)
	issuer, nonce := f.Text(claimIssuer), f.Bytes(claimTokenID)
	q := Question{Channel: f.Text(claimAudience), Expires: f.Uint(claimExpiration), Digest: f.Hash(claimDigest)}
	if err := f.Done(); err != nil {
		return Question{}, err
	}
	if q.Device, err = name.Parse(issuer); err != nil {
		return Question{}, fmt.Errorf("%w: iss: device: %w", ErrMalformed, err)
	}
	if copy(q.Nonce[:], nonce) != NonceSize || len(nonce) != NonceSize {
		return Question{}, fmt.Errorf("%w: cti (nonce) has %d bytes, not %d", ErrMalformed, len(nonce), NonceSize)
	}
	return q, q.validate()
}

// maxSeconds keeps a time in milliseconds within what JSON carries exactly.
const maxSeconds = (1<<53 - 1) / 1000

func (q Question) validate() error {
	if err := q.Device.Validate(); err != nil {
		return fmt.Errorf("%w: iss: device: %w", ErrMalformed, err)
	}
	if q.Expires == 0 || q.Expires > maxSeconds {
		return fmt.Errorf("%w: exp is %d; give seconds since 1970", ErrMalformed, q.Expires)
	}
	return checkTokenText("aud (channel)", q.Channel)
}
