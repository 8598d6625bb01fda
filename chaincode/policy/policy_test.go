// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

func TestAPolicyThatFitsTheSchemaIsAccepted(t *testing.T) {
	for _, text := range []string{
		`permit(principal, action, resource);`,
		`permit(principal in Organisation::"Org2MSP", action == Action::"read", resource in Organisation::"Org1MSP");`,
		`permit(principal is User in Unit::"Org1MSP/quality", action in [Action::"read", Action::"subscribe"], resource == Device::"Org1MSP/pump-1");`,
		`forbid(principal, action, resource) unless { resource.status == "active" };`,
		`permit(principal is User, action, resource) when { principal has roles && principal.roles.contains("auditor") };`,
		`permit(principal, action, resource) when { resource.hasTag("site") && resource.getTag("site") == "east" };`,
		`permit(principal, action, resource) when { context has purpose && context.purpose like "audit*" };`,
		`permit(principal, action, resource) when { context.time < datetime("2030-01-01") && resource.registered < context.time };`,
		`permit(principal, action, resource) when { context has until && context has from && context.until.durationSince(context.from) <= duration("1d") };`,
		`@note("with an annotation") permit(principal is Device, action, resource) when { principal.type == resource.type };`,
	} {
		p, err := policy.Parse(text)
		require.NoError(t, err, text)
		again, err := policy.Parse(p.Text())
		require.NoError(t, err, p.Text())
		require.Equal(t, p.Text(), again.Text())
	}
}

func TestAPolicyThatDoesNotFitIsRefusedWhereItIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		at      string
		message string
	}{
		"unknown action":         {"permit(principal,\n  action == Action::\"reed\",\n  resource);", "line 2, column 21", "unrecognized action"},
		"unknown entity type":    {`permit(principal in Organization::"x", action, resource);`, "line 1, column 21", "unrecognized entity type"},
		"unknown attribute":      {"permit(principal, action, resource)\nwhen { resource.owner == \"a\" &&\n  resource.colour == \"red\" };", "line 3, column 12", "colour"},
		"unknown context":        {`permit(principal, action, resource) when { context.reason == "x" };`, "line 1, column 52", "reason"},
		"unguarded context":      {`permit(principal, action, resource) when { context.purpose == "x" };`, "line 1, column 52", "purpose"},
		"unguarded roles":        {`permit(principal is User, action, resource) when { principal.roles.contains("admin") };`, "line 1, column 62", "principal has roles"},
		"unguarded tag":          {`permit(principal, action, resource) when { resource.getTag("site") == "x" };`, "line 1, column 60", "site"},
		"number for a string":    {"permit(principal, action, resource) when {\n  resource.status == \"active\" &&\n  resource.owner == 1 };", "line 3, column 3", "not compatible"},
		"order of strings":       {"permit(principal, action, resource)\nunless { resource.owner > \"a\" };", "line 2, column 10", "unexpected type"},
		"wrong in second clause": {"permit(principal, action, resource)\nwhen { true }\nwhen { (resource.type == \"a\" || \"b\") };", "line 3, column 8", "Bool"},
		"no boolean":             {`permit(principal, action, resource) when { "x" };`, "line 1, column 44", "Bool"},
		"malformed date":         {`permit(principal, action, resource) when { context.time > datetime("tomorrow") };`, "line 1, column 68", "datetime"},
		"a missing comma":        {`permit(principal, action resource);`, "line 1, column 34", "syntax"},
		"an unknown function":    {`permit(principal, action, resource) when { frobnicate("x") };`, "line 1", "syntax"},
		"a template":             {`permit(principal == ?principal, action, resource);`, "line 1", "syntax"},
		"a second policy":        {"permit(principal, action, resource);\n\nforbid(principal, action, resource);", "line 3, column 1", "second policy"},
		"a comment in the way":   {"// colour\npermit(principal, action, resource) when { resource.colour == \"red\" };", "line 2, column 53", "colour"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 { // Cedar's validator reports in the order of a map
				_, err := policy.Parse(c.text)
				var fault *policy.Fault
				require.ErrorAs(t, err, &fault)
				require.Contains(t, err.Error(), c.at)
				require.Contains(t, err.Error(), c.message)
			}
		})
	}
}

func TestNothingAndTooMuchAreRefused(t *testing.T) {
	for _, text := range []string{"", "   ", "// only a comment", strings.Repeat(" ", record.MaxPolicyText+1)} {
		_, err := policy.Parse(text)
		require.Error(t, err)
	}
}

