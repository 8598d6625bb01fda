// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/anchorline/anchorline/chaincode/record"
)

// A pager is how one of the chaincode's lists goes on: the field of its request that takes the place
// to go on from, and the field of its answer that names the next.
type pager struct{ field, next string }

var (
	byBookmark       = pager{"bookmark", "bookmark"}
	afterTransaction = pager{"after", "after"}
	fromNumber       = pager{"from", "next"} // anchors have numbers
)

// A part adds something of the query to a request of the chaincode.
type part func(p *params, request object)

// filter passes parameters on as they are.
func filter(names ...string) part {
	return func(p *params, request object) {
		for _, name := range names {
			request.set(name, p.text(name))
		}
	}
}

// deviceFilter narrows a list of devices.
func deviceFilter(p *params, request object) {
	filter("owner", "type", "status")(p, request)
	attributes := p.attributes()
	if len(attributes) > 1 {
		p.wrong("parameter %q: one at most narrows a list of devices", paramAttribute)
	}
	for name, value := range attributes {
		request["attribute"] = record.Attribute{Name: name, Value: value}
	}
}

// ofDevice names the device of the path.
func ofDevice(p *params, request object) { request["device"] = fullName(p) }

// ofStream names the stream of the path, and the first number.
func ofStream(p *params, request object) {
	request["stream"] = fullName(p)
	request.setNumber("from", p.number("from"))
	if p.text("from") != "" && p.text(paramCursor) != "" {
		p.wrong("give either \"from\" or %q", paramCursor)
	}
}

// list answers with a page of records, under their name, and the cursor of the next page.
func (s *service) list(function, name string, pages pager, parts ...part) handler {
	return func(ctx context.Context, p *params) (*answer, error) {
		request := object{}
		for _, add := range parts {
			add(p, request)
		}
		pages.goOn(p, request)
		size := p.limit()
		if p.fault != nil {
			return nil, p.fault
		}
		found, err := s.page(ctx, function, request, size)
		if err != nil {
			return nil, pages.refused(p, err)
		}
		next := cursorOf(found[pages.next])
		body := object{name: found[name]}
		body.set("next", next)
		a, err := encode(body)
		if err != nil {
			return nil, err
		}
		a.next = next
		return a, nil
	}
}

// page asks for a page. One that is too large to be sent is asked for again as a smaller one.
func (s *service) page(ctx context.Context, function string, request object, size uint64) (map[string]json.RawMessage, error) {
	for ; ; size /= 2 {
		request["pageSize"] = size
		text, err := json.Marshal(request)
		if err != nil {
			return nil, err
		}
		var found map[string]json.RawMessage
		err = s.evaluate(ctx, &found, function, string(text))
		if size < 2 || record.CodeOf(err) != record.TooLarge {
			return found, err
		}
	}
}

// goOn takes the cursor into a request.
func (g pager) goOn(p *params, request object) {
	cursor := p.text(paramCursor)
	switch {
	case cursor == "":
	case g == fromNumber:
		n, err := strconv.ParseUint(cursor, 10, 64)
		if err != nil || n > record.MaxNumber {
			p.fault = badCursor()
		}
		request[g.field] = n
	default:
		request[g.field] = cursor
	}
}

// refused names the parameter where the chaincode, which knows of none, names its own field.
func (g pager) refused(p *params, err error) error {
	var refusal *record.Error
	if p.text(paramCursor) != "" && errors.As(err, &refusal) && refusal.Field == g.field {
		return badCursor()
	}
	return err
}

func badCursor() *problem {
	return badRequest("parameter %q: want the cursor that the page of this list before gave", paramCursor)
}

// cursorOf makes a cursor of what a list says of its next page: a text, or a number of which 0 says
// that there is none.
func cursorOf(next json.RawMessage) string {
	var text string
	if json.Unmarshal(next, &text) == nil {
		return text
	}
	if number := string(next); number != "0" {
		return number
	}
	return ""
}

// evaluate asks the ledger and reads its answer.
func (s *service) evaluate(ctx context.Context, v any, function string, args ...string) error {
	text, err := s.ledger.Evaluate(ctx, function, args...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("read the answer of %s: %w", function, err)
	}
	return nil
}

// encode makes an answer of a value. The ledger's own bytes in it stay as they are: the escapes for
// HTML that json.Marshal puts in are not canonical.
func encode(v any) (*answer, error) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return &answer{body: bytes.TrimSuffix(body.Bytes(), []byte("\n"))}, err
}
