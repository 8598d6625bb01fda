// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"strconv"

	"github.com/anchorline/anchorline/chaincode/record"
)

// StreamRegistration opens a stream: key and proof of possession in base64url.
type StreamRegistration struct {
	ID    string `json:"id"`
	Key   string `json:"key"`
	Proof string `json:"proof"`
}

// OpenStream opens a stream that our identity, and nobody else, may write. The same request
// again is a success.
func (c *Client) OpenStream(ctx context.Context, r StreamRegistration) (record.Stream, error) {
	return transact[record.Stream](ctx, c, "anchors:OpenStream", r)
}

// Stream returns a stream, or ErrNotFound.
func (c *Client) Stream(ctx context.Context, id string) (record.Stream, error) {
	return evaluate[record.Stream](ctx, c, "anchors:GetStream", id)
}

// Head returns the last anchor's number and hash; number 0 before the first.
func (c *Client) Head(ctx context.Context, stream string) (record.Head, error) {
	return evaluate[record.Head](ctx, c, "anchors:Head", stream)
}

// Anchor returns the ledger's entry for a batch, or ErrNotFound.
func (c *Client) Anchor(ctx context.Context, stream string, number uint64) (record.AnchorEntry, error) {
	return evaluate[record.AnchorEntry](ctx, c, "anchors:Get", stream, strconv.FormatUint(number, 10))
}

// A PreparedAnchor is an endorsed anchor transaction and what the ledger will hold after it.
// When Entry.TxID is not TxID the anchor was on the ledger already and there is nothing to
// submit.
type PreparedAnchor struct {
	Prepared
	Entry record.AnchorEntry
}

// PrepareAnchor has the anchor of a batch endorsed. anchor is its canonical bytes.
func (c *Client) PrepareAnchor(ctx context.Context, anchor []byte) (*PreparedAnchor, error) {
	const function = "anchors:Anchor"
	p, err := c.Prepare(ctx, function, string(anchor))
	if err != nil {
		return nil, err
	}
	out := &PreparedAnchor{Prepared: *p}
	return out, decode(function, p.Result, &out.Entry)
}

// Streams returns every stream of the ledger.
func (c *Client) Streams(ctx context.Context) ([]record.Stream, error) {
	return all(ctx, func(ctx context.Context, bookmark string) ([]record.Stream, string, error) {
		page, err := query[struct {
			Streams  []record.Stream `json:"streams"`
			Bookmark string          `json:"bookmark"`
		}](ctx, c, "anchors:ListStreams", pageOf(bookmark))
		return page.Streams, page.Bookmark, err
	})
}

// Anchors returns at most size anchors of a stream, from a number on.
func (c *Client) Anchors(ctx context.Context, stream string, from uint64, size int) ([]record.AnchorEntry, error) {
	page, err := query[struct {
		Anchors []record.AnchorEntry `json:"anchors"`
	}](ctx, c, "anchors:List", struct {
		Stream   string `json:"stream"`
		From     uint64 `json:"from,omitempty"`
		PageSize int    `json:"pageSize,omitempty"`
	}{stream, from, size})
	return page.Anchors, err
}
