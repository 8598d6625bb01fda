// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
)

// Signed is a stream's signature over the root of one batch, from which the receipts of
// all its readings are made. It is a receipt with no proof in it. It never changes.
type Signed struct {
	claims  Claims
	header  cose.Header
	message cose.Message
}

// Sign signs root and c. Call it after the ledger has committed the anchor, never before:
// a receipt says that it has. Errors are reading.ErrMalformed and the signer's own.
func Sign(signer cose.Signer, root merkle.Hash, c Claims) (*Signed, error) {
	claims, err := c.encode()
	if err != nil {
		return nil, fmt.Errorf("sign receipt: %w", err)
	}
	m, err := cose.Sign(signer, cose.Header{Claims: claims, VDS: vdsRFC9162}, root[:])
	if err != nil {
		return nil, fmt.Errorf("sign receipt of %s/%d: %w", c.Stream, c.Number, err)
	}
	m.Payload = nil
	return ParseSigned(m.Encode())
}

// ParseSigned reads what Bytes returned. It copies data and verifies nothing. Errors are
// those of reading.Parse.
func ParseSigned(data []byte) (*Signed, error) {
	_, m, header, claims, err := open(data)
	if err != nil {
		return nil, fmt.Errorf("signed root: %w", err)
	}
	if m.HasUnprotected() {
		return nil, fmt.Errorf("signed root: %w: unprotected header is not empty", reading.ErrMalformed)
	}
	return &Signed{claims: claims, header: header, message: m}, nil
}

// Bytes returns the encoding that ParseSigned reads.
func (s *Signed) Bytes() []byte { return s.message.Encode() }

// Claims returns what was signed beside the root.
func (s *Signed) Claims() Claims { return s.claims }

// KeyID names the stream's key.
func (s *Signed) KeyID() cose.KeyID { return s.header.KeyID }

// Verify returns nil when key signed this root. Errors are ErrWrongKey and
// ErrBadSignature of package reading.
func (s *Signed) Verify(key cose.Key, root merkle.Hash) error {
	err := s.header.Match(key)
	if err == nil {
		err = s.message.VerifyDetached(key, nil, root[:])
	}
	if err != nil {
		return fmt.Errorf("signed root of %s/%d: %w", s.claims.Stream, s.claims.Number, err)
	}
	return nil
}

// Receipt returns the receipt of the reading at index in the batch of size readings: the
// path is what merkle.Tree.Inclusion gives. It does not check that they belong together;
// Parse and Receipt.Verify do.
func (s *Signed) Receipt(size, index uint64, path []merkle.Hash) []byte {
	m := s.message
	m.Unprotected = encodeProof(size, index, path)
	return m.Encode()
}
