// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"iter"

	"github.com/cedar-policy/cedar-go"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Budget is the number of steps that one decision may take.
const Budget = 10_000_000

// devicePrice is the number of steps that a device takes before any policy is evaluated.
const devicePrice = 2_000

// ErrTooCostly says that a decision would take more than [Budget] steps.
var ErrTooCostly = errors.New("policy: the decision takes too long")

// Set is an organisation's policies in force, or those of them that [Set.For] left. It is
// immutable and safe for concurrent use.
type Set struct {
	// members are in the order in which they were given.
	members  []member
	byID     map[string]int
	narrowed bool
}

// member is a policy of a set.
type member struct {
	Policy
	id       string
	revision uint64
}

// NewSet parses policies, which were valid when they were put. The error names the policy.
func NewSet(policies []record.Policy) (*Set, error) {
	return build(policies, func(p record.Policy) (Policy, error) { return parseOne(p.Text) })
}

// build makes a set with a way to parse a policy. Of two policies with one id the later counts.
func build(policies []record.Policy, parse func(record.Policy) (Policy, error)) (*Set, error) {
	set := &Set{byID: make(map[string]int, len(policies))}
	for _, p := range policies {
		parsed, err := parse(p)
		if err != nil {
			return nil, fmt.Errorf("policy %q of %s, revision %d: %w", p.ID, p.Owner, p.Revision, err)
		}
		set.add(member{Policy: parsed, id: p.ID, revision: p.Revision})
	}
	return set, nil
}

// add puts a policy into the set.
func (s *Set) add(m member) {
	if i, found := s.byID[m.id]; found {
		s.members[i] = m
		return
	}
	s.byID[m.id] = len(s.members)
	s.members = append(s.members, m)
}

// All yields the policies by id, as Cedar wants them.
func (s *Set) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, m := range s.members {
			if !yield(cedar.PolicyID(m.id), m.cedar) {
				return
			}
		}
	}
}

// reference names a policy of the set with its revision.
func (s *Set) reference(id string) record.PolicyReference {
	return record.PolicyReference{ID: id, Revision: s.members[s.byID[id]].revision}
}

// For returns the policies whose head lets this principal and this action through. The others
// cannot decide about it, so both sets decide alike; the smaller one costs less.
func (s *Set) For(p Principal, action string) *Set {
	some := &Set{byID: map[string]int{}, narrowed: true}
	for _, m := range s.members {
		if appliesTo(m.tree(), p.entity, actionOf(action)) {
			some.add(m)
		}
	}
	return some
}

// Cost returns the number of steps that deciding about one device takes at most.
func (s *Set) Cost() int {
	steps := devicePrice
	for _, m := range s.members {
		if s.narrowed {
			steps += m.narrowedCost()
		} else {
			steps += m.Cost()
		}
	}
	return steps
}

// Affordable reports whether deciding about so many devices stays within [Budget]. The error
// wraps [ErrTooCostly] and says about how many devices one may ask at a time. One device is
// always affordable if each policy was accepted by [Parse] and there are at most
// record.MaxPolicies.
func (s *Set) Affordable(devices int) error {
	each := s.Cost()
	limit := Budget / each
	switch {
	case devices <= limit:
		return nil
	case limit == 0:
		return fmt.Errorf("%w: %d policies take up to %d steps for a device, more than %d; their owner must revoke or simplify some",
			ErrTooCostly, len(s.members), each, Budget)
	default:
		return fmt.Errorf("%w: %d policies take up to %d steps for a device; ask about at most %d devices at a time, not %d",
			ErrTooCostly, len(s.members), each, limit, devices)
	}
}
