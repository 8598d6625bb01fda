// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

// answerOf is what a set says about pump-1, in bytes.
func answerOf(t *testing.T, set *policy.Set) string {
	d, _ := set.Decide(user(t, "Org2MSP"), "read", pump(), record.AccessContext{}, now)
	data, err := record.Encode(d)
	require.NoError(t, err)
	return fmt.Sprint(set.Cost(), string(data))
}

// mixed are policies that permit, forbid and fail.
func mixed(n int) []record.Policy {
	var texts []string
	for i := range n {
		texts = append(texts, fmt.Sprintf(`permit(principal, action, resource) when { resource.id != "x%d" };`, i))
		texts = append(texts, fmt.Sprintf(`permit(principal, action, resource) when { 9223372036854775807 + %d > 0 };`, i+1))
	}
	return stored(texts...)
}

func TestWhatIsCachedChangesNoDecision(t *testing.T) {
	policies := mixed(20)
	fresh, err := policy.NewSet(policies)
	require.NoError(t, err)
	for _, size := range []int{0, 1, 100, 1000, policy.DefaultCache} {
		cache, err := policy.NewCache(size)
		require.NoError(t, err)
		for range 3 {
			set, err := cache.Set(policies)
			require.NoError(t, err)
			require.Equal(t, answerOf(t, fresh), answerOf(t, set))
			require.LessOrEqual(t, cache.Bytes(), size)
		}
	}
}

func TestACacheTellsPoliciesApart(t *testing.T) {
	cache, err := policy.NewCache(policy.DefaultCache)
	require.NoError(t, err)
	base := record.Policy{Owner: "Org1MSP", ID: "p", Revision: 1, Text: `permit(principal, action, resource);`}
	for _, change := range []func(*record.Policy){
		func(*record.Policy) {},
		func(p *record.Policy) { p.Text = `forbid(principal, action, resource);` },
		func(p *record.Policy) {
			p.Revision = 2
			p.Text = `permit(principal, action == Action::"command", resource);`
		},
		func(p *record.Policy) { p.ID = "q" },
		func(p *record.Policy) { p.Owner = "Org2MSP" },
	} {
		p := base
		change(&p)
		want, err := policy.NewSet([]record.Policy{p})
		require.NoError(t, err)
		got, err := cache.Set([]record.Policy{p})
		require.NoError(t, err)
		require.Equal(t, answerOf(t, want), answerOf(t, got))
	}
}

func TestACacheKeepsWhatWasUsedLast(t *testing.T) {
	policies := mixed(4)
	cache, err := policy.NewCache(len(policies[0].Text) + len(policies[1].Text))
	require.NoError(t, err)
	for _, p := range policies {
		_, err := cache.Set([]record.Policy{p})
		require.NoError(t, err)
		require.Positive(t, cache.Bytes())
	}
	// The one used last is not parsed again: fewer allocations than parsing takes.
	last := policies[len(policies)-1:]
	again := testing.AllocsPerRun(10, func() { _, _ = cache.Set(last) })
	parsed := testing.AllocsPerRun(10, func() { _, _ = policy.NewSet(last) })
	require.Less(t, again, parsed/2)
}

func TestACacheKeepsNoFaultAndNothingBeyondItsSize(t *testing.T) {
	cache, err := policy.NewCache(100)
	require.NoError(t, err)
	_, err = cache.Set([]record.Policy{{Owner: "Org1MSP", ID: "p", Revision: 3, Text: "permit("}})
	require.ErrorContains(t, err, `policy "p" of Org1MSP, revision 3`)
	_, err = cache.Set(stored(`permit(principal, action, resource); //` + strings.Repeat(" ", 100)))
	require.NoError(t, err)
	require.Zero(t, cache.Bytes())
	_, err = policy.NewCache(-1)
	require.Error(t, err)
}

func TestACacheIsSafeForConcurrentUse(t *testing.T) {
	policies := mixed(10)
	fresh, err := policy.NewSet(policies)
	require.NoError(t, err)
	want := answerOf(t, fresh)
	cache, err := policy.NewCache(600) // less than all of them
	require.NoError(t, err)
	var group sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		group.Go(func() {
			for range 20 {
				set, err := cache.Set(policies)
				if err != nil {
					answers[i] = err.Error()
					return
				}
				answers[i] = answerOf(t, set)
			}
		})
	}
	group.Wait()
	for _, answer := range answers {
		require.Equal(t, want, answer)
	}
}
