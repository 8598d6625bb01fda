// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// find returns the first of the tokens that follow each other like these.
func (l *linter) find(texts ...string) (token, bool) {
	for i := range l.tokens {
		if i+len(texts) <= len(l.tokens) && slices.EqualFunc(l.tokens[i:i+len(texts)], texts, func(t token, s string) bool { return t.text == s }) {
			return l.tokens[i], true
		}
	}
	return l.tokens[0], false
}

// nth returns the n-th call of a method, counted from 1.
func (l *linter) nth(method string, n int) (token, bool) {
	for i := 1; i+1 < len(l.tokens); i++ {
		if l.tokens[i].text == method && l.tokens[i-1].text == "." && l.tokens[i+1].text == "(" {
			if n--; n == 0 {
				return l.tokens[i], true
			}
		}
	}
	return token{}, false
}

// index returns where a token stands.
func (l *linter) index(t token) int { return slices.Index(l.tokens, t) }

// any reports whether an expression in the conditions matches.
func (l *linter) any(matches func(ast.IsNode) bool) bool {
	found := false
	for _, p := range l.parts {
		ast.Inspect(ast.NewNode(p.body), func(n ast.IsNode) bool {
			found = found || matches(n)
			return !found
		})
	}
	return found
}

// mentions reports whether the conditions speak of principal, action, resource or context.
func (l *linter) mentions(variable string) bool {
	return l.any(func(n ast.IsNode) bool { return isVariable(n, variable) })
}

// isVariable reports whether an expression is principal, action, resource or context.
func isVariable(n ast.IsNode, name string) bool {
	v, is := n.(ast.NodeTypeVariable)
	return is && string(v.Name) == name
}

// isAccess reports whether an expression is an attribute of a variable.
func isAccess(n ast.IsNode, variable, attribute string) bool {
	access, is := n.(ast.NodeTypeAccess)
	return is && string(access.Value) == attribute && isVariable(access.Arg, variable)
}

// resourceOwner is the organisation whose devices the policy is about, as far as it is known.
func (l *linter) resourceOwner() string {
	if l.owner != "" {
		return l.owner
	}
	switch s := l.tree.Resource.(type) {
	case ast.ScopeTypeEq:
		return organisationOf(s.Entity)
	case ast.ScopeTypeIn:
		return organisationOf(s.Entity)
	case ast.ScopeTypeIsIn:
		return organisationOf(s.Entity)
	default:
		return ""
	}
}

// principalMSP is the organisation of all principals that the policy is about, as far as it says.
func (l *linter) principalMSP() string {
	switch s := l.tree.Principal.(type) {
	case ast.ScopeTypeEq:
		return organisationOf(s.Entity)
	case ast.ScopeTypeIn:
		return organisationOf(s.Entity)
	case ast.ScopeTypeIsIn:
		return organisationOf(s.Entity)
	}
	for _, p := range l.parts {
		if msp := requiredMSP(p); msp != "" {
			return msp
		}
	}
	return ""
}

// requiredMSP is the organisation that a condition asks for.
func requiredMSP(p part) string {
	if !p.when {
		return ""
	}
	switch n := p.body.(type) {
	case ast.NodeTypeEquals:
		if text, is := constantOf(n.Right).(cedar.String); is && isAccess(n.Left, "principal", "msp") {
			return string(text)
		}
		if text, is := constantOf(n.Left).(cedar.String); is && isAccess(n.Right, "principal", "msp") {
			return string(text)
		}
	case ast.NodeTypeIn:
		if uid, is := constantOf(n.Right).(cedar.EntityUID); is && isVariable(n.Left, "principal") {
			return organisationOf(uid)
		}
	}
	return ""
}

// constantOf returns the value of a constant.
func constantOf(n ast.IsNode) cedar.Value {
	if v, is := n.(ast.NodeValue); is {
		return v.Value
	}
	return nil
}

// organisationOf is the MSP ID in the name of an entity.
func organisationOf(uid cedar.EntityUID) string {
	msp, _, _ := strings.Cut(string(uid.ID), "/")
	return msp
}
