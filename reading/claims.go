// SPDX-License-Identifier: Apache-2.0

package reading

import (
	"fmt"

	"github.com/anchorline/anchorline/reading/internal/dcbor"
	"github.com/anchorline/anchorline/reading/name"
)

// MaxNumber is the largest sequence number, batch number, block number or time: 2^53-1, so
// that JSON carries each exactly.
const MaxNumber = 1<<53 - 1

// Claims is what a device says about itself and one reading.
type Claims struct {
	// Device is the device's name: its owner and its id.
	Device name.Name
	// Subject is what the reading is about, an id ([name.ValidID]); usually the device's own.
	Subject string
	// Sequence counts the device's readings from 1 by 1, at most MaxNumber.
	Sequence uint64
	// Time is the device's clock in milliseconds since the Unix epoch, 0 … MaxNumber.
	Time int64
}

// Claim keys, docs/formats.md.
const (
	claimIssuer   = 1
	claimSubject  = 2
	claimSequence = -70001
	claimTime     = -70002
)

// wireClaims is the encoded form of Claims.
type wireClaims struct {
	Issuer   string `cbor:"1,keyasint"`
	Subject  string `cbor:"2,keyasint"`
	Sequence uint64 `cbor:"-70001,keyasint"`
	Time     uint64 `cbor:"-70002,keyasint"`
}

// Validate returns ErrMalformed, naming the claim, unless all claims are within the
// limits of the format.
func (c Claims) Validate() error {
	if err := c.Device.Validate(); err != nil {
		return fmt.Errorf("%w: iss: device: %w", ErrMalformed, err)
	}
	switch {
	case !name.ValidID(c.Subject):
		return fmt.Errorf("%w: sub %.100q is not an id", ErrMalformed, c.Subject)
	case c.Sequence == 0 || c.Sequence > MaxNumber:
		return fmt.Errorf("%w: sequence number %d; count from 1 to 2^53-1", ErrMalformed, c.Sequence)
	case c.Time < 0 || c.Time > MaxNumber:
		return fmt.Errorf("%w: time %d; give milliseconds since 1970, at most 2^53-1", ErrMalformed, c.Time)
	}
	return nil
}

func (c Claims) encode() ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return dcbor.Marshal(wireClaims{
		Issuer: c.Device.String(), Subject: c.Subject, Sequence: c.Sequence, Time: uint64(c.Time),
	})
}

// parseClaims reads the claims of a reading. Claims that it does not know are permitted.
func parseClaims(encoded []byte) (Claims, error) {
	item, err := dcbor.Parse(encoded)
	if err != nil {
		return Claims{}, err
	}
	m, err := item.Map()
	if err != nil {
		return Claims{}, err
	}
	r := dcbor.NewFields(m)
	issuer := r.Text(claimIssuer)
	c := Claims{Subject: r.Text(claimSubject), Sequence: r.Uint(claimSequence), Time: r.Int(claimTime)}
	if err := r.Err(); err != nil {
		return Claims{}, err
	}
	if c.Device, err = name.Parse(issuer); err != nil {
		return Claims{}, fmt.Errorf("%w: iss: device: %w", ErrMalformed, err)
	}
	return c, c.Validate()
}
