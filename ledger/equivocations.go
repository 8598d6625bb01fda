// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/record"
)

// An Equivocation is evidence that a stream stands for another anchor than the one on the ledger:
// the other anchor, which only the stream's own bridge can state, or a receipt that the stream
// signed over it.
type Equivocation struct {
	// Anchor is the other anchor in canonical form.
	Anchor string `json:"anchor,omitempty"`
	// Receipt is the receipt, in base64url.
	Receipt string `json:"receipt,omitempty"`
	// Root is the root to which reading and receipt lead, in hexadecimal.
	Root string `json:"root,omitempty"`
}

// ReportEquivocation records evidence and announces it. The same evidence again is a success, and
// evidence that contradicts nothing on the ledger is ErrConflict.
func (c *Client) ReportEquivocation(ctx context.Context, e Equivocation) (record.EquivocationReport, error) {
	return transact[record.EquivocationReport](ctx, c, "anchors:ReportEquivocation", e)
}

// Equivocations returns the evidence against a stream, or against every stream when it is empty.
func (c *Client) Equivocations(ctx context.Context, stream string) ([]record.EquivocationReport, error) {
	return list[record.EquivocationReport](ctx, c, "anchors:ListEquivocations", "equivocations", filter{"stream": stream})
}