// stored is an organisation's policies as the ledger has them, in reverse order of their ids.
func stored(texts ...string) []record.Policy {
	var policies []record.Policy
	for i := len(texts) - 1; i >= 0; i-- {
		policies = append(policies, record.Policy{Owner: "Org1MSP", ID: fmt.Sprint("p", i), Revision: uint64(i + 1), Text: texts[i], Active: true})
	}
	return policies
}

func pump() record.Device {
	return record.Device{
		ID: "pump-1", Owner: "Org1MSP", Status: record.Active, DeviceType: "pump",
		Attributes: map[string]string{"site": "east"}, Registered: record.Moment{Time: 1_700_000_000_000},
	}
}

// user is a user with the role auditor.
func user(t require.TestingT, msp string) policy.Principal {
	p, err := policy.User(msp, "abc", []record.Role{record.Auditor}, []string{"client", "quality"}, map[string]string{"country": "de"})
	require.NoError(t, err)
	return p
}

const now = 1_750_000_000_000

func TestDecisions(t *testing.T) {
	const all = `permit(principal, action, resource);`
	for name, c := range map[string]struct {
		policies []string
		action   string
		context  record.AccessContext
		allowed  bool
		decided  string
	}{
		"nothing permits":          {nil, "read", record.AccessContext{}, false, ""},
		"one permits":              {[]string{all}, "read", record.AccessContext{}, true, "p0"},
		"all that permit are told": {[]string{all, all, all}, "read", record.AccessContext{}, true, "p0 p1 p2"},
		"forbid outweighs":         {[]string{all, `forbid(principal, action == Action::"command", resource);`, all}, "command", record.AccessContext{}, false, "p1"},
		"forbid of another action": {[]string{all, `forbid(principal, action == Action::"command", resource);`}, "read", record.AccessContext{}, true, "p0"},
		"by organisation":          {[]string{`permit(principal in Organisation::"Org2MSP", action, resource in Organisation::"Org1MSP");`}, "read", record.AccessContext{}, true, "p0"},
		"by other organisation":    {[]string{`permit(principal in Organisation::"Org3MSP", action, resource);`}, "read", record.AccessContext{}, false, ""},
		"by unit":                  {[]string{`permit(principal in Unit::"Org2MSP/quality", action, resource);`}, "read", record.AccessContext{}, true, "p0"},
		"by the same unit abroad":  {[]string{`permit(principal in Unit::"Org1MSP/quality", action, resource);`}, "read", record.AccessContext{}, false, ""},
		"by device":                {[]string{`permit(principal, action, resource == Device::"Org1MSP/pump-1");`}, "read", record.AccessContext{}, true, "p0"},
		"by another's device":      {[]string{`permit(principal, action, resource == Device::"Org2MSP/pump-1");`}, "read", record.AccessContext{}, false, ""},
		"by certificate attribute": {[]string{`permit(principal, action, resource) when { principal.hasTag("country") && principal.getTag("country") == "de" };`}, "read", record.AccessContext{}, true, "p0"},
		"by device attribute":      {[]string{`permit(principal, action, resource) when { resource.hasTag("site") && resource.getTag("site") == "west" };`}, "read", record.AccessContext{}, false, ""},
		"by purpose":               {[]string{`permit(principal, action, resource) when { context has purpose && context.purpose == "audit" };`}, "read", record.AccessContext{Purpose: "audit"}, true, "p0"},
		"without purpose":          {[]string{`permit(principal, action, resource) when { context has purpose && context.purpose == "audit" };`}, "read", record.AccessContext{}, false, ""},
		"before a time":            {[]string{`permit(principal, action, resource) when { context.time < datetime("2024-01-01") };`}, "read", record.AccessContext{}, false, ""},
		"for a span of data":       {[]string{`permit(principal, action, resource) when { context has from && context.from >= resource.registered };`}, "read", record.AccessContext{From: now}, true, "p0"},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := policy.NewSet(stored(c.policies...))
			require.NoError(t, err)
			d, _ := set.Decide(user(t, "Org2MSP"), c.action, pump(), c.context, now)
			narrowed, _ := set.For(user(t, "Org2MSP"), c.action).Decide(user(t, "Org2MSP"), c.action, pump(), c.context, now)
			require.Equal(t, d, narrowed)
			require.Equal(t, c.allowed, d.Allowed)
			var decided []string
			for _, p := range d.Policies {
				decided = append(decided, p.ID)
			}
			require.Equal(t, strings.Fields(c.decided), append([]string{}, decided...))
			require.Empty(t, d.Errors)
		})
	}
}

