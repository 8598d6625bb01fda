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

// byRole permits auditors, in whatever words.
var byRole = []string{
	`permit(principal is User, action, resource) when { principal has roles && principal.roles.contains("auditor") };`,
	`permit(principal, action, resource) when { principal has roles };`,
	`permit(principal is User, action, resource) when { principal has roles && !principal.roles.isEmpty() };`,
}

func TestRolesAreSeenByPoliciesOfTheOrganisationThatGrantsThemOnly(t *testing.T) {
	for _, text := range byRole {
		set, err := policy.NewSet(stored(text))
		require.NoError(t, err)
		d, _ := set.Decide(user(t, "Org1MSP"), "read", pump(), record.AccessContext{}, now)
		require.True(t, d.Allowed, text)
		d, reasons := set.Decide(user(t, "Org2MSP"), "read", pump(), record.AccessContext{}, now)
		require.False(t, d.Allowed, text)
		require.Empty(t, reasons, "absent roles are no fault of the policy")
	}
}

func TestAPrincipalIsNamedWithItsOrganisation(t *testing.T) {
	require.Equal(t, "Org2MSP/abc", user(t, "Org2MSP").Name())
	require.Equal(t, "Org1MSP/pump-1", policy.Device(pump()).Name())
}

func TestADeviceIsNotTakenForOneOfTheSameIdOfAnotherOwner(t *testing.T) {
	set, err := policy.NewSet(stored(`permit(principal == Device::"Org1MSP/pump-1", action, resource);`))
	require.NoError(t, err)
	other := pump()
	other.Owner = "Org2MSP"
	d, _ := set.Decide(policy.Device(other), "read", pump(), record.AccessContext{}, now)
	require.False(t, d.Allowed)
	d, _ = set.Decide(policy.Device(pump()), "read", pump(), record.AccessContext{}, now)
	require.True(t, d.Allowed)
}

func TestACallerWithMoreThanAPolicyMayLookAtIsRefused(t *testing.T) {
	many := map[string]string{}
	var units []string
	for i := range policy.MaxClaims + 1 {
		many[fmt.Sprint(i)] = "x"
		units = append(units, fmt.Sprint(i))
	}
	long := strings.Repeat("x", record.MaxText+1)
	for name, c := range map[string]struct {
		units      []string
		attributes map[string]string
	}{
		"units": {units, nil}, "attributes": {nil, many}, "a long unit": {[]string{long}, nil},
		"a long value": {nil, map[string]string{"a": long}}, "a long name": {nil, map[string]string{long: "a"}},
	} {
		_, err := policy.User("Org2MSP", "abc", nil, c.units, c.attributes)
		require.Error(t, err, name)
	}
	_, err := policy.User("Org2MSP", "abc", record.Roles(), units[1:], map[string]string{"a": long[1:]})
	require.NoError(t, err)
}

func TestPoliciesThatDoNotApplyCostNothing(t *testing.T) {
	const condition = ` when { resource.hasTag("site") && resource.getTag("site") like "*east*" };`
	var texts []string
	for _, head := range []string{
		`permit(principal == User::"Org2MSP/other", action, resource)`, `permit(principal in Organisation::"Org3MSP", action, resource)`,
		`forbid(principal is Device, action, resource)`, `permit(principal is User in Unit::"Org1MSP/quality", action, resource)`,
		`permit(principal, action == Action::"command", resource)`, `permit(principal, action in [Action::"command", Action::"configure"], resource)`,
		`permit(principal, action in Action::"command", resource)`,
	} {
		texts = append(texts, head+condition)
	}
	set, err := policy.NewSet(stored(texts...))
	require.NoError(t, err)
	nothing, err := policy.NewSet(nil)
	require.NoError(t, err)
	require.Equal(t, nothing.Cost(), set.For(user(t, "Org2MSP"), "read").Cost())
	require.Greater(t, set.Cost(), nothing.Cost())
}

func TestASetOfThosePoliciesThatApplyDecidesAlike(t *testing.T) {
	principals := []string{
		`principal`, `principal == User::"Org2MSP/abc"`, `principal == Device::"Org1MSP/pump-1"`, `principal in Organisation::"Org2MSP"`, `principal in Organisation::"Org1MSP"`,
		`principal in Unit::"Org2MSP/quality"`, `principal in Unit::"Org2MSP/other"`, `principal in User::"Org2MSP/abc"`, `principal is User`, `principal is Device`,
		`principal is User in Organisation::"Org2MSP"`, `principal is Device in Organisation::"Org1MSP"`, `principal is User in Unit::"Org1MSP/quality"`,
	}
	actions := []string{`action`, `action == Action::"read"`, `action in Action::"read"`, `action in [Action::"read", Action::"command"]`, `action == Action::"command"`}
	var texts []string
	for i, p := range principals {
		for k, a := range actions {
			effect := "permit"
			if (i+k)%7 == 6 {
				effect = "forbid"
			}
			texts = append(texts, fmt.Sprintf("%s(%s, %s, resource);", effect, p, a))
		}
	}
	for _, who := range []policy.Principal{user(t, "Org1MSP"), user(t, "Org2MSP"), user(t, "Org3MSP"), policy.Device(pump())} {
		for _, action := range policy.Actions() {
			for _, texts := range [][]string{texts, texts[:6], texts[6:12]} {
				set, err := policy.NewSet(stored(texts...))
				require.NoError(t, err)
				whole, _ := set.Decide(who, action, pump(), record.AccessContext{}, now)
				some, _ := set.For(who, action).Decide(who, action, pump(), record.AccessContext{}, now)
				require.Equal(t, whole, some)
			}
		}
	}
}
