// SPDX-License-Identifier: Apache-2.0

// Package ops is the bridge's listener for those who operate it: whether it is alive, whether it
// is ready and if not why, and its books as metrics. In come HTTP requests that only read; out go
// JSON and the Prometheus text format. It keeps nothing, and the bridge works the same without it.
//
//	/healthz  200 while the process and its spool answer, else 503
//	/readyz   200 while readings arrive and are anchored in time, else 503 with the reason
//	/metrics  what docs/api.md lists
//
// Nothing of it is secret and none of it is authenticated: let only those reach it who may know
// how much a bridge receives.
//
// Beside it [ListenControl] serves the quarantine on a Unix socket in the data folder: whoever may open
// the folder may read, retry and purge it while the bridge runs.
package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// A Bridge is what is watched.
type Bridge interface {
	Status() (bridge.Status, error)
}

// A Ledger says where a stream stands; any answer shows that it can be reached.
type Ledger interface {
	Head(ctx context.Context, stream name.Name) (record.Head, error)
}

// Config says where to listen, and what is watched.
type Config struct {
	Listen string    // host:port
	Dir    string    // the bridge's data folder, on whose disk everything depends
	Stream name.Name // the bridge's stream
	Name   string    // of the ledger, channel/chaincode, for the metrics
	// MaxAge is how long a reading may wait for the ledger before the bridge is not ready; 0 for
	// DefaultMaxAge.
	MaxAge time.Duration
}

// DefaultMaxAge is how long a reading may wait for the ledger before the bridge is not ready.
const DefaultMaxAge = 2 * time.Minute

func (c Config) maxAge() time.Duration {
	if c.MaxAge == 0 {
		return DefaultMaxAge
	}
	return c.MaxAge
}

// Limits of the listener: a probe or a scrape is small and short.
const (
	readTimeout  = 5 * time.Second
	writeTimeout = 10 * time.Second
	idleTimeout  = 2 * time.Minute
	closeTimeout = 5 * time.Second
	maxHeader    = 8 << 10 // bytes
	maxScrapes   = 4       // at once
)

// A Server answers operators.
type Server struct {
	listener net.Listener
	http     *http.Server
	logger   *slog.Logger
}

// Listen opens the listener; Run serves on it.
func Listen(ctx context.Context, cfg Config, b Bridge, l Ledger, logger *slog.Logger) (*Server, error) {
	w := newWatch(cfg, b, l)
	registry, err := newRegistry(cfg, b, w)
	if err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", answer(w.health))
	mux.HandleFunc("GET /readyz", answer(w.ready))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn), MaxRequestsInFlight: maxScrapes,
	}))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("ops: listen on %s: %w", cfg.Listen, err)
	}
	return newServer(listener, mux, logger), nil
}

func newServer(l net.Listener, h http.Handler, logger *slog.Logger) *Server {
	return &Server{listener: l, logger: logger, http: &http.Server{
		Handler: h, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}}
}

// Address is where the server listens, host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Run serves until ctx ends, and closes the listener.
func (s *Server) Run(ctx context.Context) error {
	s.logger.Info("listening for operators", "address", s.listener.Addr().Network()+"://"+s.Address())
	result := make(chan error, 1)
	go func() { result <- s.http.Serve(s.listener) }()
	select {
	case err := <-result:
		return fmt.Errorf("ops: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if s.http.Shutdown(closing) != nil {
		_ = s.http.Close() // a probe that does not end must not hold up the bridge
	}
	if err := <-result; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("ops: %w", err)
	}
	return nil
}
