// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

// fullEnvironment is what a policy meets when [fullUser] asks about [full].
func fullEnvironment() eval.Env {
	d := full()
	tags := cedar.RecordMap{}
	for name, value := range d.Attributes {
		tags[cedar.String(name)] = cedar.String(value)
	}
	owner := cedar.NewEntityUID("Organisation", cedar.String(d.Owner))
	parents, roles := []cedar.EntityUID{owner}, []cedar.Value{}
	for i := range policy.MaxClaims {
		parents = append(parents, cedar.NewEntityUID("Unit", cedar.String(fmt.Sprintf("%s/%0*d", d.Owner, record.MaxText, i))))
	}
	for _, r := range record.Roles() {
		roles = append(roles, cedar.String(r))
	}
	resource := cedar.Entity{
		UID: cedar.NewEntityUID("Device", cedar.String(d.Name().String())), Parents: cedar.NewEntityUIDSet(owner), Tags: cedar.NewRecord(tags),
		Attributes: cedar.NewRecord(cedar.RecordMap{
			"id": cedar.String(d.ID), "owner": cedar.String(d.Owner), "type": cedar.String(d.DeviceType),
			"status": cedar.String(d.Status), "registered": cedar.NewDatetimeFromMillis(d.Registered.Time),
		}),
	}
	principal := cedar.Entity{
		UID:     cedar.NewEntityUID("User", cedar.String(d.Owner+"/"+strings.Repeat("f", 64))),
		Parents: cedar.NewEntityUIDSet(parents...), Tags: cedar.NewRecord(tags),
		Attributes: cedar.NewRecord(cedar.RecordMap{"msp": cedar.String(d.Owner), "roles": cedar.NewSet(roles...)}),
	}
	return eval.Env{
		Entities:  cedar.EntityMap{principal.UID: principal, resource.UID: resource},
		Principal: principal.UID, Resource: resource.UID, Action: cedar.NewEntityUID("Action", "read"),
		Context: cedar.NewRecord(cedar.RecordMap{
			"time": cedar.NewDatetimeFromMillis(now), "from": cedar.NewDatetimeFromMillis(now), "until": cedar.NewDatetimeFromMillis(now),
			"purpose": cedar.String(strings.Repeat("a", record.MaxText)),
		}),
	}
}

func TestTheCostIsAtLeastWhatEvaluatingDoes(t *testing.T) {
	env := fullEnvironment()
	for name, condition := range hostile() {
		if name == "overflow" {
			continue // ends at the first, so that the counter cannot follow
		}
		t.Run(name, func(t *testing.T) {
			text := heaviest(t, condition)
			p, err := policy.Parse(text)
			require.NoError(t, err)
			require.LessOrEqual(t, stepsOf(t, text, env), float64(p.Cost()))
		})
	}
}

// operands are texts that a device or a caller may have anything in.
var operands = []string{"resource.id", "resource.owner", "resource.type", `"` + strings.Repeat("a", 300) + `"`, `"b"`}

// condition draws a condition that cannot fail.
func condition(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := rapid.SampledFrom(operands)
		texts := func() string { return "[" + strings.Join(rapid.SliceOfN(text, 1, 20).Draw(t, "set"), ",") + "]" }
		kinds := 6
		if depth > 0 {
			kinds = 10
		}
		inner := func() string { return condition(depth-1).Draw(t, "inner") }
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			pattern := rapid.StringMatching(`[at*]{0,60}b?`).Draw(t, "pattern")
			return fmt.Sprintf(`%s like "%s"`, text.Draw(t, "text"), pattern)
		case 1:
			return fmt.Sprintf(`%s == %s`, text.Draw(t, "text"), text.Draw(t, "text"))
		case 2:
			return fmt.Sprintf(`%s.contains(%s)`, texts(), text.Draw(t, "text"))
		case 3:
			return fmt.Sprintf(`%s.%s(%s)`, texts(), rapid.SampledFrom([]string{"containsAll", "containsAny"}).Draw(t, "method"), texts())
		case 4:
			return fmt.Sprintf(`%s == %s`, texts(), texts())
		case 5:
			return rapid.SampledFrom([]string{`principal in Organisation::"x"`, `resource in [Organisation::"x", Organisation::"y"]`, `principal is User in Unit::"x/y"`}).Draw(t, "in")
		case 6:
			return "(" + inner() + " && " + inner() + ")"
		case 7:
			return "(" + inner() + " || " + inner() + ")"
		case 8:
			return "!(" + inner() + ")"
		default:
			return "(if " + inner() + " then " + inner() + " else " + inner() + ")"
		}
	})
}

