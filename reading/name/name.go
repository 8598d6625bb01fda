// SPDX-License-Identifier: Apache-2.0

// Package name says how devices, streams, policies and manufacturers are called: by their owner, an
// organisation's MSP ID, and an id that is unique within that organisation. Two organisations can
// each have a pump-1.
//
// Text comes in and a [Name] goes out, or an error that says what a name looks like. The package
// does no I/O and imports nothing of this module, so that readings, records and clients share it.
package name

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxID is the length in bytes of the longest id.
	MaxID = 64
	// MaxOwner is the length in bytes of the longest MSP ID.
	MaxOwner = 128
	// Max is the length in bytes of the longest text of a [Name].
	Max = MaxOwner + 1 + MaxID
)

// ErrInvalid is wrapped by every error of this package.
var ErrInvalid = errors.New("not a name")

// Name is an owner and an id. Its text is "owner/id", for example "Org1MSP/pump-1", in JSON, CBOR
// and on the command line alike. The zero Name names nothing.
type Name struct {
	// Owner is the MSP ID of an organisation: [A-Za-z0-9][A-Za-z0-9._-]{0,127}.
	Owner string
	// ID is unique within the owner: [A-Za-z0-9][A-Za-z0-9._:-]{0,63}.
	ID string
}

// New returns the name of an owner's id without checking it.
func New(owner, id string) Name { return Name{Owner: owner, ID: id} }

// Parse reads "owner/id". The error wraps ErrInvalid.
func Parse(text string) (Name, error) {
	owner, id, found := strings.Cut(text, "/")
	if !found {
		return Name{}, fmt.Errorf("%w: %.80q lacks its owner; write MSP ID and id, as in Org1MSP/pump-1", ErrInvalid, text)
	}
	n := Name{Owner: owner, ID: id}
	return n, n.Validate()
}

// ParseWithin is Parse for people: an id without an owner is of the organisation owner.
func ParseWithin(owner, text string) (Name, error) {
	if !strings.Contains(text, "/") {
		text = owner + "/" + text
	}
	return Parse(text)
}

// Validate reports whether owner and id have their form. The error wraps ErrInvalid.
func (n Name) Validate() error {
	if !ValidOwner(n.Owner) {
		return fmt.Errorf("%w: owner %.80q; an MSP ID matches [A-Za-z0-9][A-Za-z0-9._-]{0,127}", ErrInvalid, n.Owner)
	}
	if !ValidID(n.ID) {
		return fmt.Errorf("%w: id %.80q; an id matches [A-Za-z0-9][A-Za-z0-9._:-]{0,63}", ErrInvalid, n.ID)
	}
	return nil
}

// String returns "owner/id", and "" for the zero Name.
func (n Name) String() string {
	if n.IsZero() {
		return ""
	}
	return n.Owner + "/" + n.ID
}

// IsZero reports whether the name names nothing.
func (n Name) IsZero() bool { return n == Name{} }

// MarshalText returns "owner/id", or an error that wraps ErrInvalid.
func (n Name) MarshalText() ([]byte, error) {
	if err := n.Validate(); err != nil {
		return nil, err
	}
	return []byte(n.String()), nil
}

// UnmarshalText reads what MarshalText writes and nothing else.
func (n *Name) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err == nil {
		*n = parsed
	}
	return err
}

// Compare orders names by owner, then by id.
func Compare(a, b Name) int {
	if c := strings.Compare(a.Owner, b.Owner); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// ValidID reports whether s is an id: [A-Za-z0-9][A-Za-z0-9._:-]{0,63}.
func ValidID(s string) bool { return valid(s, MaxID, "._:-") }

// ValidOwner reports whether s can be an MSP ID: [A-Za-z0-9][A-Za-z0-9._-]{0,127}.
func ValidOwner(s string) bool { return valid(s, MaxOwner, "._-") }

func valid(s string, most int, punctuation string) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alphanumeric && (i == 0 || strings.IndexByte(punctuation, c) < 0) {
			return false
		}
	}
	return true
}
