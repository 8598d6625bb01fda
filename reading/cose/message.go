// SPDX-License-Identifier: Apache-2.0

package cose

import (
	"fmt"

	"github.com/anchorline/anchorline/reading/internal/dcbor"
)

// MaxMessageSize is the length in bytes of the longest message that Parse reads. Each
// kind of message has a smaller limit of its own.
const MaxMessageSize = 1 << 25

const (
	tagSign1     = 0xd2 // tag 18
	arrayOfFour  = 0x84
	encodedNull  = 0xf6
	encodedEmpty = 0xa0 // the empty map
	contextSign1 = "Signature1"
)

// Message is a COSE_Sign1 (RFC 9052 §4.2).
type Message struct {
	// Protected is the encoded protected header map, empty when there is no header. It
	// is kept as it was signed.
	Protected []byte
	// Unprotected is the encoded unprotected header map; nil stands for the empty map.
	Unprotected []byte
	// Payload is nil when it is detached, that is, known to the verifier from elsewhere.
	Payload []byte
	// Signature is 64 bytes in a message of ours; Verify checks that.
	Signature []byte
}

// Parse reads a tagged COSE_Sign1 and checks that all of it, and the protected header
// inside, is in deterministic encoding; what the headers mean is ParseHeader's to say. The
// Message refers to data. Errors are ErrTooLarge, ErrMalformed and ErrNotCanonical.
func Parse(data []byte) (Message, error) {
	if len(data) > MaxMessageSize {
		return Message{}, fmt.Errorf("COSE_Sign1: %w: %d bytes, at most %d", ErrTooLarge, len(data), MaxMessageSize)
	}
	m, err := parse(data)
	if err != nil {
		return Message{}, fmt.Errorf("COSE_Sign1: %w", err)
	}
	return m, nil
}

func parse(data []byte) (m Message, err error) {
	if len(data) < 2 || data[0] != tagSign1 || data[1] != arrayOfFour {
		return Message{}, fmt.Errorf("%w: does not start with tag 18 and an array of 4 (d284)", ErrMalformed)
	}
	rest := data[2:]
	if m.Protected, rest, err = nextBytes(rest); err != nil {
		return Message{}, fmt.Errorf("protected header: %w", err)
	}
	if err := checkProtected(m.Protected); err != nil {
		return Message{}, fmt.Errorf("protected header: %w", err)
	}
	if m.Unprotected, rest, err = nextMap(rest); err != nil {
		return Message{}, fmt.Errorf("unprotected header: %w", err)
	}
	if len(rest) > 0 && rest[0] == encodedNull {
		rest = rest[1:]
	} else if m.Payload, rest, err = nextBytes(rest); err != nil {
		return Message{}, fmt.Errorf("payload: %w", err)
	}
	if m.Signature, rest, err = nextBytes(rest); err != nil {
		return Message{}, fmt.Errorf("signature: %w", err)
	}
	if len(rest) != 0 {
		return Message{}, fmt.Errorf("%w: %d bytes follow the message", ErrMalformed, len(rest))
	}
	return m, nil
}

// checkProtected accepts no bytes or a map that is not empty: RFC 9052 §3 wants the empty
// header written as no bytes.
func checkProtected(protected []byte) error {
	if len(protected) == 0 {
		return nil
	}
	header, err := parseMap(protected)
	if err == nil && header.Len() == 0 {
		return fmt.Errorf("%w: empty map; encode as an empty byte string", ErrNotCanonical)
	}
	return err
}

func parseMap(data []byte) (dcbor.Map, error) {
	item, err := dcbor.Parse(data)
	if err != nil {
		return dcbor.Map{}, err
	}
	return item.Map()
}

func nextBytes(data []byte) (content, rest []byte, err error) {
	item, rest, err := dcbor.Next(data)
	if err != nil {
		return nil, nil, err
	}
	content, err = item.Bytes()
	return content, rest, err
}

func nextMap(data []byte) (encoded, rest []byte, err error) {
	item, rest, err := dcbor.Next(data)
	if err != nil {
		return nil, nil, err
	}
	_, err = item.Map()
	return item.Raw(), rest, err
}

