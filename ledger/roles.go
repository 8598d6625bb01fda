// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

type (
	// A RoleRequest grants or revokes a role inside our organisation, to identities that are named by
	// exactly one of certificate hash, unit and attribute.
	RoleRequest = call.Role
	// Self is how the contracts see us.
	Self = call.Self
)

// GrantRole grants a role. Granting it again is a success.
func (c *Client) GrantRole(ctx context.Context, r RoleRequest) (record.Grant, error) {
	return transact[record.Grant](ctx, c, "roles:Grant", r)
}

// RevokeRole takes a role back.
func (c *Client) RevokeRole(ctx context.Context, r RoleRequest) (record.Grant, error) {
	return transact[record.Grant](ctx, c, "roles:Revoke", r)
}

// Grants returns the grants of an organisation, ours when msp is empty, and of one role unless role
// is empty.
func (c *Client) Grants(ctx context.Context, msp string, role record.Role) ([]record.Grant, error) {
	return list[record.Grant](ctx, c, "roles:List", "grants", func(p call.Page) any {
		return call.GrantList{MSP: msp, Role: role, Page: p}
	})
}

// WhoAmI returns how the contracts see us: what a grant can name, and what was granted.
func (c *Client) WhoAmI(ctx context.Context) (Self, error) {
	return evaluate[Self](ctx, c, "roles:WhoAmI")
}
