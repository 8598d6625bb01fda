// SPDX-License-Identifier: Apache-2.0

package cose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"

	"github.com/anchorline/anchorline/reading/internal/dcbor"
)

// COSE_Key labels and values, RFC 9053 §7.
const (
	keyLabelType  = 1
	keyLabelCurve = -1
	keyLabelX     = -2
	keyLabelY     = -3

	keyTypeOKP = 1
	keyTypeEC2 = 2

	curveP256    = 1
	curveEd25519 = 6

	coordinateSize = 32
)

// Key is a public key: Ed25519 or ECDSA P-256. It is made by NewKey, ParseKey or
// ParseKeyText, which accept only keys with which a signature means something, and never
// changes. The zero Key verifies nothing.
type Key struct {
	algorithm Algorithm
	id        KeyID
	encoded   []byte
	public    crypto.PublicKey // ed25519.PublicKey or *ecdsa.PublicKey
}

// NewKey takes an ed25519.PublicKey or a P-256 *ecdsa.PublicKey. It returns
// ErrUnsupportedAlgorithm for any other kind of key and ErrBadKey for a point that is not
// on its curve or, of Ed25519, is of small order: with such a key anybody could sign.
func NewKey(public crypto.PublicKey) (Key, error) {
	switch public := public.(type) {
	case ed25519.PublicKey:
		if err := checkEd25519Point(public); err != nil {
			return Key{}, err
		}
		return makeKey(AlgorithmEdDSA, encodeOKP(public), slices.Clone(public)), nil
	case *ecdsa.PublicKey:
		return newP256Key(public)
	default:
		return Key{}, fmt.Errorf("%w: %T; use Ed25519 or ECDSA P-256", ErrUnsupportedAlgorithm, public)
	}
}

func newP256Key(public *ecdsa.PublicKey) (Key, error) {
	if public == nil || public.Curve == nil {
		return Key{}, fmt.Errorf("%w: ECDSA key without a curve", ErrBadKey)
	}
	if public.Curve != elliptic.P256() {
		return Key{}, fmt.Errorf("%w: ECDSA %s; use P-256", ErrUnsupportedAlgorithm, public.Curve.Params().Name)
	}
	//nolint:staticcheck // The fields are read because Bytes panics without them.
	if public.X == nil || public.Y == nil {
		return Key{}, fmt.Errorf("%w: ECDSA key without a point", ErrBadKey)
	}
	point, err := public.Bytes() // 0x04 ‖ x ‖ y; refuses points that are not on the curve
	if err != nil {
		return Key{}, fmt.Errorf("%w: P-256: %w", ErrBadKey, err)
	}
	copied, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return Key{}, fmt.Errorf("%w: P-256: %w", ErrBadKey, err)
	}
	x, y := point[1:1+coordinateSize], point[1+coordinateSize:]
	return makeKey(AlgorithmES256, encodeEC2(x, y), copied), nil
}

func makeKey(algorithm Algorithm, encoded []byte, public crypto.PublicKey) Key {
	thumbprint := sha256.Sum256(encoded)
	return Key{algorithm: algorithm, id: KeyID(thumbprint[:KeyIDSize]), encoded: encoded, public: public}
}

func encodeOKP(x []byte) []byte {
	b := dcbor.AppendMap(nil, 3)
	b = dcbor.AppendInt(dcbor.AppendInt(b, keyLabelType), keyTypeOKP)
	b = dcbor.AppendInt(dcbor.AppendInt(b, keyLabelCurve), curveEd25519)
	return dcbor.AppendBytes(dcbor.AppendInt(b, keyLabelX), x)
}

func encodeEC2(x, y []byte) []byte {
	b := dcbor.AppendMap(nil, 4)
	b = dcbor.AppendInt(dcbor.AppendInt(b, keyLabelType), keyTypeEC2)
	b = dcbor.AppendInt(dcbor.AppendInt(b, keyLabelCurve), curveP256)
	b = dcbor.AppendBytes(dcbor.AppendInt(b, keyLabelX), x)
	return dcbor.AppendBytes(dcbor.AppendInt(b, keyLabelY), y)
}

// ParseKey reads a COSE_Key that holds the required parameters only. Errors are
// ErrMalformed, ErrNotCanonical, ErrUnsupportedAlgorithm and those of NewKey.
func ParseKey(encoded []byte) (Key, error) {
	key, err := parseKey(encoded)
	if err != nil {
		return Key{}, fmt.Errorf("COSE_Key: %w", err)
	}
	if !bytes.Equal(key.encoded, encoded) {
		return Key{}, fmt.Errorf("COSE_Key: %w: more than the required parameters", ErrMalformed)
	}
	return key, nil
}