// Encode returns the message's only encoding; Parse takes it back.
func (m Message) Encode() []byte {
	const heads = 32
	size := heads + len(m.Protected) + len(m.Unprotected) + len(m.Payload) + len(m.Signature)
	b := append(make([]byte, 0, size), tagSign1, arrayOfFour)
	b = dcbor.AppendBytes(b, m.Protected)
	if len(m.Unprotected) == 0 {
		b = append(b, encodedEmpty)
	} else {
		b = append(b, m.Unprotected...)
	}
	if m.Payload == nil {
		b = append(b, encodedNull)
	} else {
		b = dcbor.AppendBytes(b, m.Payload)
	}
	return dcbor.AppendBytes(b, m.Signature)
}

// HasUnprotected reports whether the unprotected header holds anything.
func (m Message) HasUnprotected() bool { return len(m.Unprotected) > 1 }

// SigStructure returns the bytes that a COSE_Sign1 signature is over (RFC 9052 §4.4):
// protected is the encoded header map, external is data outside the message (empty in
// every message of ours).
func SigStructure(protected, external, payload []byte) []byte {
	const heads = 40
	size := heads + len(protected) + len(external) + len(payload)
	b := dcbor.AppendArray(make([]byte, 0, size), 4)
	b = dcbor.AppendText(b, contextSign1)
	b = dcbor.AppendBytes(b, protected)
	b = dcbor.AppendBytes(b, external)
	return dcbor.AppendBytes(b, payload)
}

// Sign signs payload under header, whose algorithm and key id it sets to the signer's. The
// payload is attached and shared with the message; set Payload to nil to detach it.
func Sign(signer Signer, header Header, payload []byte) (Message, error) {
	if signer == nil {
		return Message{}, fmt.Errorf("%w: no signer", ErrBadKey)
	}
	header.Algorithm, header.KeyID = signer.Key().Algorithm(), signer.Key().ID()
	protected, err := header.Encode()
	if err != nil {
		return Message{}, fmt.Errorf("protected header: %w", err)
	}
	signature, err := signer.Sign(SigStructure(protected, nil, payload))
	if err != nil {
		return Message{}, err
	}
	if payload == nil {
		payload = []byte{}
	}
	return Message{Protected: protected, Payload: payload, Signature: signature}, nil
}

// Verify checks the attached payload's signature and returns ErrBadSignature unless key
// made it. It does not look at the header: match that with Header.Match first.
func (m Message) Verify(key Key, external []byte) error {
	if m.Payload == nil {
		return fmt.Errorf("%w: the payload is detached", ErrMalformed)
	}
	return key.Verify(SigStructure(m.Protected, external, m.Payload), m.Signature)
}

// VerifyDetached is Verify for a message whose payload is detached.
func (m Message) VerifyDetached(key Key, external, payload []byte) error {
	if m.Payload != nil {
		return fmt.Errorf("%w: the payload is attached", ErrMalformed)
	}
	return key.Verify(SigStructure(m.Protected, external, payload), m.Signature)
}

// checkSignatureSize is what every message of ours holds beyond generic COSE.
func (m Message) checkSignatureSize() error {
	if len(m.Signature) != SignatureSize {
		return fmt.Errorf("%w: signature of %d bytes, not %d", ErrMalformed, len(m.Signature), SignatureSize)
	}
	return nil
}

// Open parses data and its header by profile in one step. A message that Open returns has
// a 64-byte signature; nothing has been verified.
func Open(data []byte, profile Profile) (Message, Header, error) {
	m, err := Parse(data)
	if err != nil {
		return Message{}, Header{}, err
	}
	header, err := ParseHeader(m.Protected, profile)
	if err != nil {
		return Message{}, Header{}, fmt.Errorf("protected header: %w", err)
	}
	if err := m.checkSignatureSize(); err != nil {
		return Message{}, Header{}, err
	}
	if m.HasUnprotected() && !profile.Unprotected {
		return Message{}, Header{}, fmt.Errorf("%w: unprotected header is not empty", ErrMalformed)
	}
	if m.Payload == nil != profile.Detached {
		return Message{}, Header{}, fmt.Errorf("%w: payload %s", ErrMalformed, wantPayload(profile.Detached))
	}
	return m, header, nil
}

func wantPayload(detached bool) string {
	if detached {
		return "is attached; it belongs outside the message"
	}
	return "is missing"
}
