// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/anchorline/anchorline/chaincode/record"
)

// MaxCost is the number of steps that one policy may take for one device. [Budget] lets a decision
// by one policy of this cost be about more than a thousand devices, and one by record.MaxPolicies
// of them about nine.
const MaxCost = 5_000

// Sizes of what a decision puts before a policy: see [User] and record.CheckAttributes.
const (
	// longest is the size in bytes of the longest text that an attribute or a tag holds.
	longest = record.MaxText
	// largest is the size in bytes of an entity or of the context, taken as a value.
	largest = 4 * longest
	// scalar is the size in bytes of a number, a time or a truth value.
	scalar = 8
	// roleCount is at least the number of roles that there are.
	roleCount = 8
)

// Prices in steps. A step is about what comparing bytesPerStep bytes one by one takes. The prices
// come from BenchmarkStep, which shows for each way to keep the evaluator busy how long a step is:
// the dearest ways should need about the same time for it.
const (
	bytesPerStep  = 16
	policyPrice   = 20  // a policy that permits or forbids is put into the answer
	failurePrice  = 100 // an overflow makes an error with a text
	accessPrice   = 3   // an entity is looked up, and an attribute in it
	tagPrice      = 5
	parentPrice   = 3  // a parent of an entity is looked up
	memberPrice   = 9  // an element is put into a set
	fieldPrice    = 15 // a field is put into a record
	fieldCompared = 4
	callPrice     = 4
)

// cost is the number of steps that evaluating an expression takes at most, whatever the data. All
// branches count, also those that && and || and if pass over.
func cost(n ast.IsNode) int {
	steps := own(n)
	for _, child := range children(n) {
		steps += cost(child)
	}
	return steps
}

// own is the cost of an expression without its operands.
func own(n ast.IsNode) int {
	switch v := n.(type) {
	case ast.NodeTypeLike:
		return 1 + likeCost(v)
	case ast.NodeTypeEquals:
		return 1 + compareCost(v.Left, v.Right)
	case ast.NodeTypeNotEquals:
		return 1 + compareCost(v.Left, v.Right)
	case ast.NodeTypeContains:
		return 1 + hashCost(v.Right) + elements(v.Left)*probe(v.Left)
	case ast.NodeTypeContainsAll:
		return 1 + hashCost(v.Right) + elements(v.Left)*elements(v.Right)*probe(v.Left)
	case ast.NodeTypeContainsAny:
		return 1 + hashCost(v.Right) + elements(v.Left)*elements(v.Right)*probe(v.Left)
	case ast.NodeTypeSet:
		return setCost(v)
	case ast.NodeTypeRecord:
		return recordCost(v)
	case ast.NodeTypeAccess:
		return accessPrice + len(v.Value)/bytesPerStep
	case ast.NodeTypeHas:
		return accessPrice + len(v.Value)/bytesPerStep
	case ast.NodeTypeGetTag:
		return tagPrice + hashCost(v.Right)
	case ast.NodeTypeHasTag:
		return tagPrice + hashCost(v.Right)
	case ast.NodeTypeIn:
		return inCost(v.Left, v.Right)
	case ast.NodeTypeIsIn:
		return inCost(v.Left, v.Entity)
	case ast.NodeTypeExtensionCall:
		return callPrice + size(n)/bytesPerStep
	default:
		return 2
	}
}

// likeCost is the cost of a match. The matcher never goes back: each place in the text is
// compared with one piece of the pattern at most, byte by byte. What stands before the first
// wildcard is compared once.
func likeCost(n ast.NodeTypeLike) int {
	count, head, piece := pieces(n.Value)
	text := size(n.Arg)
	compared := piece*max(0, text-piece) + min(piece, text)*(min(piece, text)+1)/2
	return count + (head+text+compared)/bytesPerStep
}

// pieces returns the number of pieces between a pattern's wildcards, and at least the sizes in
// bytes of what stands before the first wildcard and of the longest piece after it.
func pieces(p types.Pattern) (count, head, piece int) {
	var inside int
	escaped := false
	for _, b := range p.MarshalCedar() {
		switch {
		case b == '*' && !escaped:
			count, inside = count+1, 0
			continue
		case b == '\\':
			escaped = !escaped
		default:
			escaped = false
		}
		inside++
		if count == 0 {
			head = inside
		} else {
			piece = max(piece, inside)
		}
	}
	return count + 1, head, piece
}

// compareCost is the cost of comparing two values. All hashes in a set may collide: its author
// chooses them.
func compareCost(left, right ast.IsNode) int {
	pairs := elements(left) * elements(right)
	return min(size(left), size(right))/bytesPerStep + pairs*max(probe(left), probe(right))
}

// hashCost is the cost of hashing a value.
func hashCost(n ast.IsNode) int { return size(n) / bytesPerStep }

// probe is the cost of comparing two elements of a set with the same hash.
func probe(n ast.IsNode) int { return 2 + fieldCompared*fields(n) }

