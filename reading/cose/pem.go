// SPDX-License-Identifier: Apache-2.0

package cose

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

const pemType = "PRIVATE KEY"

// MarshalPrivateKeyPEM encodes an ed25519.PrivateKey or a P-256 *ecdsa.PrivateKey as one
// PEM block of PKCS #8, the form that openssl reads.
func MarshalPrivateKeyPEM(private crypto.Signer) ([]byte, error) {
	if _, err := NewSigner(private); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("%w: cannot be written as PKCS #8: %w", ErrBadKey, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}

// ParsePrivateKeyPEM reads one PEM block of PKCS #8, with nothing but white space around
// it, and returns an ed25519.PrivateKey or P-256 *ecdsa.PrivateKey for NewSigner. Errors
// are ErrBadKey and ErrUnsupportedAlgorithm; none repeats key material.
func ParsePrivateKeyPEM(text []byte) (crypto.Signer, error) {
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("-----BEGIN "+pemType+"-----")) {
		return nil, fmt.Errorf("%w: give one PEM block %q (PKCS #8)", ErrBadKey, pemType)
	}
	block, rest := pem.Decode(text)
	if block == nil || len(block.Headers) != 0 || len(bytes.TrimSpace(rest)) != 0 {
		return nil, fmt.Errorf("%w: give exactly one whole PEM block %q", ErrBadKey, pemType)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: not PKCS #8", ErrBadKey)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: %T; use Ed25519 or ECDSA P-256", ErrUnsupportedAlgorithm, parsed)
	}
	if _, err := NewSigner(private); err != nil {
		return nil, err
	}
	return private, nil
}
