// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	_ "embed" // the description
	"encoding/json"
	"errors"
	"net/http"

	"github.com/anchorline/anchorline/internal/health"
)

// description is openapi.json.
//
//go:embed openapi.json
var description []byte

// healthz says that the process answers.
func (s *service) healthz(w http.ResponseWriter, _ *http.Request) {
	report(w, health.Examine())
}

// readyz says whether the ledger can be asked.
func (s *service) readyz(w http.ResponseWriter, _ *http.Request) {
	report(w, health.Examine(s.ready))
}

// askLedger calls a query. Whoever probes need not be somebody who may know the network: the reason
// is for the log.
func (s *service) askLedger(ctx context.Context) error {
	_, err := s.ledger.Evaluate(ctx, "consortium:Get")
	if err != nil {
		s.logger.Warn("the ledger does not answer", "error", err)
		return errors.New(problemOf(ctx, err).Detail)
	}
	return nil
}

func report(w http.ResponseWriter, r health.Report) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", cacheNever)
	if !r.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	// An error is the prober's, who went away.
	_ = json.NewEncoder(w).Encode(r)
}

// openapi answers with the description.
func (s *service) openapi(w http.ResponseWriter, r *http.Request) {
	(&answer{body: description}).write(w, r)
}
