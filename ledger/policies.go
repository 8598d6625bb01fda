// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/record"
)

// PutPolicy puts a new revision of a Cedar policy over our organisation's devices.
func (c *Client) PutPolicy(ctx context.Context, id, text string) (record.Policy, error) {
	return transact[record.Policy](ctx, c, "policies:Put", map[string]string{"id": id, "text": text})
}

// RevokePolicy revokes a policy; its revisions are kept.
func (c *Client) RevokePolicy(ctx context.Context, id, reason string) (record.Policy, error) {
	return transact[record.Policy](ctx, c, "policies:Revoke", map[string]string{"id": id, "reason": reason})
}

// Policy returns the latest revision of a policy, or ErrNotFound.
func (c *Client) Policy(ctx context.Context, owner, id string) (record.Policy, error) {
	return evaluate[record.Policy](ctx, c, "policies:Get", owner, id)
}

// Policies returns the latest revisions of the policies of an organisation, of all when owner is
// empty.
func (c *Client) Policies(ctx context.Context, owner string) ([]record.Policy, error) {
	return all(ctx, func(ctx context.Context, bookmark string) ([]record.Policy, string, error) {
		page, err := query[struct {
			Policies []record.Policy `json:"policies"`
			Bookmark string          `json:"bookmark"`
		}](ctx, c, "policies:List", struct {
			Owner string `json:"owner,omitempty"`
			pageRequest
		}{owner, pageOf(bookmark)})
		return page.Policies, page.Bookmark, err
	})
}

// Decide asks whether we, or a device, may do something; nothing is recorded.
func (c *Client) Decide(ctx context.Context, q record.AccessQuery) (record.Decision, error) {
	return query[record.Decision](ctx, c, "access:Decide", q)
}

// RequestAccess decides and puts the decision on record. ttl is in milliseconds, 0 for the
// chaincode's default.
func (c *Client) RequestAccess(ctx context.Context, q record.AccessQuery, ttl int64) (record.Access, error) {
	return transact[record.Access](ctx, c, "access:Request", struct {
		record.AccessQuery
		TTL int64 `json:"ttl,omitempty"`
	}{q, ttl})
}
