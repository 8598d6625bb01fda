// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/hex"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/receipt"
)

// A verification is what there is to say about a statement. The pins are in the form that
// "anchorline audit verify --pins" reads, so that the same can be done again offline.
type verification struct {
	*audit.Report
	Statement *said            `json:"statement,omitempty"` // unless it cannot be read
	Pins      audit.Pins       `json:"pins"`                // what the ledger says of device and stream
	Evidence  *online.Evidence `json:"evidence,omitempty"`  // what it holds of the batch
}

// said is what a statement says, whether it is proven or not.
type said struct {
	Device      string `json:"device"`
	Sequence    uint64 `json:"sequence"`
	Time        int64  `json:"time"` // device clock, ms
	ContentType string `json:"contentType"`
	Payload     []byte `json:"payload"` // base64
	Stream      string `json:"stream"`
	Number      uint64 `json:"number"` // of the batch
	Index       uint64 `json:"index"`  // in the batch, from 0
	Ledger      string `json:"ledger"`
	Transaction string `json:"transaction"` // hex
	Block       uint64 `json:"block"`
	LedgerTime  int64  `json:"ledgerTime"` // ms
}

// statement is a Transparent Statement (RFC 9943).
var statement = accepted{limit: receipt.MaxStatementSize, types: []string{"application/cose", "application/octet-stream"}}

// verify reports on a statement with what the ledger has of its device, its stream and its batch.
// That a statement is not proven is an answer like another.
func (s *service) verify(ctx context.Context, p *params) (*answer, error) {
	pins, err := online.Pins(ctx, s.ledger, s.name, p.body)
	if err != nil {
		return nil, err
	}
	v := verification{Report: audit.Verify(p.body, pins), Pins: pins}
	if v.Receipt != nil {
		v.Statement = whatItSays(v.Reading, v.Receipt)
	}
	if v.Evidence, err = online.Compare(ctx, s.ledger, v.Report); err != nil {
		return nil, err
	}
	return encode(v)
}

// whatItSays names the content formats that docs/formats.md does; another stays a number.
func whatItSays(r *reading.Reading, rec *receipt.Receipt) *said {
	c, a := r.Claims(), rec.Claims
	media := string(r.ContentType())
	switch media {
	case "110":
		media = "application/senml+json"
	case "112":
		media = "application/senml+cbor"
	}
	return &said{
		Device: c.Device, Sequence: c.Sequence, Time: c.Time, ContentType: media, Payload: r.Payload(),
		Stream: a.Stream, Number: a.Number, Index: rec.Index, Ledger: a.Ledger,
		Transaction: hex.EncodeToString(a.Transaction[:]), Block: a.Block, LedgerTime: a.LedgerTime,
	}
}
