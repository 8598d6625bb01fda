// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"strconv"

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

// PolicyRevision returns one revision of a policy, or ErrNotFound.
func (c *Client) PolicyRevision(ctx context.Context, owner, id string, revision uint64) (record.Policy, error) {
	return evaluate[record.Policy](ctx, c, "policies:GetRevision", owner, id, strconv.FormatUint(revision, 10))
}

// PolicyHistory returns every revision of a policy, newest first.
func (c *Client) PolicyHistory(ctx context.Context, owner, id string) ([]record.Policy, error) {
	latest, err := c.Policy(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	revisions := []record.Policy{}
	for n := latest.Revision; n > 0; n-- {
		p, err := c.PolicyRevision(ctx, owner, id, n)
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
	return list[record.Policy](ctx, c, "policies:List", "policies", filter{"owner": owner})
}

// CheckPolicy has a policy checked as PutPolicy would, and returns it as Cedar writes it. Its fault
// is ErrInvalidArgument.
func (c *Client) CheckPolicy(ctx context.Context, text string) (string, error) {
	checked, err := evaluate[struct {
		Text string `json:"text"`
	}](ctx, c, "policies:Check", text)
	return checked.Text, err
}

// PolicySchema returns the Cedar schema that the ledger checks policies against.
func (c *Client) PolicySchema(ctx context.Context) (string, error) {
	answer, err := evaluate[struct {
		Schema string `json:"schema"`
	}](ctx, c, "policies:Schema")
	return answer.Schema, err
}
