// SPDX-License-Identifier: Apache-2.0

// Package identity makes and loads the X.509 identities of a Fabric network in the folder
// layout of Fabric's cryptogen, which Fabric's clients, samples and tools expect.
//
// In: organisations (domain, MSP ID, nodes, users). Out: one folder tree per organisation
// with a signing CA, a TLS CA, and an MSP folder for each node and user, whose certificates
// carry the NodeOUs admin, client, peer and orderer; and identities read back from it. An
// organisation appears on disk completely or not at all, whatever dies when; one that is
// already there is left alone.
package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// ErrBadIdentity says that an MSP folder does not hold one certificate and its ECDSA key.
var ErrBadIdentity = errors.New("no usable identity")

// Identity is a certificate of an organisation with its private key.
type Identity struct {
	MSPID          string
	Certificate    *x509.Certificate
	CertificatePEM []byte
	key            *ecdsa.PrivateKey
	serialized     []byte
}

// Load reads the identity of an MSP folder: signcerts holds the certificate, keystore the key.
func Load(mspDir, mspID string) (*Identity, error) {
	certPath, err := onlyFile(filepath.Join(mspDir, "signcerts"))
	if err != nil {
		return nil, err
	}
	keyPath, err := onlyFile(filepath.Join(mspDir, "keystore"))
	if err != nil {
		return nil, err
	}
	certPEM, err := os.ReadFile(certPath)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	keyPEM, err := os.ReadFile(keyPath)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	id, err := New(mspID, certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mspDir, err)
	}
	return id, nil
}

// New makes an identity of a PEM certificate and its PKCS #8 PEM key.
func New(mspID string, certPEM, keyPEM []byte) (*Identity, error) {
	cert, err := parseCertificate(certPEM)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(keyPEM)
	if block == nil {
		return nil, fmt.Errorf("%w: the key is not PEM", ErrBadIdentity)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: parse key: %w", ErrBadIdentity, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%w: the key is not the ECDSA key of the certificate", ErrBadIdentity)
	}
	serialized, err := proto.Marshal(&msp.SerializedIdentity{Mspid: mspID, IdBytes: certPEM})
	if err != nil {
		return nil, fmt.Errorf("serialize identity of %s: %w", mspID, err)
	}
	return &Identity{MSPID: mspID, Certificate: cert, CertificatePEM: certPEM, key: key, serialized: serialized}, nil
}

// Serialize returns the identity as Fabric's messages carry it: a msp.SerializedIdentity.
func (id *Identity) Serialize() []byte { return id.serialized }

// Sign signs SHA-256 of message with ECDSA. S is in the lower half of the curve's order, as
// Fabric demands.
func (id *Identity) Sign(message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, id.key, digest[:])
	if err != nil {
		return nil, fmt.Errorf("sign as %s: %w", id.Certificate.Subject.CommonName, err)
	}
	if order := id.key.Params().N; s.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		s.Sub(order, s)
	}
	return marshalSignature(r, s)
}

func parseCertificate(certPEM []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(certPEM)
	if block == nil {
		return nil, fmt.Errorf("%w: the certificate is not PEM", ErrBadIdentity)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: parse certificate: %w", ErrBadIdentity, err)
	}
	return cert, nil
}

func onlyFile(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("read identity folder: %w", err)
	}
	if len(entries) != 1 {
		return "", fmt.Errorf("%w: %s must hold one file, it holds %d", ErrBadIdentity, dir, len(entries))
	}
	return filepath.Join(dir, entries[0].Name()), nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return key, nil
}
