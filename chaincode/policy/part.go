// SPDX-License-Identifier: Apache-2.0

package policy

import "github.com/cedar-policy/cedar-go/x/exp/ast"

// part is one condition of a policy: an operand of the outermost && of a when or unless, and
// where it begins.
type part struct {
	at   token
	body ast.IsNode
	// clause counts the whens and unlesses of the policy from 0.
	clause int
	// when is false in an unless.
	when bool
}

// partsOf returns the conditions of a policy in the order of its text.
func partsOf(tokens []token, tree *ast.Policy) []part {
	clauses := clausesOf(tokens)
	var parts []part
	for i, condition := range tree.Conditions {
		if i >= len(clauses) {
			break
		}
		starts, chain := clauses[i].operands(), conjuncts(condition.Body)
		for k, body := range chain {
			p := part{at: clauses[i].keyword, body: body, clause: i, when: condition.Condition == ast.ConditionWhen}
			if len(starts) == len(chain) {
				p.at = starts[k]
			}
			parts = append(parts, p)
		}
	}
	return parts
}

// fault makes a Fault of what is wrong with the part.
func (p part) fault(message string) *Fault {
	return &Fault{Line: p.at.line, Column: p.at.column, Message: message}
}
