// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/receipt"
)

// maxStatement is the size in bytes of the largest statement that is taken. One with more evidence can
// be sent without it: this service asks for evidence itself.
const maxStatement = 4 << 20

// statement is a Transparent Statement (RFC 9943).
var statement = accepted{limit: maxStatement, types: []string{"application/cose", "application/octet-stream"}}

// verifyStatement reports on a statement with what it carries, and what organisations attest of it
// now. That a statement is not proven is an answer like another.
func (s *service) verifyStatement(ctx context.Context, p *params) (*answer, error) {
	v, err := s.verify.current(ctx)
	if err != nil {
		return nil, err
	}
	parsed, err := receipt.ParseStatement(p.body)
	if err != nil || parsed.Receipt.Claims.Ledger != v.Trust().Ledger {
		return encode(v.Verify(p.body)) // there is nothing to ask this ledger
	}
	evidence, err := online.Evidence(ctx, s.ledger, v.Trust(), parsed)
	if err != nil && !absent(err) {
		return nil, err
	}
	report := v.Verify(p.body, evidence)
	if err != nil {
		report.Notes = append(report.Notes, fmt.Sprintf("the ledger was asked for evidence and does not have all: %s", problemOf(ctx, err).Detail))
	}
	return encode(report)
}

// absent reports whether the ledger has nothing of what a statement names.
func absent(err error) bool {
	return errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ledger.ErrInvalidArgument)
}

// verifiers makes the verifier of statements: once of a trust.json, or of the channel's configuration,
// as often as that changes.
type verifiers struct {
	ledger Ledger
	name   string
	fixed  bool // by a trust.json

	mu   sync.Mutex
	last *audit.Verifier
	of   []byte // the trust that it is of, encoded
}

// newVerifiers reads the trust.json that the configuration names, if any.
func newVerifiers(cfg Config, l Ledger) (*verifiers, error) {
	v := &verifiers{ledger: l, name: cfg.Name, fixed: cfg.Trust != ""}
	if !v.fixed {
		return v, nil
	}
	data, err := os.ReadFile(cfg.Trust)
	if err != nil {
		return nil, fmt.Errorf("%w: trust: %w", ErrConfig, err)
	}
	t, err := trust.Parse(data)
	if err == nil && t.Ledger != cfg.Name {
		err = fmt.Errorf("it is of ledger %s, and this service shows %s", t.Ledger, cfg.Name)
	}
	if err == nil {
		v.last, err = audit.NewVerifier(t, audit.Requirement{})
	}
	if err != nil {
		return nil, fmt.Errorf("%w: trust %s: %w", ErrConfig, cfg.Trust, err)
	}
	return v, nil
}

// current returns the verifier of now.
func (v *verifiers) current(ctx context.Context) (*audit.Verifier, error) {
	if v.fixed {
		return v.last, nil
	}
	t, err := online.Trust(ctx, v.ledger, v.name, 0)
	if err != nil {
		return nil, err
	}
	text, err := t.Encode()
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last == nil || !bytes.Equal(text, v.of) {
		made, err := audit.NewVerifier(t, audit.Requirement{})
		if err != nil {
			return nil, err
		}
		v.last, v.of = made, text
	}
	return v.last, nil
}
