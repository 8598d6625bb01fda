// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/anchorline/anchorline/chaincode/record"
)

// A handler asks the ledger what a request asks us.
type handler func(ctx context.Context, p *params) (*answer, error)

// A route is one address of the API.
type route struct {
	pattern string   // of http.ServeMux
	params  []string // that its query may have
	handle  handler
	body    accepted
}

func on(pattern string, params []string, h handler) route {
	return route{pattern: pattern, params: params, handle: h}
}

// taking is the route with a body.
func (r route) taking(body accepted) route {
	r.body = body
	return r
}

// routes are the addresses that show the ledger. openapi.json describes each.
func (s *service) routes() []route {
	return []route{
		on("GET /v1/ledger", nil, s.about),
		on("GET /v1/consortium", nil, s.one("consortium:Get")),

		on("GET /v1/devices", page("owner", "type", "status", paramAttribute), s.list("devices:List", "devices", byBookmark, deviceFilter)),
		on("GET /v1/devices/{owner}/{id}", nil, s.one("devices:Get", fullName)),
		on("GET /v1/devices/{owner}/{id}/history", page(), s.list("devices:History", "changes", afterTransaction, ofDevice)),
		on("GET /v1/devices/{owner}/{id}/key", []string{"time"}, s.keyAt),

		on("GET /v1/streams", page(), s.list("anchors:ListStreams", "streams", byBookmark)),
		on("GET /v1/streams/{owner}/{id}", nil, s.one("anchors:GetStream", fullName)),
		on("GET /v1/streams/{owner}/{id}/head", nil, s.head),
		on("GET /v1/streams/{owner}/{id}/anchors", page("from"), s.list("anchors:List", "anchors", fromNumber, ofStream)),
		on("GET /v1/streams/{owner}/{id}/anchors/{number}", nil, forever(s.one("anchors:Get", fullName, inPath("number")))),
		on("GET /v1/anchors", page("day", "stream"), s.list("anchors:ListByDay", "anchors", byBookmark, filter("day", "stream"))),
		on("GET /v1/equivocations", page("stream"), s.list("anchors:ListEquivocations", "equivocations", byBookmark, filter("stream"))),

		on("GET /v1/policies", page("owner"), s.list("policies:List", "policies", byBookmark, filter("owner"))),
		on("GET /v1/policies/{owner}/{id}", nil, s.one("policies:Get", fullName)),
		on("GET /v1/policies/{owner}/{id}/revisions/{revision}", nil, forever(s.one("policies:GetRevision", fullName, inPath("revision")))),

		on("GET /v1/access/decide", []string{"device", "action", "resource", "owner", paramAttribute, "purpose", "from", "until"}, s.decide),
		on("POST /v1/access/decide", nil, s.decideBody).taking(question),
		on("GET /v1/decisions", page(), s.list("access:List", "decisions", byBookmark)),
		on("GET /v1/decisions/{id}", nil, forever(s.one("access:Get", inPath("id")))),

		on("POST /v1/statements/verify", nil, s.verifyStatement).taking(statement),
	}
}

// page adds a list's own parameters to those of its filter.
func page(filters ...string) []string { return append(filters, paramLimit, paramCursor) }

// An argument is one of the chaincode, taken from a request.
type argument func(p *params) string

// fullName is the name in the path as the chaincode takes it.
func fullName(p *params) string { return p.name().String() }

// inPath is another part of the path, as it is.
func inPath(part string) argument { return func(p *params) string { return p.path(part) } }

// one answers with a record that the path names.
func (s *service) one(function string, arguments ...argument) handler {
	return func(ctx context.Context, p *params) (*answer, error) {
		args := make([]string, len(arguments))
		for i, argument := range arguments {
			args[i] = argument(p)
		}
		if p.fault != nil {
			return nil, p.fault
		}
		body, err := s.ledger.Evaluate(ctx, function, args...)
		return &answer{body: body}, err
	}
}

// forever marks answers that never change.
func forever(h handler) handler {
	return func(ctx context.Context, p *params) (*answer, error) {
		a, err := h(ctx, p)
		if a != nil {
			a.immutable = true
		}
		return a, err
	}
}

// keyAt answers with the key that a device had at a time.
func (s *service) keyAt(ctx context.Context, p *params) (*answer, error) {
	if p.text("time") == "" {
		return nil, badRequest("parameter \"time\" is required: milliseconds since 1970")
	}
	device, at := fullName(p), p.number("time")
	if p.fault != nil {
		return nil, p.fault
	}
	body, err := s.ledger.Evaluate(ctx, "devices:KeyAt", device, strconv.FormatUint(at, 10))
	return &answer{body: body}, err
}

// head answers with the last anchor's number and hash. The chaincode says number 0 of a stream that
// it does not know; here that is an error.
func (s *service) head(ctx context.Context, p *params) (*answer, error) {
	if _, err := s.one("anchors:GetStream", fullName)(ctx, p); err != nil {
		return nil, err
	}
	return s.one("anchors:Head", fullName)(ctx, p)
}

// about answers with the ledger's name and height, and with who asks it: the identity as which
// decisions are made.
func (s *service) about(ctx context.Context, _ *params) (*answer, error) {
	height, err := s.ledger.Height(ctx)
	if err != nil {
		return nil, err
	}
	var caller struct {
		MSP      string        `json:"msp"`
		Identity string        `json:"identity"`
		Roles    []record.Role `json:"roles"`
	}
	if err := s.evaluate(ctx, &caller, "roles:WhoAmI"); err != nil {
		return nil, err
	}
	return encode(object{"name": s.name, "height": height, "caller": caller})
}

// open are the addresses that need no token: probes have none, and the description is no secret.
func (s *service) open(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /openapi.json", s.openapi)
}
