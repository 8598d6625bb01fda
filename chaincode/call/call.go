// SPDX-License-Identifier: Apache-2.0

// Package call is what clients and contracts say to each other: the requests and the answers of the
// contracts' functions that are not records themselves. Both sides import it, so that there is one
// definition of each.
//
// Requests come in as Go values and go over the wire as JSON; Validate says what the contracts refuse
// before they look at the ledger, as a [record.Fault] that names the field. The package does no I/O
// and keeps no state.
package call

import (
	"encoding/base64"
	"errors"
	"unicode/utf8"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// Page sizes: the number of records that a list returns when the request names none, and at most.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

// maxToken is the length in characters of the longest key or token.
const maxToken = 4096

// Page is the part of a list's request that says which page.
type Page struct {
	// PageSize is the number of records wanted, at most MaxPage; 0 stands for DefaultPage.
	PageSize int `json:"pageSize,omitempty"`
	// Bookmark is that of the page before; empty for the first.
	Bookmark string `json:"bookmark,omitempty"`
}

// Rows is the number of records on the page.
func (p Page) Rows() int {
	if p.PageSize == 0 {
		return DefaultPage
	}
	return p.PageSize
}

// Start is the key at which the page starts, "" for the first page.
func (p Page) Start() (string, error) {
	key, err := base64.RawURLEncoding.DecodeString(p.Bookmark)
	// What is not UTF-8 cannot be sent to the peer.
	if err != nil || !utf8.Valid(key) {
		return "", record.Faultf("bookmark", "must be the bookmark of the page before")
	}
	return string(key), nil
}

// Validate reports the first fault.
func (p Page) Validate() error {
	if p.PageSize < 0 || p.PageSize > MaxPage {
		return record.Faultf("pageSize", "must be within 1 and %d", MaxPage)
	}
	_, err := p.Start()
	return err
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

// checkFullName reports whether n names something.
func checkFullName(field string, n name.Name) error {
	if n.IsZero() {
		return missing(field)
	}
	return record.Within(field, n.Validate())
}

// optional checks s unless it is empty.
func optional(field, s string, check func(field, s string) error) error {
	if s == "" {
		return nil
	}
	return check(field, s)
}

// missing says that a required field is not there.
func missing(field string) error { return record.Faultf(field, "is required") }

// either says that exactly one of several fields must be given.
func either(text string) error { return errors.New(text) }
