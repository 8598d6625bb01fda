// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// ErrSignature is wrapped by [Identity.Verify].
var ErrSignature = errors.New("trust: signature not valid")

// An Identity is somebody a verifier vouches for.
type Identity struct {
	MSPID       string
	Certificate *x509.Certificate // not to be changed
}

// Name is the MSP ID and the certificate's common name, for people.
func (i *Identity) Name() string { return i.MSPID + " " + i.Certificate.Subject.CommonName }

// Verify checks a signature as Fabric makes it: ECDSA over SHA-256 of the message, whatever the
// curve, in DER and with the lower of the two values of S, or Ed25519 over the message.
func (i *Identity) Verify(message, signature []byte) error {
	switch key := i.Certificate.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return verifyECDSA(key, message, signature)
	case ed25519.PublicKey:
		if !ed25519.Verify(key, message, signature) {
			return fmt.Errorf("%w: it does not fit the message and the certificate", ErrSignature)
		}
		return nil
	default:
		return fmt.Errorf("%w: the certificate has a key of type %T", ErrSignature, key)
	}
}

func verifyECDSA(key *ecdsa.PublicKey, message, signature []byte) error {
	var parts struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &parts); err != nil || len(rest) > 0 {
		return fmt.Errorf("%w: it is not an ECDSA signature in DER", ErrSignature)
	}
	// s > n/2, without a division: n is odd.
	if new(big.Int).Lsh(parts.S, 1).Cmp(key.Params().N) > 0 {
		return fmt.Errorf("%w: S is in the upper half of the order, which Fabric refuses", ErrSignature)
	}
	digest := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(key, digest[:], signature) {
		return fmt.Errorf("%w: it does not fit the message and the certificate", ErrSignature)
	}
	return nil
}
