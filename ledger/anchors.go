// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
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
func (c *Client) Anchor(ctx context.Context, stream string, number uint64) (record.AnchorEntry, error) {
	return evaluate[record.AnchorEntry](ctx, c, "anchors:Get", stream, strconv.FormatUint(number, 10))
}

// Anchors returns the anchors of a stream from a number on, at most limit of them.
func (c *Client) Anchors(ctx context.Context, stream string, from uint64, limit int) ([]record.AnchorEntry, error) {
	out := []record.AnchorEntry{}
	for len(out) < limit {
		page, err := query[struct {
			Anchors []record.AnchorEntry `json:"anchors"`
			Next    uint64               `json:"next"` // 0 at the end
		}](ctx, c, "anchors:List", map[string]any{
			"stream": stream, "from": from, "pageSize": min(limit-len(out), pageSize),
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
// one stream, or of all when it is empty.
func (c *Client) AnchorsOfDay(ctx context.Context, day time.Time, stream string) ([]record.AnchorEntry, error) {
	return list[record.AnchorEntry](ctx, c, "anchors:ListByDay", "anchors",
		filter{"day": day.UTC().Format(time.DateOnly), "stream": stream})
}

// Inclusion is the ledger's answer on whether a reading is in an anchored batch.
type Inclusion struct {
	Stream string `json:"stream"`
	Number uint64 `json:"number"`
	Hash   string `json:"hash"` // of the anchor
	TxID   string `json:"txId"` // of the transaction that anchored
	// Included is true when the proof leads from the reading to the anchored root; Reason says
	// why not.
	Included bool   `json:"included"`
	Reason   string `json:"reason,omitempty"`
	// Device, Sequence and DeviceTime are what the reading says of itself.
	Device     string `json:"device"`
	Sequence   uint64 `json:"sequence"`
	DeviceTime int64  `json:"deviceTime"`
	// Signed is true when a key that the ledger has of this device, by id Key, made the
	// reading's signature.
	Signed bool   `json:"signed"`
	Key    string `json:"key,omitempty"`
}

// VerifyInclusion asks whether a reading is in an anchored batch. proof is a receipt, or the
// inclusion proof in it.
func (c *Client) VerifyInclusion(ctx context.Context, stream string, number uint64, reading, proof []byte) (Inclusion, error) {
	text := base64.RawURLEncoding.EncodeToString
	return evaluate[Inclusion](ctx, c, "anchors:VerifyInclusion", stream, strconv.FormatUint(number, 10), text(reading), text(proof))
}
