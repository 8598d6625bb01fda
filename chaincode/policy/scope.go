// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// appliesTo reports whether the head of a policy lets a principal and an action through. The
// schema has no ancestors beyond an entity's own parents, and no groups of actions.
func appliesTo(tree *ast.Policy, principal cedar.Entity, action cedar.EntityUID) bool {
	return principalIn(tree.Principal, principal) && actionIn(tree.Action, action)
}

func principalIn(scope ast.IsPrincipalScopeNode, p cedar.Entity) bool {
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return p.UID == s.Entity
	case ast.ScopeTypeIn:
		return p.UID == s.Entity || p.Parents.Contains(s.Entity)
	case ast.ScopeTypeIs:
		return p.UID.Type == s.Type
	case ast.ScopeTypeIsIn:
		return p.UID.Type == s.Type && (p.UID == s.Entity || p.Parents.Contains(s.Entity))
	default:
		return true
	}
}

func actionIn(scope ast.IsActionScopeNode, action cedar.EntityUID) bool {
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return action == s.Entity
	case ast.ScopeTypeIn:
		return action == s.Entity
	case ast.ScopeTypeInSet:
		return slices.Contains(s.Entities, action)
	default:
		return true
	}
}