func parseKey(encoded []byte) (Key, error) {
	item, err := dcbor.Parse(encoded)
	if err != nil {
		return Key{}, err
	}
	parameters, err := item.Map()
	if err != nil {
		return Key{}, err
	}
	keyType, err := intParameter(parameters, keyLabelType)
	if err != nil {
		return Key{}, err
	}
	curve, err := intParameter(parameters, keyLabelCurve)
	if err != nil {
		return Key{}, err
	}
	x, err := coordinate(parameters, keyLabelX)
	if err != nil {
		return Key{}, err
	}
	switch {
	case keyType == keyTypeOKP && curve == curveEd25519:
		return NewKey(ed25519.PublicKey(x))
	case keyType == keyTypeEC2 && curve == curveP256:
		y, err := coordinate(parameters, keyLabelY)
		if err != nil {
			return Key{}, err
		}
		return parseP256(x, y)
	default:
		return Key{}, fmt.Errorf("%w: key type %d, curve %d", ErrUnsupportedAlgorithm, keyType, curve)
	}
}

func intParameter(parameters dcbor.Map, label int64) (int64, error) {
	value, err := parameters.Get(label)
	if err != nil {
		return 0, err
	}
	n, err := value.Int()
	if err != nil {
		return 0, fmt.Errorf("label %d: %w", label, err)
	}
	return n, nil
}

func coordinate(parameters dcbor.Map, label int64) ([]byte, error) {
	value, err := parameters.Get(label)
	if err != nil {
		return nil, err
	}
	c, err := value.Bytes()
	if err != nil {
		return nil, fmt.Errorf("label %d: %w", label, err)
	}
	if len(c) != coordinateSize {
		return nil, fmt.Errorf("%w: label %d has %d bytes, not %d", ErrMalformed, label, len(c), coordinateSize)
	}
	return c, nil
}

func parseP256(x, y []byte) (Key, error) {
	const uncompressed = 0x04
	point := slices.Concat([]byte{uncompressed}, x, y)
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return Key{}, fmt.Errorf("%w: P-256: %w", ErrBadKey, err)
	}
	return newP256Key(public)
}

// ParseKeyText reads what Text writes: a COSE_Key in base64url without padding.
func ParseKeyText(text string) (Key, error) {
	encoded, err := base64.RawURLEncoding.Strict().DecodeString(text)
	// The decoder skips line breaks, so compare with the one form there is.
	if err != nil || base64.RawURLEncoding.EncodeToString(encoded) != text {
		return Key{}, fmt.Errorf("%w: key is not base64url without padding", ErrMalformed)
	}
	return ParseKey(encoded)
}

// Bytes returns a copy of the COSE_Key.
func (k Key) Bytes() []byte { return slices.Clone(k.encoded) }

// Text returns the COSE_Key in base64url without padding.
func (k Key) Text() string { return base64.RawURLEncoding.EncodeToString(k.encoded) }

// ID returns the key's id.
func (k Key) ID() KeyID { return k.id }

// Algorithm returns the only algorithm the key is used with.
func (k Key) Algorithm() Algorithm { return k.algorithm }

// Equal reports whether both are the same key.
func (k Key) Equal(other Key) bool { return bytes.Equal(k.encoded, other.encoded) }

// Public returns an ed25519.PublicKey or *ecdsa.PublicKey, which the caller must not
// modify; nil for the zero Key.
func (k Key) Public() crypto.PublicKey { return k.public }

// Verify checks a 64-byte signature over toBeSigned (for a message, its SigStructure) and
// returns ErrBadSignature unless it is the key's. An ES256 signature is r ‖ s, both in
// 1 … n-1 (RFC 9053 §2.1); (r, n-s) verifies too, as ECDSA has it.
func (k Key) Verify(toBeSigned, signature []byte) error {
	if len(signature) != SignatureSize {
		return fmt.Errorf("%w: %d bytes, not %d", ErrBadSignature, len(signature), SignatureSize)
	}
	var valid bool
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		valid = ed25519.Verify(public, toBeSigned, signature)
	case *ecdsa.PublicKey:
		valid = verifyES256(public, toBeSigned, signature)
	default:
		return fmt.Errorf("%w: no key to verify with", ErrBadKey)
	}
	if !valid {
		return fmt.Errorf("%w: not made by key %s (%s) over these bytes", ErrBadSignature, k.id, k.algorithm)
	}
	return nil
}

func verifyES256(public *ecdsa.PublicKey, toBeSigned, signature []byte) bool {
	r := new(big.Int).SetBytes(signature[:coordinateSize])
	s := new(big.Int).SetBytes(signature[coordinateSize:])
	order := public.Curve.Params().N
	if r.Sign() == 0 || s.Sign() == 0 || r.Cmp(order) >= 0 || s.Cmp(order) >= 0 {
		return false
	}
	digest := sha256.Sum256(toBeSigned)
	return ecdsa.Verify(public, digest[:], r, s)
}
