// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

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

// Anchor returns the ledger's entry for a batch, or ErrNotFound.
func (c *Client) Anchor(ctx context.Context, stream name.Name, number uint64) (record.AnchorEntry, error) {
	return evaluate[record.AnchorEntry](ctx, c, "anchors:Get", stream.String(), strconv.FormatUint(number, 10))
}

// Anchors returns the anchors of a stream from a number on, at most limit of them.
func (c *Client) Anchors(ctx context.Context, stream name.Name, from uint64, limit int) ([]record.AnchorEntry, error) {
	out := []record.AnchorEntry{}
	for len(out) < limit {
		page, err := query[call.AnchorPage](ctx, c, "anchors:List", call.AnchorRun{
			Stream: stream, From: from, PageSize: min(limit-len(out), pageSize),
		})
		if err != nil {
			return nil, err
		}
		out = append(out, page.Anchors...)
		if from = page.Next; from == 0 {
			break
		}
	}
	return out, nil
}

// AnchorsOfDay returns the anchors whose batches began on a day, UTC, by their bridges' clocks: of
// one stream, or of all for the zero name.
func (c *Client) AnchorsOfDay(ctx context.Context, day time.Time, stream name.Name) ([]record.AnchorEntry, error) {
	return list[record.AnchorEntry](ctx, c, "anchors:ListByDay", "anchors", func(p call.Page) any {
		return call.AnchorDay{Day: day.UTC().Format(time.DateOnly), Stream: stream, Page: p}
	})
}

// Inclusion is the ledger's answer on whether a reading is in an anchored batch, and whose word it
// is.
type Inclusion = call.Inclusion

// VerifyInclusion asks whether a reading is in an anchored batch. proof is a receipt, or the
// inclusion proof in it.
func (c *Client) VerifyInclusion(ctx context.Context, stream name.Name, number uint64, reading, proof []byte) (Inclusion, error) {
	text := base64.RawURLEncoding.EncodeToString
	return evaluate[Inclusion](ctx, c, "anchors:VerifyInclusion", stream.String(), strconv.FormatUint(number, 10), text(reading), text(proof))
}
