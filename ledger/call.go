// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/chaincode/call"
)

// pageSize is how many records are asked for at once: far from any limit on messages, unless the
// records are unusually large.
const pageSize = 200

// transact makes a call that takes one request object and answers with one record.
func transact[T any](ctx context.Context, c *Client, function string, request any) (T, error) {
	var out T
	arg, err := json.Marshal(request)
	if err != nil {
		return out, fmt.Errorf("ledger: encode request of %s: %w", function, err)
	}
	result, _, err := c.Transact(ctx, function, string(arg))
	if err != nil {
		return out, err
	}
	return out, decode(function, result, &out)
}

// query evaluates a call that takes one request object.
func query[T any](ctx context.Context, c *Client, function string, request any) (T, error) {
	arg, err := json.Marshal(request)
	if err != nil {
		var none T
		return none, fmt.Errorf("ledger: encode request of %s: %w", function, err)
	}
	return evaluate[T](ctx, c, function, string(arg))
}

// evaluate asks for one record.
func evaluate[T any](ctx context.Context, c *Client, function string, args ...string) (T, error) {
	var out T
	result, err := c.Evaluate(ctx, function, args...)
	if err != nil {
		return out, err
	}
	return out, decode(function, result, &out)
}

// decode reads the chaincode's answer. It does not refuse unknown fields: a newer chaincode may
// say more.
func decode(function string, result []byte, v any) error {
	if err := json.Unmarshal(result, v); err != nil {
		return &Error{Step: "read answer of " + function, Kind: ErrChaincode, Err: err}
	}
	return nil
}

// list gathers the pages of a list: the records that its answers have under field. request makes the
// request of one page.
func list[T any](ctx context.Context, c *Client, function, field string, request func(call.Page) any) ([]T, error) {
	return walk[T](ctx, c, function, field, "bookmark", request)
}

// walk is list where the answer has what asks for the page after under the name next. A page that
// is too large to be sent is asked for again as a smaller one.
func walk[T any](ctx context.Context, c *Client, function, field, next string, request func(call.Page) any) ([]T, error) {
	out := []T{}
	for page := (call.Page{PageSize: pageSize}); ; {
		answer, err := query[map[string]json.RawMessage](ctx, c, function, request(page))
		if page.PageSize > 1 && errors.Is(err, ErrTooLarge) {
			page.PageSize /= 2
			continue
		}
		if err != nil {
			return nil, err
		}
		var records []T
		if err := decode(function, answer[field], &records); err != nil {
			return nil, err
		}
		out = append(out, records...)
		if err := decode(function, answer[next], &page.Bookmark); err != nil {
			return nil, err
		}
		if page.Bookmark == "" {
			return out, nil
		}
	}
}
