// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/anchorline/anchorline/chaincode/record"
)

// maxToken is the length in characters of the longest key or token argument.
const maxToken = 4096

// registerRequest is the request of Register.
type registerRequest struct {
	ID         string            `json:"id"`
	Key        string            `json:"key"`
	Proof      string            `json:"proof"`
	Type       string            `json:"type,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Profile    string            `json:"profile,omitempty"`
}

func (r registerRequest) validate() error {
	return record.First(
		record.CheckName("id", r.ID),
		checkToken("key", r.Key),
		checkToken("proof", r.Proof),
		optional("type", r.Type, record.CheckName),
		record.CheckAttributes("attributes", r.Attributes),
		optional("profile", r.Profile, record.CheckHash),
	)
}

// digest returns SHA-256 of what the request says about the device. The proof is left out: an
// ECDSA signature differs each time it is made.
func (r registerRequest) digest() (string, error) {
	r.Proof = ""
	return digest(r)
}

// rotateRequest is the request of RotateKey: either authorization or reason is given.
type rotateRequest struct {
	ID            string `json:"id"`
	Key           string `json:"key"`
	Proof         string `json:"proof"`
	Authorization string `json:"authorization,omitempty"`
	Reason        string `json:"reason,omitempty"`
}

func (r rotateRequest) validate() error {
	if (r.Authorization == "") == (r.Reason == "") {
		return errors.New("give either \"authorization\", signed by the old key, or a \"reason\" why there is none")
	}
	return record.First(
		record.CheckName("id", r.ID),
		checkToken("key", r.Key),
		checkToken("proof", r.Proof),
		optional("authorization", r.Authorization, checkToken),
		optional("reason", r.Reason, checkReason),
	)
}

// statusRequest is the request of Suspend and Resume.
type statusRequest struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
}

func (r statusRequest) validate() error {
	return record.First(record.CheckName("id", r.ID), optional("reason", r.Reason, checkReason))
}

// revokeRequest is the request of Revoke.
type revokeRequest struct {
	ID               string `json:"id"`
	Reason           string `json:"reason"`
	CompromisedSince int64  `json:"compromisedSince,omitempty"`
}

func (r revokeRequest) validate() error {
	return record.First(
		record.CheckName("id", r.ID),
		checkReason("reason", r.Reason),
		record.CheckTime("compromisedSince", r.CompromisedSince),
	)
}

// checkReason reports whether s is a reason: text that is not empty.
func checkReason(field, s string) error {
	if s == "" {
		return missing(field)
	}
	return record.CheckText(field, s, record.MaxText)
}

// checkToken reports whether s can be a key or a token in base64url.
func checkToken(field, s string) error {
	if s == "" {
		return missing(field)
	}
	return record.CheckText(field, s, maxToken)
}

// optional checks s unless it is empty.
func optional(field, s string, check func(field, s string) error) error {
	if s == "" {
		return nil
	}
	return check(field, s)
}

// missing says that a required field is not there.
func missing(field string) error {
	return errors.New("field \"" + field + "\": is required")
}

// digest returns SHA-256, in hexadecimal, of the canonical form of v.
func digest(v any) (string, error) {
	data, err := record.Encode(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
