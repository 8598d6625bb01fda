// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// A Consortium is on what terms the organisations sign each other's changes.
type Consortium = call.Consortium

// ApproveTerms approves terms for our organisation. They are in force when all that they name, and
// all of the terms before, approved the same.
func (c *Client) ApproveTerms(ctx context.Context, t record.Terms) (Consortium, error) {
	return transact[Consortium](ctx, c, "consortium:Approve", t)
}

// Consortium returns the terms in force and what each organisation approves.
func (c *Client) Consortium(ctx context.Context) (Consortium, error) {
	return evaluate[Consortium](ctx, c, "consortium:Get")
}
