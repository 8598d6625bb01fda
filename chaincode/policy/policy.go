// SPDX-License-Identifier: Apache-2.0

// Package policy decides who may access a device, by Cedar policies.
//
// What comes in is policies, who asks, for what action and which device; what goes out is a
// decision with the policies that made it, sorted. Nothing is permitted unless a policy permits
// it, and a policy that forbids outweighs all that permit. The same input always gives the same
// decision: there is no clock, no randomness and no I/O, and map order never shows.
//
// Every policy has a cost, the number of steps that evaluating it takes at most for one device,
// whatever the data. [Parse] refuses a policy beyond [MaxCost], and [Set.Affordable] a decision
// beyond [Budget]. The package keeps no state; a [Cache] belongs to whoever makes one.
package policy

import (
	"fmt"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Policy is one parsed policy. It is immutable and safe for concurrent use.
type Policy struct {
	cedar *cedar.Policy
	// body, head and fullHead are the costs of the conditions and of the scope, after and before
	// [Set.For].
	body, head, fullHead int
}

// Text returns the policy as Cedar writes it.
func (p Policy) Text() string { return string(p.cedar.MarshalCedar()) }

// Cost returns the number of steps that evaluating the policy for one device takes at most. It
// depends on the text only.
func (p Policy) Cost() int { return p.body + p.fullHead }

// narrowedCost is the cost of a policy whose principal and action are known to apply.
func (p Policy) narrowedCost() int { return p.body + p.head }

// tree is the policy's syntax.
func (p Policy) tree() *ast.Policy { return (*ast.Policy)(p.cedar.AST()) }

// Parse reads exactly one policy of at most record.MaxPolicyText bytes, compares it with the
// Schema, and refuses one that costs more than [MaxCost] or is beyond [MaxDepth], [MaxGuards] or
// [MaxElements]. The error is a *Fault, which says where the policy is wrong, unless there is no
// one place.
func Parse(text string) (Policy, error) {
	if len(text) > record.MaxPolicyText {
		return Policy{}, fmt.Errorf("the policy has %d bytes; at most %d are allowed", len(text), record.MaxPolicyText)
	}
	p, err := parseOne(text)
	if err != nil {
		return Policy{}, err
	}
	tokens, tree := scan(text), p.tree()
	if err := checkForm(tokens, tree); err != nil {
		return Policy{}, err
	}
	if err := checkCost(tokens, p); err != nil {
		return Policy{}, err
	}
	validator, err := newValidator()
	if err != nil {
		return Policy{}, err
	}
	if err := validator.Policy("", tree); err != nil {
		return Policy{}, locate(validator, tokens, tree, strings.Split(err.Error(), "\n"))
	}
	return p, nil
}

// parseOne reads exactly one policy and prices it.
func parseOne(text string) (Policy, error) {
	list, err := cedar.NewPolicyListFromBytes("", []byte(text))
	if err != nil {
		return Policy{}, syntaxFault(err)
	}
	switch len(list) {
	case 0:
		return Policy{}, fmt.Errorf("there is no policy in the text")
	case 1:
		p := Policy{cedar: list[0]}
		p.body = bodyCost(p.tree())
		p.head, p.fullHead = scopeCost(p.tree())
		return p, nil
	default:
		second := list[1].Position()
		return Policy{}, &Fault{Line: second.Line, Column: second.Column, Message: "a second policy begins; put each under its own id"}
	}
}
