// SPDX-License-Identifier: Apache-2.0

// Package policy decides who may access a device, by Cedar policies.
//
// What comes in is policies, who asks, for what action and which device; what goes out is a
// decision with the policies that made it, sorted. Nothing is permitted unless a policy permits
// it, and a policy that forbids outweighs all that permit. The same input always gives the same
// decision: there is no clock, no randomness and no I/O, and map order never shows. The package
// keeps no state.
package policy

import (
	"fmt"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Policy is one parsed policy that fits the schema.
type Policy struct {
	cedar *cedar.Policy
}

// Text returns the policy as Cedar writes it.
func (p Policy) Text() string { return string(p.cedar.MarshalCedar()) }

// Parse reads exactly one policy of at most record.MaxPolicyText bytes and compares it with the
// Schema. The error is a *Fault, which says where the policy is wrong, unless there is no one
// place.
func Parse(text string) (Policy, error) {
	if len(text) > record.MaxPolicyText {
		return Policy{}, fmt.Errorf("the policy has %d bytes; at most %d are allowed", len(text), record.MaxPolicyText)
	}
	p, err := parseOne(text)
	if err != nil {
		return Policy{}, err
	}
	validator, err := newValidator()
	if err != nil {
		return Policy{}, err
	}
	tree := (*ast.Policy)(p.AST())
	if err := validator.Policy("", tree); err != nil {
		return Policy{}, locate(validator, text, tree, strings.Split(err.Error(), "\n"))
	}
	return Policy{cedar: p}, nil
}

// parseOne reads exactly one policy.
func parseOne(text string) (*cedar.Policy, error) {
	list, err := cedar.NewPolicyListFromBytes("", []byte(text))
	if err != nil {
		return nil, syntaxFault(err)
	}
	switch len(list) {
	case 0:
		return nil, fmt.Errorf("there is no policy in the text")
	case 1:
		return list[0], nil
	default:
		second := list[1].Position()
		return nil, &Fault{Line: second.Line, Column: second.Column, Message: "a second policy begins; put each under its own id"}
	}
}