func TestADeviceMayAskForItself(t *testing.T) {
	set, err := policy.NewSet(stored(`permit(principal is Device, action, resource) when { principal.type == resource.type };`))
	require.NoError(t, err)
	other := pump()
	other.ID = "pump-2"
	d, _ := set.Decide(policy.Device(other), "read", pump(), record.AccessContext{}, now)
	require.True(t, d.Allowed)
	other.DeviceType = "valve"
	d, _ = set.Decide(policy.Device(other), "read", pump(), record.AccessContext{}, now)
	require.False(t, d.Allowed)
}

func TestAPolicyThatCannotBeEvaluatedDoesNotCountAndIsReported(t *testing.T) {
	overflow := `permit(principal, action, resource) when { 9223372036854775807 + 1 > 0 };`
	set, err := policy.NewSet(stored(overflow, overflow, `permit(principal, action, resource);`))
	require.NoError(t, err)
	d, reasons := set.Decide(user(t, "Org2MSP"), "read", pump(), record.AccessContext{}, now)
	require.True(t, d.Allowed)
	require.Equal(t, []record.PolicyReference{{ID: "p2", Revision: 3}}, d.Policies)
	require.Equal(t, []record.PolicyReference{{ID: "p0", Revision: 1}, {ID: "p1", Revision: 2}}, d.Errors)
	require.Len(t, reasons, 2)
	require.Contains(t, reasons["p0"], "overflow")
}

func TestTheSameQuestionGetsTheSameBytes(t *testing.T) {
	var texts []string
	for i := range 20 {
		texts = append(texts, fmt.Sprintf(`permit(principal, action, resource) when { %d + 1 > 0 };`, i))
		texts = append(texts, fmt.Sprintf(`permit(principal, action, resource) when { 9223372036854775807 + %d > 0 };`, i+1))
		// Which of two faults in a record the evaluator meets first is left to chance.
		texts = append(texts, `permit(principal, action, resource) when { {a: 9223372036854775807 + 1, b: -9223372036854775807 - 2, c: 9223372036854775807 * 3} == {} };`)
	}
	var first []byte
	for i := range 50 {
		set, err := policy.NewSet(stored(texts...))
		require.NoError(t, err)
		d, _ := set.Decide(user(t, "Org2MSP"), "read", pump(), record.AccessContext{}, now)
		answer, err := record.Encode(d)
		require.NoError(t, err)
		if i == 0 {
			first = answer
		}
		require.Equal(t, string(first), string(answer))
	}
}

func TestTheActionsAreThoseOfTheSchema(t *testing.T) {
	for _, action := range policy.Actions() {
		_, err := policy.Parse(fmt.Sprintf(`permit(principal, action == Action::%q, resource);`, action))
		require.NoError(t, err)
		require.Contains(t, policy.Schema, action)
	}
}

// FuzzParse holds that no text makes Parse fail in another way than by an error, and that what
// it accepts has a cost within the limit, the same each time, and can be decided on, alike with
// and without the policies that do not apply. Nothing makes Lint fail.
func FuzzParse(f *testing.F) {
	f.Add(`permit(principal, action, resource) when { resource.colour == "red" };`)
	f.Add(`forbid(principal is User in Unit::"a/b", action in [Action::"read"], resource) unless { if true then 1 else 2 };`)
	f.Add("permit(principal, action, resource) when { \"\\\"\" };// \"")
	f.Add(`permit(principal == User::"Org2MSP/abc", action, resource) when { principal has roles && principal.roles.containsAny(["a", principal.msp]) };`)
	f.Add(`permit(principal, action, resource) when { resource.id like "*a\*\u{1F600}*" || {a: [1, 2]} == {a: [2]} };`)
	for _, c := range hostile() {
		f.Add("permit(principal, action, resource) when { " + c + " };")
	}
	f.Fuzz(func(t *testing.T, text string) {
		policy.Lint(text, "Org1MSP")
		p, err := policy.Parse(text)
		if err != nil {
			return
		}
		require.Positive(t, p.Cost())
		require.LessOrEqual(t, p.Cost(), policy.MaxCost)
		set, err := policy.NewSet(stored(text))
		require.NoError(t, err)
		require.NoError(t, set.Affordable(500))
		for _, who := range []policy.Principal{user(t, "Org1MSP"), user(t, "Org2MSP"), policy.Device(pump())} {
			d, _ := set.Decide(who, "read", pump(), record.AccessContext{}, now)
			narrowed, _ := set.For(who, "read").Decide(who, "read", pump(), record.AccessContext{}, now)
			require.Equal(t, d, narrowed)
		}
	})
}
