// SPDX-License-Identifier: Apache-2.0

package cose

import (
	"crypto/ed25519"
	"fmt"
	"math/big"
	"slices"
)

// checkEd25519Point returns ErrBadKey unless the key is the canonical encoding (RFC 8032
// §5.1.3) of a point on the curve whose order is not small. Go's verification does not
// ask; with a point of small order one signature fits many messages, so it would prove
// nothing.
func checkEd25519Point(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: Ed25519 key of %d bytes, not %d", ErrBadKey, len(key), ed25519.PublicKeySize)
	}
	field := newEdwardsField()
	bigEndian := slices.Clone(key)
	slices.Reverse(bigEndian)
	bigEndian[0] &= 0x7f // the sign of x
	y := new(big.Int).SetBytes(bigEndian)
	if y.Cmp(field.p) >= 0 {
		return fmt.Errorf("%w: Ed25519 point not in canonical form", ErrBadKey)
	}
	if !field.onCurve(y) {
		return fmt.Errorf("%w: Ed25519 point not on the curve", ErrBadKey)
	}
	if field.smallOrder(y) {
		return fmt.Errorf("%w: Ed25519 point of small order; generate another key", ErrBadKey)
	}
	return nil
}

// edwardsField holds edwards25519: -x² + y² = 1 + d·x²·y² over the integers modulo p.
type edwardsField struct{ p, d *big.Int }

func newEdwardsField() edwardsField {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	p.Sub(p, big.NewInt(19))
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)
	return edwardsField{p: p, d: d}
}

// onCurve reports whether some x goes with y: x² = (y²-1)/(d·y²+1) must be a square. A
// quotient is a square exactly when the product is.
func (f edwardsField) onCurve(y *big.Int) bool {
	numerator, denominator := f.xSquared(y)
	return big.Jacobi(numerator.Mul(numerator, denominator).Mod(numerator, f.p), f.p) >= 0
}

func (f edwardsField) xSquared(y *big.Int) (numerator, denominator *big.Int) {
	one := big.NewInt(1)
	y2 := new(big.Int).Mul(y, y)
	numerator = new(big.Int).Sub(y2, one)
	denominator = new(big.Int).Mul(f.d, y2.Mod(y2, f.p))
	return numerator.Mod(numerator, f.p), denominator.Add(denominator, one).Mod(denominator, f.p)
}

// smallOrder reports whether a point with this y has order 1, 2, 4 or 8. Doubling a point
// gives y' = (y²+x²)/(1-d·x²·y²); three doublings of such a point, and of no other, give
// the neutral point, whose y is 1. Orders 1, 2 and 4 have y = 1, -1 and 0; order 8 is
// what doubles to y' = 0, so x² = -y².
func (f edwardsField) smallOrder(y *big.Int) bool {
	minusOne := new(big.Int).Sub(f.p, big.NewInt(1))
	if y.Sign() == 0 || y.Cmp(big.NewInt(1)) == 0 || y.Cmp(minusOne) == 0 {
		return true
	}
	numerator, denominator := f.xSquared(y)
	y2 := new(big.Int).Mul(y, y)
	sum := numerator.Add(numerator, y2.Mul(y2, denominator)) // (x² + y²)·denominator
	return sum.Mod(sum, f.p).Sign() == 0
}
