// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
)

// question is a request of the chaincode, whose own limits are smaller.
var question = accepted{limit: 64 << 10, types: []string{"application/json"}}

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
	body, err := s.ledger.Evaluate(ctx, "access:Decide", string(p.body))
	return &answer{body: body}, err
}
