// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"strconv"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// PutPolicy puts a new revision of a Cedar policy over our organisation's devices.
func (c *Client) PutPolicy(ctx context.Context, id, text string) (record.Policy, error) {
	return transact[record.Policy](ctx, c, "policies:Put", call.PolicyText{ID: id, Text: text})
}

// RevokePolicy revokes a policy; its revisions are kept.
func (c *Client) RevokePolicy(ctx context.Context, id, reason string) (record.Policy, error) {
	return transact[record.Policy](ctx, c, "policies:Revoke", call.PolicyRevocation{ID: id, Reason: reason})
}

// Policy returns the latest revision of a policy, or ErrNotFound.
func (c *Client) Policy(ctx context.Context, policy name.Name) (record.Policy, error) {
	return evaluate[record.Policy](ctx, c, "policies:Get", policy.String())
}

// PolicyRevision returns one revision of a policy, or ErrNotFound.
func (c *Client) PolicyRevision(ctx context.Context, policy name.Name, revision uint64) (record.Policy, error) {
	return evaluate[record.Policy](ctx, c, "policies:GetRevision", policy.String(), strconv.FormatUint(revision, 10))
}

// PolicyHistory returns every revision of a policy, newest first.
func (c *Client) PolicyHistory(ctx context.Context, policy name.Name) ([]record.Policy, error) {
	latest, err := c.Policy(ctx, policy)
	if err != nil {
		return nil, err
	}
	revisions := []record.Policy{}
	for n := latest.Revision; n > 0; n-- {
		p, err := c.PolicyRevision(ctx, policy, n)
		if err != nil {
			return nil, err
		}
		revisions = append(revisions, p)
	}
	return revisions, nil
}

// Policies returns the latest revisions of the policies of an organisation, of all when owner is
// empty.
func (c *Client) Policies(ctx context.Context, owner string) ([]record.Policy, error) {
	return list[record.Policy](ctx, c, "policies:List", "policies", func(p call.Page) any {
		return call.OfOwner{Owner: owner, Page: p}
	})
}

// CheckPolicy has a policy checked as PutPolicy would, and returns it as Cedar writes it, with what it
// costs and what may surprise in it. Its fault is ErrInvalidArgument.
func (c *Client) CheckPolicy(ctx context.Context, text string) (call.CheckedPolicy, error) {
	return evaluate[call.CheckedPolicy](ctx, c, "policies:Check", text)
}

// PolicySchema returns the Cedar schema that the ledger checks policies against.
func (c *Client) PolicySchema(ctx context.Context) (string, error) {
	answer, err := evaluate[call.PolicySchema](ctx, c, "policies:Schema")
	return answer.Schema, err
}
