// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"slices"
)

// GrantType is the type of a Grant.
const GrantType = "grant"

// Role is what an identity may do inside its own organisation.
type Role string

// The roles.
const (
	// Admin grants roles, writes policies, and may do what a registrar may.
	Admin Role = "admin"
	// Registrar registers and changes devices.
	Registrar Role = "registrar"
	// Bridge opens streams, anchors, and carries what devices signed.
	Bridge Role = "bridge"
	// Auditor reports what contradicts the ledger.
	Auditor Role = "auditor"
)

// Roles returns every role.
func Roles() []Role { return []Role{Admin, Auditor, Bridge, Registrar} }

// CheckRole reports whether r is a role. The error names the field.
func CheckRole(field string, r Role) error {
	if !slices.Contains(Roles(), r) {
		return Faultf(field, "must be one of %v", Roles())
	}
	return nil
}

// Subject says to whom a role is granted. Exactly one way of naming is used.
type Subject struct {
	// Certificate is SHA-256, in hexadecimal, over the DER of one certificate. It ends with it.
	Certificate string `json:"certificate,omitempty"`
	// Unit is an organisational unit (OU) of the certificate's subject.
	Unit string `json:"unit,omitempty"`
	// Attribute is an attribute that Fabric's CA put into the certificate.
	Attribute *Attribute `json:"attribute,omitempty"`
}

// Attribute is a name and the value it must have.
type Attribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Validate reports whether the subject is named in exactly one way. The error names the field.
func (s Subject) Validate() error {
	ways := 0
	for _, used := range []bool{s.Certificate != "", s.Unit != "", s.Attribute != nil} {
		if used {
			ways++
		}
	}
	switch {
	case ways != 1:
		return errors.New("give exactly one of \"certificate\", \"unit\" and \"attribute\"")
	case s.Certificate != "":
		return CheckHash("certificate", s.Certificate)
	case s.Unit != "":
		return CheckText("unit", s.Unit, MaxText)
	case s.Attribute.Name == "":
		return Faultf("attribute.name", "is required")
	default:
		return First(
			CheckText("attribute.name", s.Attribute.Name, MaxText),
			CheckText("attribute.value", s.Attribute.Value, MaxText),
		)
	}
}

// parts names the subject as parts of a composite key.
func (s Subject) parts() []string {
	switch {
	case s.Certificate != "":
		return []string{"certificate", s.Certificate}
	case s.Unit != "":
		return []string{"unit", s.Unit}
	default:
		return []string{"attribute", s.Attribute.Name, s.Attribute.Value}
	}
}

// Grant is a role that an organisation gave to identities of its own, or gave and took back: it
// is never deleted.
type Grant struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// MSP is the organisation that granted, and inside which alone the role counts.
	MSP     string  `json:"msp"`
	Role    Role    `json:"role"`
	Subject Subject `json:"subject"`
	// Active is false once the role was revoked.
	Active  bool  `json:"active"`
	Granted int64 `json:"granted"`
	Updated int64 `json:"updated"`
}
