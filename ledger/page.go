// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/json"
	"fmt"
)

// pageSize is how many records are asked for at once: far from any limit on messages.
const pageSize = 200

// pageRequest is the part of a list's request that says which page.
type pageRequest struct {
	PageSize int    `json:"pageSize"`
	Bookmark string `json:"bookmark,omitempty"`
}

func pageOf(bookmark string) pageRequest { return pageRequest{PageSize: pageSize, Bookmark: bookmark} }

// all gathers the pages of a list.
func all[T any](ctx context.Context, next func(ctx context.Context, bookmark string) ([]T, string, error)) ([]T, error) {
	out, bookmark := []T{}, ""
	for {
		page, following, err := next(ctx, bookmark)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if bookmark = following; bookmark == "" {
			return out, nil
		}
	}
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

// rawJSON is an answer that is passed on as it is.
type rawJSON = json.RawMessage
