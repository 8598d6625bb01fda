// SPDX-License-Identifier: Apache-2.0

package call

import (
	"crypto/sha256"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Role grants or revokes a role inside the caller's organisation (roles:Grant, roles:Revoke), to
// identities that are named by exactly one of certificate hash, unit and attribute.
type Role struct {
	Role        record.Role       `json:"role"`
	Certificate string            `json:"certificate,omitempty"` // SHA-256 of its DER, in hexadecimal
	Unit        string            `json:"unit,omitempty"`
	Attribute   *record.Attribute `json:"attribute,omitempty"`
}

// Subject says to whom.
func (r Role) Subject() record.Subject {
	return record.Subject{Certificate: r.Certificate, Unit: r.Unit, Attribute: r.Attribute}
}

// Validate reports the first fault.
func (r Role) Validate() error {
	return record.First(record.CheckRole("role", r.Role), r.Subject().Validate())
}

// GrantList is the request of roles:List: the grants of an organisation, the caller's when MSP is
// empty, and of one role unless that is empty.
type GrantList struct {
	MSP  string      `json:"msp,omitempty"`
	Role record.Role `json:"role,omitempty"`
	Page
}

// Validate reports the first fault.
func (r GrantList) Validate() error {
	return record.First(
		optional("msp", r.MSP, record.CheckMSP),
		optional("role", string(r.Role), func(field, s string) error { return record.CheckRole(field, record.Role(s)) }),
		r.Page.Validate(),
	)
}

// Grants is a page of grants.
type Grants struct {
	Grants   []record.Grant `json:"grants"`
	Bookmark string         `json:"bookmark"`
}

// Self is the answer of roles:WhoAmI: how the contracts see the caller.
type Self struct {
	MSP string `json:"msp"`
	// Identity is SHA-256, in hexadecimal, over "x509::subject::issuer" of the certificate: who the
	// caller is, across renewals. Certificate is that over its DER.
	Identity    string            `json:"identity"`
	Certificate string            `json:"certificate"`
	Units       []string          `json:"units"`
	Attributes  map[string]string `json:"attributes"`
	Roles       []record.Role     `json:"roles"`
}

// PolicyText puts a new revision of a Cedar policy over the devices of the caller's organisation
// (policies:Put).
type PolicyText struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Validate reports the first fault.
func (r PolicyText) Validate() error {
	if r.Text == "" {
		return missing("text")
	}
	return record.CheckName("id", r.ID)
}

// PolicyRevocation revokes a policy (policies:Revoke).
type PolicyRevocation struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// Validate reports the first fault.
func (r PolicyRevocation) Validate() error {
	return record.First(record.CheckName("id", r.ID), checkReason("reason", r.Reason))
}

// Policies is a page of policies.
type Policies struct {
	Policies []record.Policy `json:"policies"`
	Bookmark string          `json:"bookmark"`
}

// CheckedPolicy is the answer of policies:Check.
type CheckedPolicy struct {
	// Text is the policy as Cedar writes it.
	Text string `json:"text"`
	// Cost is the number of steps that evaluating it for one device takes at most.
	Cost int `json:"cost"`
	// Warnings are what may surprise in it if the caller's organisation puts it, in the order of its
	// text.
	Warnings []PolicyWarning `json:"warnings"`
}

// PolicyWarning is what may surprise the author of a policy, though it may be put.
type PolicyWarning struct {
	// Line and Column count from 1; a column is a character.
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// PolicySchema is the answer of policies:Schema: the Cedar schema that policies are checked against.
type PolicySchema struct {
	Schema string `json:"schema"`
}

// AccessQuestion decides whether someone may do something (access:Decide).
type AccessQuestion struct {
	record.AccessQuery
	// Authorization is the question that the device signed ([reading.Question]), in base64url. Without
	// it a registrar of the device's owner may ask for the device.
	Authorization string `json:"authorization,omitempty"`
}

// AccessRequest decides and puts the decision on record (access:Request).
type AccessRequest struct {
	AccessQuestion
	// TTL is how long the decision shall hold, in milliseconds; 0 for the chaincode's default.
	TTL int64 `json:"ttl,omitempty"`
}

// Digest is what the device signs of the question: SHA-256 over its canonical form without the
// authorization.
func (r AccessRequest) Digest() ([sha256.Size]byte, error) {
	r.Authorization = ""
	data, err := record.Encode(r)
	return sha256.Sum256(data), err
}

// Decisions is a page of recorded decisions.
type Decisions struct {
	Decisions []record.Access `json:"decisions"`
	Bookmark  string          `json:"bookmark"`
}

// Consortium is on what terms the organisations sign each other's changes (consortium:Get).
type Consortium struct {
	// Terms are in force; nil until every organisation approved the same.
	Terms *record.Terms `json:"terms,omitempty"`
	// Approvals are what each organisation approved last, by MSP ID.
	Approvals []record.Approval `json:"approvals"`
}
