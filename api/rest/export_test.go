// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"log/slog"
	"net/http"
)

// Handler answers requests as the server does.
func Handler(l Ledger) http.Handler {
	return newService(Default(), l, &verifiers{ledger: l}, nil, slog.New(slog.DiscardHandler))
}

// Routes returns the routes' patterns with the parameters that each takes.
func Routes() map[string][]string {
	all := map[string][]string{}
	for _, r := range (&service{}).routes() {
		all[r.pattern] = r.params
	}
	return all
}

// MaxAsking and MaxReading bound what is done at once, MaxStatement a statement in bytes.
const (
	MaxAsking    = maxAsking
	MaxReading   = maxReading
	MaxStatement = maxStatement
)