func TestTheCostOfAnyConditionIsAtLeastWhatEvaluatingDoes(t *testing.T) {
	env := fullEnvironment()
	rapid.Check(t, func(rt *rapid.T) {
		text := "permit(principal, action, resource) when { " + condition(3).Draw(rt, "condition") + " };"
		p, err := policy.Parse(text)
		if err != nil {
			rt.Skip("refused")
		}
		require.LessOrEqual(rt, stepsOf(t, text, env), float64(p.Cost()), text)
	})
}

func TestTheCostDependsOnTheTextOnly(t *testing.T) {
	for _, c := range hostile() {
		text := heaviest(t, c)
		first, err := policy.Parse(text)
		require.NoError(t, err)
		again, err := policy.Parse(first.Text())
		require.NoError(t, err)
		require.Equal(t, first.Cost(), again.Cost())
	}
}

func TestALongerPolicyCostsMore(t *testing.T) {
	for name, c := range hostile() {
		one, err := policy.Parse("permit(principal, action, resource) when { " + c + " };")
		require.NoError(t, err)
		two, err := policy.Parse("permit(principal, action, resource) when { " + c + " || " + c + " };")
		if err == nil {
			require.Greater(t, two.Cost(), one.Cost(), name)
		}
	}
}

// costly is the policy that kept a peer busy for milliseconds: 50 patterns against a tag.
func costly() string {
	like := tag + ` like "*` + strings.Repeat("a", 55) + `b*"`
	return "permit(principal, action, resource)\nwhen {\n  resource.status != \"active\" &&\n  (" + strings.Repeat(like+" || ", 49) + like + ") };"
}

func TestAPolicyThatCostsTooMuchIsRefusedWhereItCostsMost(t *testing.T) {
	for name, c := range map[string]struct{ text, at, advice string }{
		"patterns": {costly(), "line 4, column 3", "make the pieces shorter or use =="},
		"one pattern": {"permit(principal, action, resource)\nwhen { context has purpose && context.purpose == \"a\" }\nunless { resource.id like \"*" + strings.Repeat("a", 250) + "b*\" || resource.id like \"*" +
			strings.Repeat("c", 150) + "*\" || resource.owner like \"*" + strings.Repeat("d", 150) + "*\" };", "line 3, column 10", "like"},
		"sets that are made":     {"permit(principal, action, resource)\nwhen { [resource.id, " + numbered(120) + "].contains(\"x\") };", "line 2, column 8", "write constants into it only"},
		"sets that are compared": {"permit(principal, action, resource)\nwhen { [" + numbered(120) + "].containsAll([" + numbered(120) + "]) };", "line 2, column 8", "use smaller sets"},
		"parents":                {"permit(principal, action, resource)\nwhen { " + strings.Repeat(`principal in Organisation::"x" || `, 60) + "false };", "line 2, column 8", "in the policy's head"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := policy.Parse(c.text)
			var fault *policy.Fault
			require.ErrorAs(t, err, &fault)
			require.Contains(t, err.Error(), c.at)
			require.Contains(t, err.Error(), c.advice)
			require.Contains(t, err.Error(), fmt.Sprint(policy.MaxCost))
		})
	}
}

