// SPDX-License-Identifier: Apache-2.0

package policy

import "github.com/cedar-policy/cedar-go/x/exp/ast"

// children returns the operands of an expression, in the order of the text.
func children(n ast.IsNode) []ast.IsNode {
	var found []ast.IsNode
	ast.Inspect(ast.NewNode(n), func(child ast.IsNode) bool {
		if found == nil {
			found = []ast.IsNode{} // the expression itself comes first
			return true
		}
		found = append(found, child)
		return false
	})
	return found
}
