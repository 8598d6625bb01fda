// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/policy"
)

func TestLintWarnsOfWhatSurprises(t *testing.T) {
	for name, c := range map[string]struct {
		text, owner string
		want        []string
	}{
		"everybody":                    {"// all\npermit(principal, action, resource);", "", []string{"line 2, column 1: this permits every member"}},
		"every user":                   {`permit(principal is User, action, resource);`, "", []string{"line 1, column 1: this permits every member"}},
		"everybody at a site":          {`permit(principal, action, resource) when { resource.hasTag("site") && resource.getTag("site") == "east" };`, "", []string{"line 1, column 1: this permits every member"}},
		"an organisation":              {`permit(principal in Organisation::"Org2MSP", action, resource);`, "Org1MSP", nil},
		"a condition on the principal": {`permit(principal, action, resource) when { principal in Organisation::"Org2MSP" };`, "Org1MSP", nil},
		"forbid for everybody":         {`forbid(principal, action, resource);`, "", nil},
		"msp is there":                 {"permit(principal is User, action, resource)\nwhen { principal has msp };", "", []string{"line 2, column 8: every user has principal.msp"}},
		"msp is itself":                {"permit(principal is User, action, resource)\nwhen { principal.msp == principal.msp };", "", []string{"line 2, column 8: every user has principal.msp"}},
		"msp is compared":              {`permit(principal is User, action, resource) when { principal has msp && principal.msp == "Org2MSP" };`, "", nil},
		"msp is listed":                {`permit(principal is User, action, resource) when { ["Org2MSP", "Org3MSP"].contains(principal.msp) };`, "", nil},
		"msp is the owner":             {`permit(principal is User, action, resource) when { principal.msp == resource.owner };`, "", nil},
		"msp is compared in a set":     {`permit(principal is User, action, resource) when { [principal.msp] == ["Org2MSP"] };`, "", nil},
		"purpose only": {"permit(principal in Organisation::\"Org2MSP\", action, resource)\nwhen { context has purpose && context.purpose == \"audit\" };", "", []string{
			"line 2, column 31: context.purpose is what the caller states"}},
		"purpose for everybody": {`permit(principal, action, resource) when { context has purpose && context.purpose == "audit" };`, "", []string{
			"line 1, column 1: this permits every member", "line 1, column 67: context.purpose is what the caller states"}},
		"purpose and more":         {`permit(principal in Organisation::"Org2MSP", action, resource) when { context has purpose && context.purpose == "audit" && resource.status == "active" };`, "", nil},
		"purpose and time":         {`permit(principal in Organisation::"Org2MSP", action, resource) when { context has purpose && context.purpose == "audit" && context.time < datetime("2030-01-01") };`, "", nil},
		"purpose forbids":          {`forbid(principal, action, resource) when { context has purpose && context.purpose == "marketing" };`, "", nil},
		"foreign roles":            {"permit(principal is User in Organisation::\"Org2MSP\", action, resource)\nwhen { principal has roles && principal.roles.contains(\"auditor\") };", "Org1MSP", []string{"line 2, column 31: this can never be true: policies of Org1MSP do not see the roles that Org2MSP grants"}},
		"foreign roles by unit":    {`permit(principal is User in Unit::"Org2MSP/quality", action, resource in Organisation::"Org1MSP") when { principal has roles && principal.roles.contains("auditor") };`, "", []string{"line 1, column 129: this can never be true"}},
		"foreign roles by msp":     {`permit(principal is User, action, resource == Device::"Org1MSP/pump-1") when { principal.msp == "Org2MSP" && principal has roles && principal.roles.contains("auditor") };`, "", []string{"line 1, column 133: this can never be true"}},
		"own roles":                {`permit(principal is User in Organisation::"Org1MSP", action, resource) when { principal has roles && principal.roles.contains("auditor") };`, "Org1MSP", nil},
		"roles of nobody known":    {`permit(principal is User, action, resource) when { principal has roles && principal.roles.contains("auditor") };`, "", nil},
		"unguarded tag":            {"permit(principal in Organisation::\"Org2MSP\", action, resource)\nwhen { resource.hasTag(\"site\") && resource.getTag(\"sites\") == \"east\" };", "", []string{"line 2, column 44: not everything has this tag; write resource.hasTag"}},
		"second tag is unguarded":  {`permit(principal, action, resource) when { resource.hasTag("a") && resource.getTag("a") == "1" && principal.getTag("b") == "2" };`, "", []string{"line 1, column 109: not everything has this tag; write principal.hasTag"}},
		"twice":                    {"permit(principal in Organisation::\"Org2MSP\", action, resource)\nwhen { resource.status == \"active\" && resource.type == \"pump\" }\nwhen { resource.status == \"active\" };", "", []string{"line 3, column 8: this condition already stands at line 2, column 8"}},
		"twice in different sense": {`permit(principal in Organisation::"Org2MSP", action, resource) when { resource.status == "active" } unless { resource.status == "active" };`, "", nil},
		"two unlesses":             {`permit(principal in Organisation::"Org2MSP", action, resource) unless { resource.id == "a" && resource.type == "b" } unless { resource.id == "a" && resource.type == "c" };`, "", nil},
		"a guard twice":            {`permit(principal in Organisation::"Org2MSP", action, resource) when { resource.hasTag("a") && resource.getTag("a") == "1" } when { resource.hasTag("a") && resource.getTag("a") like "1*" };`, "", nil},
		"no policy":                {`permit(principal`, "", nil},
		"too deep":                 {`permit(principal, action, resource) when { ` + strings.Repeat("!(", 100) + "true" + strings.Repeat(")", 100) + ` };`, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := policy.Lint(c.text, c.owner)
			require.Len(t, got, len(c.want), "%v", got)
			for i, w := range got {
				require.Contains(t, w.String(), c.want[i])
			}
		})
	}
}

func TestAFaultTellsWhatToWrite(t *testing.T) {
	for condition, want := range map[string]string{
		`resource.getTag("site") == "east"`:                        `write resource.hasTag("site") && resource.getTag("site") == …`,
		`principal.getTag("site") == "east"`:                       `write principal.hasTag("site") && principal.getTag("site") == …`,
		`context.purpose == "x"`:                                   `write context has purpose && context.purpose`,
		`principal.msp == "x"`:                                     `begin with permit(principal is User, …)`,
		`principal has roles && principal.id == "x"`:               `a user has msp`,
		`resource.msp == "x"`:                                      `a device has id, owner, type, status and registered`,
		`resource.colour == "red"`:                                 `resource.hasTag("colour") && resource.getTag("colour") == …`,
		`context.reason == "x"`:                                    `the context has time`,
		`resource.owner == 1`:                                      `both sides must be of one type`,
		`resource.owner`:                                           `a condition must be true or false`,
		`resource.owner < "a"`:                                     `compare numbers and times`,
		`action == Action::"fly"`:                                  `the actions are command, configure, read, subscribe`,
		`principal in Group::"x"`:                                  `the entity types are`,
		`[].contains(resource.id)`:                                 `at least one element`,
		`ip(resource.id).isLoopback()`:                             `take a text that stands in the policy`,
		`context.time < datetime("soon")`:                          `write datetime("2030-01-31")`,
		`context.time.offset(duration("soon")) < context.time`:     `write duration("1d")`,
		`{a: "` + strings.Repeat("a", 1000) + `"} == {a: 1, b: 2}`: `both sides must be of one type`,
	} {
		_, err := policy.Parse("permit(principal, action, resource) when { " + condition + " };")
		require.ErrorContains(t, err, want, condition)
		require.Less(t, len(err.Error()), 800)
	}
}
