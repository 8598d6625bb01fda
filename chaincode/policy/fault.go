// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// Fault is what is wrong with a policy, and where its text is wrong.
type Fault struct {
	// Line and Column count from 1; a column is a character.
	Line, Column int
	Message      string
}

// Error returns "line L, column C: message".
func (f *Fault) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", f.Line, f.Column, f.Message)
}

// The patterns are immutable after they are compiled.
var (
	// parsedAt matches where Cedar's parser says an error is.
	parsedAt = regexp.MustCompile(`^(?:parser error: )?parse error at [^:]*:(\d+):(\d+) (.*)$`)
	// quoted matches what Cedar's validator quotes.
	quoted = regexp.MustCompile("`([^`]*)`")
)

// syntaxFault makes a Fault of an error of Cedar's parser.
func syntaxFault(err error) error {
	at := parsedAt.FindStringSubmatch(err.Error())
	if at == nil {
		return err
	}
	line, lineErr := strconv.Atoi(at[1])
	column, columnErr := strconv.Atoi(at[2])
	if errors.Join(lineErr, columnErr) != nil {
		return err
	}
	return &Fault{Line: line, Column: column, Message: "syntax: " + at[3]}
}

// locate makes a Fault of what Cedar's validator says of a policy. The validator names things
// but no places, and in no certain order: the fault is the first place in the text where
// something stands that it names, or else the first operand that does not pass by itself.
func locate(validator *validate.Validator, tokens []token, tree *ast.Policy, messages []string) error {
	slices.Sort(messages)
	var first *Fault
	for _, message := range messages {
		// What is quoted first is what is wrong; the rest says where it was looked for.
		name := quoted.FindStringSubmatch(message)
		if name == nil {
			continue
		}
		i := findName(tokens, name[1])
		if i >= 0 && (first == nil || tokens[i].before(first)) {
			first = &Fault{Line: tokens[i].line, Column: tokens[i].column, Message: explain(message, objectOf(tokens, i))}
		}
	}
	if first != nil {
		return first
	}
	t := failingOperand(validator, tokens, tree)
	return &Fault{Line: t.line, Column: t.column, Message: explain(messages[0], "resource")}
}

// findName returns the index of the token that a quoted name ends with: the attribute of a path,
// the type of an entity, the id of an action; or -1.
func findName(tokens []token, name string) int {
	parts := scan(name)
	if len(parts) == 0 {
		return -1
	}
	last := parts[len(parts)-1].text
	return slices.IndexFunc(tokens, func(t token) bool { return t.text == last || t.text == strconv.Quote(last) })
}

// failingOperand returns where the first condition begins that does not pass by itself, or, if
// that is a chain of &&, its first operand that does not pass together with those before it.
func failingOperand(validator *validate.Validator, tokens []token, tree *ast.Policy) token {
	start := token{line: 1, column: 1}
	if len(tokens) > 0 {
		start = tokens[0]
	}
	clauses := clausesOf(tokens)
	for i, condition := range tree.Conditions {
		if i >= len(clauses) || passes(validator, tree, condition) {
			continue
		}
		operands := clauses[i].operands()
		chain := conjuncts(condition.Body)
		if len(operands) != len(chain) {
			return clauses[i].keyword
		}
		// What fails fails with more behind it too, so a search by halves finds the first.
		k := sort.Search(len(chain)-1, func(k int) bool {
			return !passes(validator, tree, ast.ConditionType{Condition: condition.Condition, Body: join(chain[:k+1])})
		})
		return operands[k]
	}
	return start
}

// passes reports whether the policy is valid with this condition alone.
func passes(validator *validate.Validator, tree *ast.Policy, condition ast.ConditionType) bool {
	alone := *tree
	alone.Conditions = []ast.ConditionType{condition}
	return validator.Policy("", &alone) == nil
}

// conjuncts returns the operands of a chain of &&, left to right.
func conjuncts(node ast.IsNode) []ast.IsNode {
	and, chain := node.(ast.NodeTypeAnd)
	if !chain {
		return []ast.IsNode{node}
	}
	return append(conjuncts(and.Left), conjuncts(and.Right)...)
}

// join makes a chain of && again.
func join(operands []ast.IsNode) ast.IsNode {
	node := operands[0]
	for _, next := range operands[1:] {
		node = ast.NodeTypeAnd{BinaryNode: ast.BinaryNode{Left: node, Right: next}}
	}
	return node
}

// clause is one when or unless with the tokens between its braces.
type clause struct {
	keyword token
	body    []token
}

// clausesOf returns the clauses of a policy in their order.
func clausesOf(tokens []token) []clause {
	var clauses []clause
	depth := 0
	for i, t := range tokens {
		switch t.text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		}
		if depth == 0 && (t.text == "when" || t.text == "unless") {
			clauses = append(clauses, clause{keyword: t})
		}
		if n := len(clauses); n > 0 && (depth > 1 || depth == 1 && t.text != "{") && i > 0 {
			clauses[n-1].body = append(clauses[n-1].body, t)
		}
	}
	return clauses
}

// operands returns the first token of each operand of the clause's outermost &&.
func (c clause) operands() []token {
	var starts []token
	depth, begin := 0, true
	for _, t := range c.body {
		if begin {
			starts, begin = append(starts, t), false
		}
		switch {
		case strings.Contains("([{", t.text):
			depth++
		case strings.Contains(")]}", t.text):
			depth--
		case t.text == "&&" && depth == 0:
			begin = true
		}
	}
	return starts
}
