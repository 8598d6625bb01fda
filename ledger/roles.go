// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/record"
)

// A RoleRequest grants or revokes a role inside our organisation, to identities that are named by
// exactly one of certificate hash, unit and attribute.
type RoleRequest struct {
	Role        record.Role       `json:"role"`
	Certificate string            `json:"certificate,omitempty"` // SHA-256 of its DER, hex
	Unit        string            `json:"unit,omitempty"`
	Attribute   *record.Attribute `json:"attribute,omitempty"`
}

// Self is how the contracts see us.
type Self struct {
	MSP         string            `json:"msp"`
	Identity    string            `json:"identity"`
	Certificate string            `json:"certificate"`
	Units       []string          `json:"units"`
	Attributes  map[string]string `json:"attributes"`
	Roles       []record.Role     `json:"roles"`
}

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
	return list[record.Grant](ctx, c, "roles:List", "grants", filter{"msp": msp, "role": string(role)})
}

// WhoAmI returns how the contracts see us: what a grant can name, and what was granted.
func (c *Client) WhoAmI(ctx context.Context) (Self, error) {
	return evaluate[Self](ctx, c, "roles:WhoAmI")
}