// setCost is the cost of making a set. One of constants only is made when it is parsed.
func setCost(n ast.NodeTypeSet) int {
	if constant(n) {
		return 1
	}
	count := len(n.Elements)
	return 1 + memberPrice*count + 2*hashCost(n) + count*count/2*probe(n)
}

// recordCost is the cost of making a record.
func recordCost(n ast.NodeTypeRecord) int {
	if constant(n) {
		return 1
	}
	return 1 + fieldPrice*len(n.Elements) + 2*hashCost(n)
}

// inCost is the cost of looking for an entity's ancestors.
func inCost(left, right ast.IsNode) int {
	ancestors := 1 + MaxClaims + 1
	if v, variable := left.(ast.NodeTypeVariable); variable && (v.Name == "resource" || v.Name == "action") {
		ancestors = 2
	}
	return 1 + parentPrice*ancestors + memberPrice*elements(right) + hashCost(right)
}

// scopeCost is the cost of a policy's scope. The scope of the principal and of the action of a
// policy that [Set.For] lets through hold at the first look.
func scopeCost(p *ast.Policy) (narrowed, full int) {
	narrowed = 3 * accessPrice
	full = narrowed
	if set, many := p.Action.(ast.ScopeTypeInSet); many {
		narrowed += memberPrice * len(set.Entities)
		full = narrowed
	}
	switch p.Principal.(type) {
	case ast.ScopeTypeIn, ast.ScopeTypeIsIn:
		full += parentPrice * (1 + MaxClaims + 1)
	}
	return narrowed, full
}

// bodyCost is the cost of a policy's conditions and of putting it into the answer.
func bodyCost(p *ast.Policy) int {
	steps := policyPrice
	for _, c := range p.Conditions {
		steps += 2 + cost(c.Body)
	}
	if mayFail(p) {
		steps += failurePrice
	}
	return steps
}

// mayFail reports whether a policy that fits the schema calculates, so that it can overflow. The
// constants of extension types are checked when it is parsed.
func mayFail(p *ast.Policy) bool {
	fails := false
	for _, c := range p.Conditions {
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
			switch v := n.(type) {
			case ast.NodeTypeAdd, ast.NodeTypeSub, ast.NodeTypeMult, ast.NodeTypeNegate:
				fails = true
			case ast.NodeTypeExtensionCall:
				fails = fails || v.Name == "offset" || v.Name == "durationSince"
			}
			return !fails
		})
	}
	return fails
}

// size is at least the size in bytes of what an expression yields.
func size(n ast.IsNode) int {
	switch v := n.(type) {
	case ast.NodeValue:
		return valueSize(v.Value)
	case ast.NodeTypeVariable:
		return largest
	case ast.NodeTypeAccess:
		if _, variable := v.Arg.(ast.NodeTypeVariable); variable {
			return longest
		}
		return max(longest, size(v.Arg))
	case ast.NodeTypeGetTag:
		return longest
	case ast.NodeTypeSet, ast.NodeTypeRecord, ast.NodeTypeExtensionCall, ast.NodeTypeIfThenElse:
		total := keySize(n)
		for _, child := range children(n) {
			total += size(child)
		}
		return total
	default:
		return scalar
	}
}

// valueSize is the size in bytes of a constant.
func valueSize(v types.Value) int {
	switch v := v.(type) {
	case cedar.String:
		return len(v)
	case cedar.EntityUID:
		return len(v.Type) + len(v.ID)
	default:
		return scalar
	}
}

// keySize is the size in bytes of the names of a record's fields.
func keySize(n ast.IsNode) int {
	total := 0
	if r, is := n.(ast.NodeTypeRecord); is {
		for _, e := range r.Elements {
			total += len(e.Key)
		}
	}
	return total
}

// elements is at least the number of elements of all sets in what an expression yields.
func elements(n ast.IsNode) int {
	count := 1
	switch v := n.(type) {
	case ast.NodeTypeSet:
		count = max(1, len(v.Elements))
	case ast.NodeTypeRecord, ast.NodeTypeIfThenElse:
		for _, child := range children(n) {
			count += elements(child)
		}
	case ast.NodeTypeAccess:
		if _, variable := v.Arg.(ast.NodeTypeVariable); !variable || v.Value == "roles" {
			count = max(roleCount, elements(v.Arg))
		}
	}
	return count
}

// fields is the number of fields of all records in an expression.
func fields(n ast.IsNode) int {
	count := 0
	ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
		if r, is := n.(ast.NodeTypeRecord); is {
			count += len(r.Elements)
		}
		return true
	})
	return count
}

// constant reports whether Cedar evaluates an expression when it is parsed.
func constant(n ast.IsNode) bool {
	fixed := true
	ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
		switch n.(type) {
		case ast.NodeValue, ast.NodeTypeSet, ast.NodeTypeRecord, ast.NodeTypeExtensionCall:
		default:
			fixed = false
		}
		return fixed
	})
	return fixed
}
