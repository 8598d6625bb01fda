// SPDX-License-Identifier: Apache-2.0

// Package rest is a read-only view of the ledger over HTTP and JSON, for auditors and applications
// without a Fabric client. docs/api.md is its manual, openapi.json its description.
//
// In come HTTP requests, out go the ledger's own records as its chaincode answers them, pages of
// them, and reports on statements. Nothing can be written through it and it keeps nothing, so it
// may be ended at any moment and run as often as wanted. What it says is as trustworthy as the
// peer that it asks; it answers with that peer's view, as the one identity that it has. Reports on
// statements rest on what organisations signed, and on whom this service trusts.
package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/anchorline/anchorline/audit/online"
)

// A Ledger answers questions; nothing is written. It MUST be safe for concurrent use.
type Ledger interface {
	online.Ledger
	// Evaluate calls a query of the chaincode and returns its JSON.
	Evaluate(ctx context.Context, function string, args ...string) ([]byte, error)
	// Height is the number of blocks of the channel.
	Height(ctx context.Context) (uint64, error)
}

// Config says where to listen and whom to answer.
type Config struct {
	Listen  string        // host:port
	Name    string        // the ledger's: channel/chaincode
	Trust   string        // trust.json for statements; empty: as the channel's configuration says
	Tokens  []string      // files of one bearer token each; without any, no token is asked for
	Open    bool          // listen beyond this machine without tokens
	TLSCert string        // PEM file of the certificate and those up to its CA; with TLSKey turns TLS on
	TLSKey  string        // PEM file
	Timeout time.Duration // for the ledger's answer
}

// Default returns the defaults; Name has none.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8080",
		// Shorter than the ledger client's own deadline of 15 s, so that it is this one which ends.
		Timeout: 10 * time.Second,
	}
}

// maxTimeout is below the deadline of package ledger.
const maxTimeout = 14 * time.Second

// ErrConfig is wrapped by every fault of a configuration.
var ErrConfig = errors.New("api: configuration")

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%w: %w", ErrConfig, fmt.Errorf(format, args...)))
	}
	address, err := net.ResolveTCPAddr("tcp", c.Listen)
	switch {
	case err != nil:
		fault("listen on %q: %w", c.Listen, err)
	case !address.IP.IsLoopback() && len(tokenFiles(c.Tokens)) == 0 && !c.Open:
		fault("%s can be reached from other machines: give a token file (--token-file), or let everybody in (--open)", c.Listen)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		fault("TLS needs both a certificate and its key")
	}
	if c.Timeout <= 0 || c.Timeout > maxTimeout {
		fault("timeout %s: want more than 0 and at most %s", c.Timeout, maxTimeout)
	}
	return errors.Join(faults...)
}

// Limits of the listener. A request is small; an answer has a page at most.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	closeTimeout      = 10 * time.Second
	maxHeader         = 16 << 10 // bytes
)

// A Server answers requests.
type Server struct {
	listener net.Listener
	http     *http.Server
	tls      bool
	logger   *slog.Logger
}

// Listen reads the files that the configuration names and opens the listener; Run serves on it.
func Listen(ctx context.Context, cfg Config, l Ledger, logger *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	keys, err := readTokens(cfg.Tokens)
	if err != nil {
		return nil, err
	}
	verifiers, err := newVerifiers(cfg, l)
	if err != nil {
		return nil, err
	}
	s := &Server{tls: cfg.TLSCert != "", logger: logger, http: &http.Server{
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}}
	if s.tls {
		pair, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("%w: TLS: %w", ErrConfig, err)
		}
		s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if s.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("api: listen on %s: %w", cfg.Listen, err)
	}
	s.http.Handler = newService(cfg, l, verifiers, keys, logger)
	if len(keys) > 0 && !s.tls && !loopback(s.listener.Addr()) {
		logger.Warn("bearer tokens cross the network in the clear; put TLS in front, or give --tls-cert", "address", s.URL())
	}
	return s, nil
}

func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// URL is where the server listens.
func (s *Server) URL() string {
	if s.tls {
		return "https://" + s.listener.Addr().String()
	}
	return "http://" + s.listener.Addr().String()
}

// Run serves until ctx ends; requests under way are answered, within reason.
func (s *Server) Run(ctx context.Context) error {
	s.logger.Info("serving", "address", s.URL())
	result := make(chan error, 1)
	go func() {
		if s.tls {
			result <- s.http.ServeTLS(s.listener, "", "")
		} else {
			result <- s.http.Serve(s.listener)
		}
	}()
	select {
	case err := <-result:
		return fmt.Errorf("api: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if s.http.Shutdown(closing) != nil {
		_ = s.http.Close() // whoever still reads had time to
	}
	if err := <-result; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("api: %w", err)
	}
	return nil
}
