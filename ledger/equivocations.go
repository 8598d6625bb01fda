// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// An Equivocation is evidence that a stream stands for something else than what is on the ledger: the
// other anchor, which only the stream's own bridge can state, or a receipt that the stream signed.
type Equivocation = call.Equivocation

// ReportEquivocation records evidence and announces it. The same evidence again is a success, and
// evidence that contradicts nothing on the ledger is ErrConflict.
func (c *Client) ReportEquivocation(ctx context.Context, e Equivocation) (record.EquivocationReport, error) {
	return transact[record.EquivocationReport](ctx, c, "anchors:ReportEquivocation", e)
}

// Equivocations returns the evidence against a stream, or against every stream for the zero name.
func (c *Client) Equivocations(ctx context.Context, stream name.Name) ([]record.EquivocationReport, error) {
	return list[record.EquivocationReport](ctx, c, "anchors:ListEquivocations", "equivocations", func(p call.Page) any {
		return call.OfStream{Stream: stream, Page: p}
	})
}
