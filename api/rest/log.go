// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"
)

// ServeHTTP answers one request and logs it.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began, seen := time.Now(), &watched{ResponseWriter: w, status: http.StatusOK}
	ex := &exchange{id: rand.Text()}
	w.Header().Set("X-Request-Id", ex.id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	s.dispatch(seen, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, ex)))
	attributes := []any{
		"method", r.Method, "path", r.URL.Path, "status", seen.status, "bytes", seen.bytes,
		"duration", time.Since(began), "remote", r.RemoteAddr, "request", ex.id,
	}
	if ex.token != "" {
		attributes = append(attributes, "token", ex.token)
	}
	if ex.err != nil {
		attributes = append(attributes, "error", ex.err)
	}
	s.logger.Log(r.Context(), levelOf(seen.status, r.URL.Path), "request", attributes...)
}

// An exchange is what is known of a request beside itself, for its log line.
type exchange struct {
	id    string
	token string // name of the token that it showed
	err   error  // behind a status of 500 and more
}

type exchangeKey struct{}

// levelOf keeps probes, which come every few seconds for ever, out of a usual log. Why a service is
// not ready has a line of its own.
func levelOf(status int, path string) slog.Level {
	switch {
	case path == "/healthz" || path == "/readyz":
		return slog.LevelDebug
	case status >= http.StatusInternalServerError:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// watched remembers what was answered.
type watched struct {
	http.ResponseWriter
	status int
	bytes  int
}

// WriteHeader notes the status.
func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write counts.
func (w *watched) Write(data []byte) (int, error) {
	n, err := w.ResponseWriter.Write(data)
	w.bytes += n
	return n, err
}
