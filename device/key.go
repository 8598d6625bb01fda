// SPDX-License-Identifier: Apache-2.0

package device

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// NewKey makes a key pair: Ed25519 for EdDSA, P-256 for ES256.
func NewKey(alg cose.Algorithm) (crypto.Signer, error) {
	switch alg {
	case cose.AlgorithmEdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case cose.AlgorithmES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		return nil, fmt.Errorf("device: no keys are made for algorithm %s", alg)
	}
}

// WriteKey stores a private key as PKCS#8 PEM, readable by its owner only. An existing file is
// never overwritten: a key that is lost cannot be made again.
func WriteKey(path string, private crypto.Signer) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("device: %s exists: choose another file, or remove it if that key is really not needed", path)
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("device: %w", err)
	}
	text, err := cose.MarshalPrivateKeyPEM(private)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, text, 0o600)
}

// ReadKey reads what WriteKey wrote.
func ReadKey(path string) (cose.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("device: key: %w", err)
	}
	private, err := cose.ParsePrivateKeyPEM(text)
	if err != nil {
		return nil, fmt.Errorf("device: key %s: %w", path, err)
	}
	return cose.NewSigner(private)
}

// Possession is the proof that the holder of a key registers it: for this device of this owner and
// for this channel only. It is in base64url, as the ledger takes it.
func Possession(signer cose.Signer, device name.Name, channel string) (string, error) {
	token, err := reading.SignPossession(signer, subject(device, channel))
	return base64.RawURLEncoding.EncodeToString(token), err
}

// Rotation is the old key's word that next replaces it, in base64url, as the ledger takes it.
func Rotation(old cose.Signer, device name.Name, channel string, next cose.Key) (string, error) {
	token, err := reading.SignRotation(old, subject(device, channel), next)
	return base64.RawURLEncoding.EncodeToString(token), err
}

func subject(device name.Name, channel string) reading.Subject {
	return reading.Subject{Kind: reading.DeviceKey, Name: device, Channel: channel}
}
