// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/anchorline/anchorline/internal/health"
)

const (
	// maxAsking bounds the questions to the ledger under way: a peer is not there for us alone.
	maxAsking = 64
	// maxReading bounds the bodies that are being received, and so the memory that they take.
	maxReading = 64
)

// A service answers requests with what the ledger says.
type service struct {
	ledger  Ledger
	name    string
	verify  *verifiers
	tokens  []token
	local   bool // only this machine is meant to reach us, by its own name
	timeout time.Duration
	mux     *http.ServeMux
	reading places
	asking  places
	ready   *health.Check
	logger  *slog.Logger
}

func newService(cfg Config, l Ledger, v *verifiers, tokens []token, logger *slog.Logger) *service {
	s := &service{
		ledger: l, name: cfg.Name, verify: v, tokens: tokens, local: len(tokens) == 0 && !cfg.Open, timeout: cfg.Timeout,
		mux: http.NewServeMux(), reading: make(places, maxReading), asking: make(places, maxAsking), logger: logger,
	}
	s.ready = health.New("ledger", s.askLedger)
	s.open(s.mux)
	for _, r := range s.routes() {
		s.mux.Handle(r.pattern, s.serve(r))
	}
	return s
}

// dispatch refuses what is not meant for us or has no address, and serves the rest.
func (s *service) dispatch(w http.ResponseWriter, r *http.Request) {
	if s.local && !namesThisMachine(r.Host) {
		(&problem{Status: http.StatusMisdirectedRequest, Code: codeMisdirected, Detail: "this service answers to localhost only"}).write(w)
		return
	}
	if h, pattern := s.mux.Handler(r); pattern == "" {
		noAddress(h, r).write(w)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// namesThisMachine reports whether a Host header does. Another name that leads to 127.0.0.1 is how
// web pages of strangers reach services without a password.
func namesThisMachine(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip.IsLoopback()
}

// noAddress tells an unknown path from a known one with another method; the mux knows which.
func noAddress(h http.Handler, r *http.Request) *problem {
	said := &silent{header: http.Header{}}
	h.ServeHTTP(said, r)
	if allow := said.header.Get("Allow"); said.status == http.StatusMethodNotAllowed {
		return &problem{Status: said.status, Code: codeMethodNotAllowed, Detail: "this address answers to " + allow + " only", allow: allow}
	}
	return &problem{Status: http.StatusNotFound, Code: codeUnknownPath, Detail: "there is no such address; /openapi.json lists them"}
}

// silent takes an answer that is not sent.
type silent struct {
	header http.Header
	status int
}

// Header returns the header.
func (s *silent) Header() http.Header { return s.header }

// WriteHeader keeps the status.
func (s *silent) WriteHeader(status int) { s.status = status }

// Write drops the body.
func (s *silent) Write(data []byte) (int, error) { return len(data), nil }

// serve answers one of the routes.
func (s *service) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ex, _ := r.Context().Value(exchangeKey{}).(*exchange)
		p, err := s.read(rt, r, ex)
		ctx, cancel := context.WithTimeout(r.Context(), s.timeout)
		defer cancel()
		var a *answer
		if err == nil {
			a, err = s.ask(ctx, rt, p)
		}
		if err == nil {
			a.write(w, r)
			return
		}
		refusal := problemOf(ctx, err)
		if refusal.Status >= http.StatusInternalServerError {
			ex.err = err
		}
		refusal.write(w)
	})
}

// read lets a request in, and reads it whole: who is slow to send one holds up nobody who asks the
// ledger.
func (s *service) read(rt route, r *http.Request, ex *exchange) (*params, error) {
	if len(s.tokens) > 0 {
		name, refusal := admit(s.tokens, r)
		if refusal != nil {
			return nil, refusal
		}
		ex.token = name
	}
	p := readParams(r, rt.params)
	if p.fault != nil {
		return nil, p.fault
	}
	if len(rt.body.types) == 0 {
		return p, nil
	}
	if !s.reading.enter() {
		return nil, busy()
	}
	defer s.reading.leave()
	var err error
	p.body, err = rt.body.read(r)
	return p, err
}

// ask asks the ledger.
func (s *service) ask(ctx context.Context, rt route, p *params) (*answer, error) {
	if !s.asking.enter() {
		return nil, busy()
	}
	defer s.asking.leave()
	return rt.handle(ctx, p)
}

// places bound what is done at once.
type places chan struct{}

// enter takes a place, and reports whether there was one.
func (p places) enter() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p places) leave() { <-p }

func busy() *problem {
	return &problem{Status: http.StatusServiceUnavailable, Code: codeBusy, Detail: "too many requests at once; try again", retry: "1"}
}
