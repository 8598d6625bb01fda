// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"
	"unicode/utf8"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/internal/dcbor"
	"github.com/anchorline/anchorline/reading/name"
)

// MaxLedger is the length in bytes of the longest ledger name.
const MaxLedger = 512

// Claims is what a stream signs about a batch beside its root.
type Claims struct {
	// Stream is the stream's name: its owner and its id.
	Stream name.Name
	// Ledger says where the batch is anchored: "channel/chaincode".
	Ledger string
	// Number is the batch's number in its stream, from 1, at most reading.MaxNumber.
	Number uint64
	// Anchor is the SHA-256 of the anchor's canonical bytes.
	Anchor [32]byte
	// Transaction is the id of the transaction that holds the anchor.
	Transaction [32]byte
	// LedgerTime is the transaction's timestamp in milliseconds since the Unix epoch: a
	// claim of the client that submitted it.
	LedgerTime int64
}

// Claim keys, docs/formats.md.
const (
	claimIssuer      = 1
	claimSubject     = 2
	claimNumber      = -70003
	claimAnchor      = -70004
	claimTransaction = -70005
	claimLedgerTime  = -70007
)

// wireClaims is the encoded form of Claims.
type wireClaims struct {
	Issuer      string `cbor:"1,keyasint"`
	Subject     string `cbor:"2,keyasint"`
	Number      uint64 `cbor:"-70003,keyasint"`
	Anchor      []byte `cbor:"-70004,keyasint"`
	Transaction []byte `cbor:"-70005,keyasint"`
	LedgerTime  uint64 `cbor:"-70007,keyasint"`
}

// Validate returns reading.ErrMalformed, naming the claim, unless all claims are within
// the limits of the format.
func (c Claims) Validate() error {
	if err := c.Stream.Validate(); err != nil {
		return fmt.Errorf("%w: iss: stream: %w", reading.ErrMalformed, err)
	}
	switch {
	case c.Ledger == "" || len(c.Ledger) > MaxLedger || !utf8.ValidString(c.Ledger):
		return fmt.Errorf("%w: sub %.100q; give channel/chaincode, at most %d bytes", reading.ErrMalformed, c.Ledger, MaxLedger)
	case c.Number == 0 || c.Number > reading.MaxNumber:
		return fmt.Errorf("%w: batch number %d; count from 1 to 2^53-1", reading.ErrMalformed, c.Number)
	case c.LedgerTime < 0 || c.LedgerTime > reading.MaxNumber:
		return fmt.Errorf("%w: ledger time %d; give milliseconds since 1970, at most 2^53-1", reading.ErrMalformed, c.LedgerTime)
	}
	return nil
}

func (c Claims) encode() ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return dcbor.Marshal(wireClaims{
		Issuer: c.Stream.String(), Subject: c.Ledger, Number: c.Number, Anchor: c.Anchor[:],
		Transaction: c.Transaction[:], LedgerTime: uint64(c.LedgerTime),
	})
}

func parseClaims(encoded []byte) (Claims, error) {
	r, err := parseFields(encoded)
	if err != nil {
		return Claims{}, err
	}
	issuer := r.Text(claimIssuer)
	c := Claims{
		Ledger:      r.Text(claimSubject),
		Number:      r.Uint(claimNumber),
		Anchor:      r.Hash(claimAnchor),
		Transaction: r.Hash(claimTransaction),
		LedgerTime:  r.Int(claimLedgerTime),
	}
	if err := r.Done(); err != nil {
		return Claims{}, err
	}
	if c.Stream, err = name.Parse(issuer); err != nil {
		return Claims{}, fmt.Errorf("%w: iss: stream: %w", reading.ErrMalformed, err)
	}
	return c, c.Validate()
}
