// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"slices"
	"testing"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
	"github.com/stretchr/testify/require"
)

// counter counts what evaluating an expression really does: expressions visited, bytes compared,
// elements hashed, parents looked up. It is written from Cedar's evaluator and knows nothing of
// the prices.
type counter struct {
	env   eval.Env
	steps float64
}

// bytes counts a byte-wise walk.
func (c *counter) bytes(n int) { c.steps += float64(n) / 16 }

// value evaluates an expression without counting.
func (c *counter) value(t *testing.T, n ast.IsNode) types.Value {
	v, err := eval.Eval(n, c.env)
	require.NoError(t, err)
	return v
}

// run counts an expression with its operands, those that are evaluated only.
func (c *counter) run(t *testing.T, n ast.IsNode) {
	c.steps++
	switch v := n.(type) {
	case ast.NodeTypeAnd:
		c.run(t, v.Left)
		if c.value(t, v.Left) == types.Boolean(true) {
			c.run(t, v.Right)
		}
	case ast.NodeTypeOr:
		c.run(t, v.Left)
		if c.value(t, v.Left) == types.Boolean(false) {
			c.run(t, v.Right)
		}
	case ast.NodeTypeIfThenElse:
		c.run(t, v.If)
		if c.value(t, v.If) == types.Boolean(true) {
			c.run(t, v.Then)
		} else {
			c.run(t, v.Else)
		}
	default:
		for _, operand := range operandsOf(n) {
			c.run(t, operand)
		}
		c.operator(t, n)
	}
}

// operator counts an operator without its operands.
func (c *counter) operator(t *testing.T, n ast.IsNode) {
	switch v := n.(type) {
	case ast.NodeTypeLike:
		c.match(v.Value, string(c.value(t, v.Arg).(types.String)))
	case ast.NodeTypeEquals:
		c.equal(c.value(t, v.Left), c.value(t, v.Right))
	case ast.NodeTypeContains:
		c.contains(c.value(t, v.Left).(types.Set), c.value(t, v.Right))
	case ast.NodeTypeContainsAll:
		c.each(c.value(t, v.Left).(types.Set), c.value(t, v.Right).(types.Set))
	case ast.NodeTypeContainsAny:
		c.each(c.value(t, v.Left).(types.Set), c.value(t, v.Right).(types.Set))
	case ast.NodeTypeSet:
		if slices.ContainsFunc(v.Elements, varies) { // Cedar makes a set of constants when it parses
			c.steps += 3 * float64(len(v.Elements))
			for _, e := range v.Elements {
				c.bytes(2 * sizeOf(c.value(t, e)))
			}
		}
	case ast.NodeTypeIn:
		c.ancestors(c.value(t, v.Left), c.value(t, v.Right))
	case ast.NodeTypeIsIn:
		c.ancestors(c.value(t, v.Left), c.value(t, v.Entity))
	}
}

// varies reports whether an expression is no constant.
func varies(n ast.IsNode) bool {
	_, constant := n.(ast.NodeValue)
	return !constant
}

// match repeats Cedar's matcher and counts the bytes that it compares.
func (c *counter) match(p types.Pattern, text string) {
	starred, pieces := split(p)
	for i, piece := range pieces {
		c.steps++
		if piece == "" && starred[i] {
			return
		}
		last := i == len(pieces)-1
		at := 0
		for ; at <= len(text); at++ {
			n := common(piece, text[at:])
			c.bytes(n + 1)
			if n == len(piece) && (!last || at+n == len(text)) {
				break
			}
			if !starred[i] {
				return
			}
		}
		if at > len(text) {
			return
		}
		text = text[at+len(piece):]
	}
}

// split returns the pieces of a pattern and which of them may begin anywhere.
func split(p types.Pattern) (starred []bool, pieces []string) {
	quoted := string(p.MarshalCedar())
	current, star := "", false
	flush := func() {
		if star || current != "" {
			starred, pieces = append(starred, star), append(pieces, current)
		}
	}
	for _, b := range quoted[1 : len(quoted)-1] {
		if b == '*' {
			flush()
			current, star = "", true
			continue
		}
		current += string(b)
	}
	flush()
	return starred, pieces
}

// common returns the length of the common beginning of two texts.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// equal counts a comparison, contains a look into a set, each one for each element of another.
func (c *counter) equal(a, b types.Value) {
	left, isSet := a.(types.Set)
	right, both := b.(types.Set)
	if isSet && both {
		if left.Len() == right.Len() {
			c.each(right, left)
		}
		return
	}
	c.bytes(min(sizeOf(a), sizeOf(b)))
}

func (c *counter) contains(s types.Set, v types.Value) {
	c.bytes(sizeOf(v))
	c.steps++
}

func (c *counter) each(s, of types.Set) {
	for e := range of.All() {
		c.contains(s, e)
	}
}

// ancestors counts the parents that are looked up: two looks for each.
func (c *counter) ancestors(of, in types.Value) {
	if set, many := in.(types.Set); many {
		c.steps += 3 * float64(set.Len())
	}
	if e, found := c.env.Entities.Get(of.(types.EntityUID)); found {
		c.steps += 2 * float64(e.Parents.Len())
	}
}

// sizeOf is the size of a value in bytes, of which a hash reads each.
func sizeOf(v types.Value) int {
	switch v := v.(type) {
	case types.String:
		return len(v)
	case types.EntityUID:
		return len(v.Type) + len(v.ID)
	case types.Set:
		total := 0
		for e := range v.All() {
			total += sizeOf(e)
		}
		return total
	case types.Record:
		total := 0
		for k, e := range v.All() {
			total += len(k) + sizeOf(e)
		}
		return total
	default:
		return 8
	}
}

// operandsOf returns the operands of an expression.
func operandsOf(n ast.IsNode) []ast.IsNode {
	var found []ast.IsNode
	first := true
	ast.Inspect(ast.NewNode(n), func(child ast.IsNode) bool {
		if first {
			first = false
			return true
		}
		found = append(found, child)
		return false
	})
	return found
}

// stepsOf counts what evaluating a policy's conditions does.
func stepsOf(t *testing.T, text string, env eval.Env) float64 {
	list, err := cedar.NewPolicyListFromBytes("", []byte(text))
	require.NoError(t, err)
	c := counter{env: env}
	for _, condition := range list[0].AST().Conditions {
		c.run(t, condition.Body)
	}
	return c.steps
}