// numbered is a list of short texts.
func numbered(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"t%d"`, i))
	}
	return strings.Join(all, ", ")
}

func TestAPolicyOfManySmallConditionsThatCostsTooMuchIsRefused(t *testing.T) {
	_, err := policy.Parse("permit(principal, action, resource) when { " + strings.Repeat(`resource.id like "a*"&&`, 340) + "true };")
	require.ErrorContains(t, err, "split it into several policies")
}

func TestAPolicyBeyondTheLimitsOfFormIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ condition, message string }{
		"deep":            {strings.Repeat("!(", 40) + "true" + strings.Repeat(")", 40), "stand inside each other"},
		"deep record":     {strings.Repeat("{a:", 1000) + "1" + strings.Repeat("}", 1000) + " == 1", "stand inside each other"},
		"guards":          {strings.TrimSuffix(strings.Repeat(`resource.hasTag("x") && `, 32), " && "), "32 has and hasTag among 32 conditions"},
		"large set":       {`[` + strings.TrimSuffix(strings.Repeat("1,", 257), ",") + `].contains(1)`, "257 elements"},
		"set of sets":     {`[[1], [2]].contains([3])`, "a set holds another set"},
		"set in a record": {`[{a: [1]}, {a: [2]}].contains({a: [3]})`, "a set holds another set"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := policy.Parse("permit(principal, action, resource)\nwhen { " + c.condition + " };")
			var fault *policy.Fault
			require.ErrorAs(t, err, &fault)
			require.Equal(t, 2, fault.Line)
			require.Contains(t, err.Error(), c.message)
		})
	}
	_, err := policy.Parse("permit(principal, action, resource) when { " + strings.Repeat("true && ", 200) + "true };")
	require.NoError(t, err, "a chain is not deep")
	_, err = policy.Parse("permit(principal, action, resource)" + strings.Repeat(` when { resource.hasTag("x") && resource.getTag("x") == "y" }`, 22) + ";")
	require.NoError(t, err, "22 tags are not too many")
}

func TestOrdinaryPoliciesAreFarFromTheLimits(t *testing.T) {
	ordinary := `permit(principal in Organisation::"Org2MSP", action == Action::"read", resource)
when { resource.hasTag("site") && resource.getTag("site") like "plant-*" && context.time < datetime("2030-01-01") };`
	p, err := policy.Parse(ordinary)
	require.NoError(t, err)
	require.Less(t, p.Cost(), policy.MaxCost/10)
	set, err := policy.NewSet(stored(slices.Repeat([]string{ordinary}, 100)...))
	require.NoError(t, err)
	require.NoError(t, set.For(user(t, "Org2MSP"), "read").Affordable(500))
}

func TestAnyOneDeviceIsAffordable(t *testing.T) {
	// A set of the dearest policies costs no more than this.
	require.LessOrEqual(t, record.MaxPolicies*policy.MaxCost, policy.Budget*9/10)
	set, err := policy.NewSet(stored(slices.Repeat([]string{heaviest(t, hostile()["like"])}, record.MaxPolicies)...))
	require.NoError(t, err)
	require.NoError(t, set.Affordable(1))
}

func TestADecisionBeyondTheBudgetIsRefusedWithTheNumberThatIsNot(t *testing.T) {
	set, err := policy.NewSet(stored(slices.Repeat([]string{heaviest(t, hostile()["like"])}, record.MaxPolicies)...))
	require.NoError(t, err)
	limit := policy.Budget / set.Cost()
	require.NoError(t, set.Affordable(limit))
	err = set.Affordable(limit + 1)
	require.ErrorIs(t, err, policy.ErrTooCostly)
	require.ErrorContains(t, err, fmt.Sprintf("ask about at most %d devices at a time, not %d", limit, limit+1))
}

func TestStoredPoliciesBeyondTheLimitAreNotEvaluated(t *testing.T) {
	set, err := policy.NewSet(stored(slices.Repeat([]string{costly()}, 2*record.MaxPolicies)...))
	require.NoError(t, err)
	err = set.Affordable(1)
	require.ErrorIs(t, err, policy.ErrTooCostly)
	require.ErrorContains(t, err, "their owner must revoke or simplify some")
}

func TestAnEmptySetIsAffordableForAsManyDevicesAsCanBeAsked(t *testing.T) {
	set, err := policy.NewSet(nil)
	require.NoError(t, err)
	require.NoError(t, set.Affordable(500))
	require.ErrorIs(t, set.Affordable(policy.Budget), policy.ErrTooCostly)
}
