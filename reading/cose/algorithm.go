// SPDX-License-Identifier: Apache-2.0

package cose

import "strconv"

// Algorithm is a COSE signature algorithm (IANA registry "COSE Algorithms").
type Algorithm int64

const (
	// AlgorithmEdDSA is EdDSA, here always with Ed25519 (RFC 9053 §2.2).
	AlgorithmEdDSA Algorithm = -8
	// AlgorithmES256 is ECDSA with SHA-256, here always with P-256 (RFC 9053 §2.1).
	AlgorithmES256 Algorithm = -7
)

// SignatureSize is the length in bytes of a signature, with either algorithm.
const SignatureSize = 64

// String returns the registered name, or the number of an algorithm not supported here.
func (a Algorithm) String() string {
	switch a {
	case AlgorithmEdDSA:
		return "EdDSA"
	case AlgorithmES256:
		return "ES256"
	default:
		return strconv.FormatInt(int64(a), 10)
	}
}
