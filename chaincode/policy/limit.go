// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"

	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// Limits of a policy's form. They keep Cedar's validator and the making of sets from taking long:
// the time of both grows faster than the text.
const (
	// MaxDepth is the number of expressions that may stand inside each other. A chain of one
	// operator counts once.
	MaxDepth = 32
	// MaxGuards is the number of has and hasTag in a policy, multiplied with the number of its
	// conditions: whens, unlesses, and operands of && and if.
	MaxGuards = 1_000
	// MaxElements is the number of elements of a set.
	MaxElements = 256
)

// checkForm refuses a policy beyond the limits of form.
func checkForm(tokens []token, tree *ast.Policy) error {
	// The && between parts is not in any of them, so that each part counts.
	var f form
	for _, p := range partsOf(tokens, tree) {
		f.conditions++
		if message := f.check(p.body, 1); message != "" {
			return p.fault(message)
		}
	}
	return nil
}

// form counts what Cedar's validator takes long for: it keeps all guards for each condition.
type form struct{ guards, conditions int }

// check returns what is wrong with the form of an expression at a depth, or nothing.
func (f *form) check(n ast.IsNode, depth int) string {
	operands := children(n)
	switch n.(type) {
	case ast.NodeTypeHas, ast.NodeTypeHasTag:
		f.guards++
	case ast.NodeTypeAnd, ast.NodeTypeIfThenElse:
		f.conditions++
	case ast.NodeTypeSet:
		if len(operands) > MaxElements {
			return fmt.Sprintf("a set has %d elements; at most %d are allowed", len(operands), MaxElements)
		}
		if nestsSet(operands) {
			return "a set holds another set; nothing in the schema does, so write one set of plain values"
		}
	}
	if f.guards*f.conditions > MaxGuards {
		return fmt.Sprintf("the policy has %d has and hasTag among %d conditions, too many to check; split it into several policies", f.guards, f.conditions)
	}
	if depth > MaxDepth {
		return fmt.Sprintf("more than %d expressions stand inside each other; split the condition", MaxDepth)
	}
	for i, operand := range operands {
		inner := depth + 1
		if i == 0 && chains(n, operand) {
			inner = depth
		}
		if message := f.check(operand, inner); message != "" {
			return message
		}
	}
	return ""
}

// nestsSet reports whether a set is made inside one of these expressions.
func nestsSet(nodes []ast.IsNode) bool {
	nested := false
	for _, n := range nodes {
		ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
			_, set := n.(ast.NodeTypeSet)
			nested = nested || set
			return !nested
		})
	}
	return nested
}

// chains reports whether an operator and its left operand are one chain, as a && b && c is.
func chains(n, left ast.IsNode) bool {
	switch n.(type) {
	case ast.NodeTypeAnd:
		_, same := left.(ast.NodeTypeAnd)
		return same
	case ast.NodeTypeOr:
		_, same := left.(ast.NodeTypeOr)
		return same
	default:
		return false
	}
}

// checkCost refuses a policy that costs more than MaxCost, where its most costly condition is.
func checkCost(tokens []token, p Policy) error {
	if p.Cost() <= MaxCost {
		return nil
	}
	var worst part
	highest := 0
	for _, candidate := range partsOf(tokens, p.tree()) {
		if steps := cost(candidate.body); steps > highest {
			worst, highest = candidate, steps
		}
	}
	if highest == 0 || highest < p.Cost()/10 {
		return fmt.Errorf("the policy takes up to %d steps for a device, more than %d, and no one condition is to blame; split it into several policies", p.Cost(), MaxCost)
	}
	return worst.fault(fmt.Sprintf("the policy takes up to %d steps for a device, more than %d; the condition here takes %d of them: %s",
		p.Cost(), MaxCost, highest, advice(worst.body)))
}

// advice tells what to do about the most costly operator in an expression.
func advice(n ast.IsNode) string {
	switch costliest(n).(type) {
	case ast.NodeTypeLike:
		return "a text is compared with each piece between two * of a like; make the pieces shorter or use =="
	case ast.NodeTypeSet, ast.NodeTypeRecord:
		return "a set or record is made anew for each device; write constants into it only"
	case ast.NodeTypeContains, ast.NodeTypeContainsAll, ast.NodeTypeContainsAny, ast.NodeTypeEquals, ast.NodeTypeNotEquals:
		return "large values are compared; use smaller sets"
	case ast.NodeTypeIn, ast.NodeTypeIsIn:
		return "all parents of the principal are looked through; name its organisation or unit once, in the policy's head"
	default:
		return "it has too many operators; split it into several policies"
	}
}

// costliest returns the operator that costs most by itself.
func costliest(n ast.IsNode) ast.IsNode {
	most := n
	ast.Inspect(ast.NewNode(n), func(candidate ast.IsNode) bool {
		if own(candidate) > own(most) {
			most = candidate
		}
		return true
	})
	return most
}
