// SPDX-License-Identifier: Apache-2.0

package record

import (
	"slices"
)

// ConsortiumType is the type of a Consortium.
const ConsortiumType = "consortium"

// ApprovalType is the type of an Approval.
const ApprovalType = "approval"

// MaxOrganisations is the number of organisations that a consortium may have.
const MaxOrganisations = 64

// Terms are what the organisations of a channel agree on: who they are, and how many others
// sign each change of a record beside its owner.
type Terms struct {
	// Organisations are MSP IDs, in ascending order.
	Organisations []string `json:"organisations"`
	// Others is how many organisations beside the owner must endorse a change.
	Others int `json:"others"`
}

// Validate reports the first fault of the terms, naming the field.
func (t Terms) Validate() error {
	if n := len(t.Organisations); n == 0 || n > MaxOrganisations {
		return Faultf("organisations", "must name 1 to %d organisations", MaxOrganisations)
	}
	for _, o := range t.Organisations {
		if err := CheckMSP("organisations", o); err != nil {
			return err
		}
	}
	sorted := slices.Clone(t.Organisations)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(t.Organisations) {
		return Faultf("organisations", "names an organisation twice")
	}
	if t.Others < 0 || t.Others >= len(t.Organisations) {
		return Faultf("others", "must be within 0 and %d, the number of other organisations", len(t.Organisations)-1)
	}
	return nil
}

// Equal reports whether both are the same terms, whatever the order of the organisations.
func (t Terms) Equal(other Terms) bool {
	a, b := slices.Clone(t.Organisations), slices.Clone(other.Organisations)
	slices.Sort(a)
	slices.Sort(b)
	return t.Others == other.Others && slices.Equal(a, b)
}

// Consortium is the terms in force. Without it the chaincode's own endorsement policy governs
// every change.
type Consortium struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	Terms   Terms  `json:"terms"`
	Updated int64  `json:"updated"`
}

// Approval is the terms that one organisation approves. They are in force as soon as every
// organisation they name, and every one of the terms before, approves the same.
type Approval struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	MSP     string `json:"msp"`
	Terms   Terms  `json:"terms"`
	Updated int64  `json:"updated"`
}
