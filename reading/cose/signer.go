// SPDX-License-Identifier: Apache-2.0

package cose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
)

// Signer signs with one private key.
type Signer interface {
	// Key returns the public key.
	Key() Key
	// Sign returns the 64-byte signature over toBeSigned, in the form that Key.Verify
	// takes. It MUST be safe to call from several goroutines.
	Sign(toBeSigned []byte) ([]byte, error)
}

// NewSigner takes a private key: ed25519.PrivateKey, P-256 *ecdsa.PrivateKey, or any
// crypto.Signer that keeps such a key elsewhere (a TPM, an HSM). The first two sign
// deterministically (RFC 8032, RFC 6979), so the same bytes get the same signature.
// Errors are those of NewKey.
func NewSigner(private crypto.Signer) (Signer, error) {
	if private == nil {
		return nil, fmt.Errorf("%w: no private key", ErrBadKey)
	}
	if err := checkPrivateKey(private); err != nil {
		return nil, err
	}
	key, err := NewKey(private.Public())
	if err != nil {
		return nil, err
	}
	if key.Algorithm() == AlgorithmEdDSA {
		return ed25519Signer{key: key, private: private}, nil
	}
	signer := es256Signer{key: key, private: private, random: rand.Reader}
	if _, local := private.(*ecdsa.PrivateKey); local {
		signer.random = nil // asks crypto/ecdsa for RFC 6979
	}
	return signer, nil
}

// checkPrivateKey refuses keys of this process that would panic when they are used.
func checkPrivateKey(private crypto.Signer) error {
	switch private := private.(type) {
	case ed25519.PrivateKey:
		if len(private) != ed25519.PrivateKeySize {
			return fmt.Errorf("%w: Ed25519 private key of %d bytes, not %d", ErrBadKey, len(private), ed25519.PrivateKeySize)
		}
	case *ecdsa.PrivateKey:
		//nolint:staticcheck // The field is read because signing panics without it.
		if private == nil || private.D == nil {
			return fmt.Errorf("%w: ECDSA private key without a number", ErrBadKey)
		}
	}
	return nil
}

type ed25519Signer struct {
	key     Key
	private crypto.Signer
}

func (s ed25519Signer) Key() Key { return s.key }

func (s ed25519Signer) Sign(toBeSigned []byte) ([]byte, error) {
	signature, err := s.private.Sign(rand.Reader, toBeSigned, crypto.Hash(0))
	if err != nil {
		return nil, fmt.Errorf("sign with key %s: %w", s.key.ID(), err)
	}
	return signature, nil
}

type es256Signer struct {
	key     Key
	private crypto.Signer
	random  io.Reader
}

func (s es256Signer) Key() Key { return s.key }

func (s es256Signer) Sign(toBeSigned []byte) ([]byte, error) {
	digest := sha256.Sum256(toBeSigned)
	der, err := s.private.Sign(s.random, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign with key %s: %w", s.key.ID(), err)
	}
	signature, err := rawSignature(der)
	if err != nil {
		return nil, fmt.Errorf("sign with key %s: %w", s.key.ID(), err)
	}
	return signature, nil
}

// LowS reports whether an ES256 signature r ‖ s has the smaller of the two values of s that verify.
// Where a signature is to have one encoding, the other one is refused. Signers of this package make
// no other.
func LowS(signature []byte) bool {
	return len(signature) == SignatureSize && new(big.Int).SetBytes(signature[coordinateSize:]).Cmp(halfOrder()) <= 0
}

// halfOrder is half the order of P-256, rounded down.
func halfOrder() *big.Int { return new(big.Int).Rsh(elliptic.P256().Params().N, 1) }

// rawSignature turns the ASN.1 form of an ECDSA signature into r ‖ s, with the smaller s.
func rawSignature(der []byte) ([]byte, error) {
	var numbers struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &numbers)
	if err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("%w: signer did not return an ASN.1 signature", ErrBadSignature)
	}
	for _, n := range []*big.Int{numbers.R, numbers.S} {
		if n.Sign() <= 0 || n.Cmp(elliptic.P256().Params().N) >= 0 {
			return nil, fmt.Errorf("%w: signer returned a number out of range", ErrBadSignature)
		}
	}
	signature := make([]byte, SignatureSize)
	if numbers.S.Cmp(halfOrder()) > 0 { // of the two signatures that verify, the one with the smaller s
		numbers.S.Sub(elliptic.P256().Params().N, numbers.S)
	}
	numbers.R.FillBytes(signature[:coordinateSize])
	numbers.S.FillBytes(signature[coordinateSize:])
	return signature, nil
}
