// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// Warning is what may surprise the author of a policy, though the policy may be accepted.
type Warning struct {
	// Line and Column count from 1; a column is a character.
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// String returns "line L, column C: message".
func (w Warning) String() string {
	return fmt.Sprintf("line %d, column %d: %s", w.Line, w.Column, w.Message)
}

// Lint returns what may surprise in a policy, in the order of its text. owner is the MSP ID of
// the organisation that will put it, empty if it is not known. There are no warnings about a text
// that is not one policy, nor about a policy beyond the limits of form: Parse says what is wrong.
func Lint(text, owner string) []Warning {
	p, err := parseOne(text)
	if err != nil {
		return nil
	}
	l := linter{tokens: scan(text), tree: p.tree(), owner: owner}
	if checkForm(l.tokens, l.tree) != nil {
		return nil
	}
	l.parts = partsOf(l.tokens, l.tree)
	l.everybody()
	l.comparesNothing()
	l.purposeOnly()
	l.foreignRoles()
	l.unguardedTags()
	l.duplicates()
	slices.SortStableFunc(l.warnings, func(a, b Warning) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return l.warnings
}

// linter looks at one policy.
type linter struct {
	tokens   []token
	tree     *ast.Policy
	parts    []part
	owner    string
	warnings []Warning
}

// warn adds a warning.
func (l *linter) warn(at token, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

// everybody warns of a permit that does not look at the principal.
func (l *linter) everybody() {
	if l.tree.Effect != ast.EffectPermit || l.namesPrincipal() || l.mentions("principal") {
		return
	}
	at, _ := l.find("permit")
	l.warn(at, "this permits every member of the channel: nothing here says which principal; write permit(principal in Organisation::\"…\", …)")
}

// namesPrincipal reports whether the head names an organisation, a unit, a user or a device.
func (l *linter) namesPrincipal() bool {
	switch l.tree.Principal.(type) {
	case ast.ScopeTypeAll, ast.ScopeTypeIs:
		return false
	default:
		return true
	}
}

// comparesNothing warns of principal.msp that is tested but compared with nothing.
func (l *linter) comparesNothing() {
	at, found := l.find("principal", ".", "msp")
	if !found {
		at, found = l.find("principal", "has")
	}
	if !found || l.any(comparesMSP) || !l.any(testsMSP) {
		return
	}
	l.warn(at, "every user has principal.msp; compare it with an MSP ID: principal.msp == \"Org1MSP\"")
}

// testsMSP reports whether an expression is principal.msp or tests that there is one.
func testsMSP(n ast.IsNode) bool {
	has, is := n.(ast.NodeTypeHas)
	return isAccess(n, "principal", "msp") || is && has.Value == "msp" && isVariable(has.Arg, "principal")
}

// comparesMSP reports whether an expression compares principal.msp with something else.
func comparesMSP(n ast.IsNode) bool {
	switch n.(type) {
	case ast.NodeTypeEquals, ast.NodeTypeNotEquals, ast.NodeTypeContains:
		operands := children(n)
		isMSP := func(n ast.IsNode) bool { return isAccess(n, "principal", "msp") }
		return slices.ContainsFunc(operands, isMSP) && !isMSP(otherThan(operands, isMSP))
	case ast.NodeTypeLike, ast.NodeTypeSet:
		return slices.ContainsFunc(children(n), func(n ast.IsNode) bool { return isAccess(n, "principal", "msp") })
	default:
		return false
	}
}

// otherThan returns the first of two operands that does not match, or the second.
func otherThan(operands []ast.IsNode, matches func(ast.IsNode) bool) ast.IsNode {
	if !matches(operands[0]) {
		return operands[0]
	}
	return operands[len(operands)-1]
}

// purposeOnly warns of a permit whose only condition is what the caller says about itself.
func (l *linter) purposeOnly() {
	if l.tree.Effect != ast.EffectPermit || !l.any(func(n ast.IsNode) bool { return isAccess(n, "context", "purpose") }) {
		return
	}
	if l.mentions("principal") || l.mentions("resource") || l.mentions("action") || l.any(isCheckedContext) {
		return
	}
	at, found := l.find("context", ".", "purpose")
	if found {
		l.warn(at, "context.purpose is what the caller states, and nobody checks it; as the only condition it stops nobody, so add one on the principal or the resource")
	}
}

// isCheckedContext reports whether an expression is a part of the context other than the purpose.
func isCheckedContext(n ast.IsNode) bool {
	access, is := n.(ast.NodeTypeAccess)
	return is && isVariable(access.Arg, "context") && access.Value != "purpose"
}

// foreignRoles warns of roles of a principal of another organisation than the owner.
func (l *linter) foreignRoles() {
	owner, msp := l.resourceOwner(), l.principalMSP()
	if owner == "" || msp == "" || owner == msp {
		return
	}
	if at, found := l.find("principal", ".", "roles"); found {
		l.warn(at, "this can never be true: policies of %s do not see the roles that %s grants; use a unit or an attribute of the certificate: principal in Unit::\"%s/…\"", owner, msp, msp)
	}
}

// unguardedTags warns of tags that are read without a test that they are there.
func (l *linter) unguardedTags() {
	seen := 0
	for _, p := range l.parts {
		ast.Inspect(ast.NewNode(p.body), func(n ast.IsNode) bool {
			read, is := n.(ast.NodeTypeGetTag)
			if !is {
				return true
			}
			seen++
			if at, found := l.nth("getTag", seen); found && !l.tests(read) {
				object := objectOf(l.tokens, l.index(at)+2)
				l.warn(at, "not everything has this tag; write %s.hasTag(…) && %s.getTag(…)", object, object)
			}
			return true
		})
	}
}

// tests reports whether the policy tests that a tag is there.
func (l *linter) tests(read ast.NodeTypeGetTag) bool {
	return l.any(func(n ast.IsNode) bool {
		test, is := n.(ast.NodeTypeHasTag)
		return is && reflect.DeepEqual(test.BinaryNode, read.BinaryNode)
	})
}

// maxCompared is the number of conditions among which a repetition is looked for.
const maxCompared = 256

// duplicates warns of a condition that stands twice among the first maxCompared. Tests for an
// attribute or a tag may.
func (l *linter) duplicates() {
	for i, p := range l.parts[:min(len(l.parts), maxCompared)] {
		switch p.body.(type) {
		case ast.NodeTypeHas, ast.NodeTypeHasTag:
			continue
		}
		earlier := slices.IndexFunc(l.parts[:i], func(q part) bool {
			return p.when == q.when && (p.when || p.clause == q.clause) && reflect.DeepEqual(p.body, q.body)
		})
		if earlier >= 0 {
			first := l.parts[earlier].at
			l.warn(p.at, "this condition already stands at line %d, column %d", first.line, first.column)
		}
	}
}
