// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"time"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// Decide asks whether we, or a device, may do something; nothing is recorded.
func (c *Client) Decide(ctx context.Context, q record.AccessQuery) (record.Decision, error) {
	return query[record.Decision](ctx, c, "access:Decide", q)
}

// RequestAccess decides and puts the decision on record, a refusal too. It holds for ttl, for the
// chaincode's default when that is 0. Each call records another decision.
func (c *Client) RequestAccess(ctx context.Context, q record.AccessQuery, ttl time.Duration) (record.Access, error) {
	return transact[record.Access](ctx, c, "access:Request", call.AccessRequest{AccessQuestion: call.AccessQuestion{AccessQuery: q}, TTL: ttl.Milliseconds()})
}

// DecideQuestion asks what a device signed, which anybody's bridge may carry; nothing is recorded.
func (c *Client) DecideQuestion(ctx context.Context, q call.AccessQuestion) (record.Decision, error) {
	return query[record.Decision](ctx, c, "access:Decide", q)
}

// RequestQuestion is RequestAccess for a device that signed the question. A question is answered on the
// record once; after that it is ErrConflict.
func (c *Client) RequestQuestion(ctx context.Context, r call.AccessRequest) (record.Access, error) {
	return transact[record.Access](ctx, c, "access:Request", r)
}

// Access returns a recorded decision by the id of the transaction that recorded it, or
// ErrNotFound.
func (c *Client) Access(ctx context.Context, id string) (record.Access, error) {
	return evaluate[record.Access](ctx, c, "access:Get", id)
}

// Accesses returns every recorded decision.
func (c *Client) Accesses(ctx context.Context) ([]record.Access, error) {
	return list[record.Access](ctx, c, "access:List", "decisions", func(p call.Page) any { return p })
}
