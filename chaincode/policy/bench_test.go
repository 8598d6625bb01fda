// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

// BenchmarkStep tells how long a step takes in each way to keep the evaluator busy.
func BenchmarkStep(b *testing.B) {
	conditions := hostile()
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		b.Run(name, func(b *testing.B) {
			text := heaviest(b, conditions[name])
			p, err := policy.Parse(text)
			require.NoError(b, err)
			set, err := policy.NewSet(stored(slices.Repeat([]string{text}, 20)...))
			require.NoError(b, err)
			who, device := fullUser(b), full()
			for b.Loop() {
				set.Decide(who, "read", device, fullContext(), now)
			}
			perDecision := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(perDecision/float64(set.Cost()), "ns/step")
			b.ReportMetric(float64(p.Cost()), "steps/policy")
		})
	}
}

// BenchmarkWorstDecision decides about as many devices as the budget allows, with the policies
// that take longest for a step.
func BenchmarkWorstDecision(b *testing.B) {
	conditions := hostile()
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		b.Run(name, func(b *testing.B) {
			set, err := policy.NewSet(stored(slices.Repeat([]string{heaviest(b, conditions[name])}, record.MaxPolicies)...))
			require.NoError(b, err)
			who, device := fullUser(b), full()
			set = set.For(who, "read")
			devices := min(500, policy.Budget/set.Cost())
			require.NoError(b, set.Affordable(devices))
			for b.Loop() {
				for range devices {
					set.Decide(who, "read", device, fullContext(), now)
				}
			}
			b.ReportMetric(float64(devices), "devices")
		})
	}
}

// BenchmarkManySmallPolicies is [BenchmarkWorstDecision] with policies of one condition.
func BenchmarkManySmallPolicies(b *testing.B) {
	conditions := hostile()
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		b.Run(name, func(b *testing.B) {
			text := "permit(principal, action, resource) when { " + conditions[name] + " };"
			set, err := policy.NewSet(stored(slices.Repeat([]string{text}, record.MaxPolicies)...))
			require.NoError(b, err)
			who, device := fullUser(b), full()
			set = set.For(who, "read")
			devices := min(500, policy.Budget/set.Cost())
			for b.Loop() {
				for range devices {
					set.Decide(who, "read", device, fullContext(), now)
				}
			}
			b.ReportMetric(float64(devices), "devices")
		})
	}
}

// BenchmarkWithoutLimits decides about one device by policies that Parse refuses: what a decision
// cost before policies had a cost. 500 devices take 500 times as long.
func BenchmarkWithoutLimits(b *testing.B) {
	set, err := policy.NewSet(stored(slices.Repeat([]string{costly()}, record.MaxPolicies)...))
	require.NoError(b, err)
	who, device := fullUser(b), full()
	for b.Loop() {
		set.Decide(who, "read", device, fullContext(), now)
	}
}

// BenchmarkParse parses what takes the parser or the validator longest, accepted or not.
func BenchmarkParse(b *testing.B) {
	texts := unpleasant()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = policy.Parse(texts[name])
			}
		})
	}
}

// BenchmarkSet makes a set of the most policies of the longest texts, parsed each time and cached.
func BenchmarkSet(b *testing.B) {
	policies := stored(slices.Repeat([]string{heaviest(b, hostile()["attribute"])}, record.MaxPolicies)...)
	cache, err := policy.NewCache(policy.DefaultCache)
	require.NoError(b, err)
	_, err = cache.Set(policies)
	require.NoError(b, err)
	for name, set := range map[string]func([]record.Policy) (*policy.Set, error){"parsed": policy.NewSet, "cached": cache.Set} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := set(policies)
				require.NoError(b, err)
			}
		})
	}
}
