// SPDX-License-Identifier: Apache-2.0

// Package report writes what a check of archives found so that others can rely on it: as JSON, as a
// signature over it by the member of an organisation who had it checked, and as a page for people.
//
// A check's findings come in; the bytes of three files come out. Whoever trusts the organisations of the
// channel verifies who signed. The package does no I/O and reads no clock.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/anchorline/anchorline/bridge/fsck"
)

// Type and Version are what a report says of itself.
const (
	Type    = "archive-report"
	Version = 1
)

// ErrReport is wrapped by every refusal of a report.
var ErrReport = errors.New("report: not a signed report of an archive")

// A Verdict is the answer in one word.
type Verdict string

// The verdicts.
const (
	Confirmed  Verdict = "confirmed"   // archives and ledger agree
	Refuted    Verdict = "refuted"     // there is a fault
	CannotTell Verdict = "cannot tell" // no fault, and something could not be checked
)

// VerdictOf is the verdict on findings.
func VerdictOf(r fsck.Report) Verdict {
	switch {
	case !r.OK():
		return Refuted
	case len(r.Undecided) > 0:
		return CannotTell
	default:
		return Confirmed
	}
}

// A Document is FILE.json (docs/formats.md, "Report of a check").
type Document struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// By is who had it checked, and signs.
	By Auditor `json:"by"`
	// Tool is what checked, as it names itself.
	Tool string `json:"tool"`
	// Peer is the peer whose word was taken for what the ledger holds.
	Peer string `json:"peer"`
	// Began and Ended are times of the clock of whoever had it checked.
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	// Verdict sums up the findings.
	Verdict  Verdict     `json:"verdict"`
	Findings fsck.Report `json:"findings"`
}

// An Auditor is a member of an organisation.
type Auditor struct {
	MSPID string `json:"mspId"`
	// Name is the common name of the certificate.
	Name string `json:"name"`
}

// Encode returns the bytes of FILE.json.
func (d Document) Encode() ([]byte, error) {
	d.Type, d.Version, d.Verdict = Type, Version, VerdictOf(d.Findings)
	d.Began, d.Ended = d.Began.UTC().Truncate(time.Second), d.Ended.UTC().Truncate(time.Second)
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return append(text, '\n'), nil
}

// Parse reads FILE.json. Errors wrap [ErrReport].
func Parse(text []byte) (Document, error) {
	var d Document
	if err := json.Unmarshal(text, &d); err != nil {
		return Document{}, fmt.Errorf("%w: %w", ErrReport, err)
	}
	if d.Type != Type || d.Version != Version {
		return Document{}, fmt.Errorf("%w: it is %.40q of version %d; this is for %q of version %d", ErrReport, d.Type, d.Version, Type, Version)
	}
	if want := VerdictOf(d.Findings); d.Verdict != want {
		return Document{}, fmt.Errorf("%w: its verdict is %.40q, its findings are %q", ErrReport, d.Verdict, want)
	}
	return d, nil
}
