// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// maxQuestion is the size of a question's body in bytes; the chaincode's own limits are smaller.
const maxQuestion = 64 << 10

// decide asks for an access decision by the query's parameters. Nothing is recorded. Who asks is
// this service's identity or, where its role allows, a device.
func (s *service) decide(ctx context.Context, p *params) (*answer, error) {
	resource, request, about := object{}, object{}, object{}
	request.set("device", p.text("device"))
	request["action"] = p.text("action")
	resource.set("device", p.text("resource"))
	resource.set("owner", p.text("owner"))
	if attributes := p.attributes(); len(attributes) > 0 {
		resource["attributes"] = attributes
	}
	about.set("purpose", p.text("purpose"))
	about.setNumber("from", p.number("from"))
	about.setNumber("until", p.number("until"))
	if p.fault != nil {
		return nil, p.fault
	}
	request["resource"] = resource
	if len(about) > 0 {
		request["context"] = about
	}
	text, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	body, err := s.ledger.Evaluate(ctx, "access:Decide", string(text))
	return &answer{body: body}, err
}

// decideBody asks for a decision by a request of the chaincode, which reads it strictly.
func (s *service) decideBody(ctx context.Context, p *params) (*answer, error) {
	text, err := readBody(p.request, maxQuestion, "application/json")
	if err != nil {
		return nil, err
	}
	body, err := s.ledger.Evaluate(ctx, "access:Decide", string(text))
	return &answer{body: body}, err
}

// readBody reads a body of one of these media types. That it must name one keeps out what a web
// page of strangers can have a browser send.
func readBody(r *http.Request, limit int64, types ...string) ([]byte, error) {
	given, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(types, given) {
		return nil, &problem{Status: http.StatusUnsupportedMediaType, Code: codeMediaType, Detail: "want Content-Type: " + strings.Join(types, " or ")}
	}
	return io.ReadAll(http.MaxBytesReader(nil, r.Body, limit))
}
