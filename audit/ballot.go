// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"slices"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
)

// ballot counts which organisations say what of a record of the ledger. What peers attest of a record
// is its value and the place of the transaction that wrote it: both are under their signatures, and
// two answers are the same only if both are.
type ballot[T any] struct {
	// keys are where the ledger stores the record, first the record itself, then what it is put together
	// with; none for what is no record.
	keys       []string
	candidates []*candidate[T]
}

// candidate is a value with its place, and the organisations that attest it.
type candidate[T any] struct {
	value         T
	bytes         string
	place         standing.Position // zero for what is no record
	organisations []string
	answers       []answer
}

func newBallot[T any](keys ...string) *ballot[T] { return &ballot[T]{keys: keys} }

// add counts a vote, and reports whether it counts. A value that cannot be encoded came from no ledger,
// and neither did a record that the peers do not say to have read.
func (b *ballot[T]) add(value T, a answer) bool {
	place, read := standing.Position{}, true
	if len(b.keys) > 0 {
		place, read = lastPosition(a, b.keys)
	}
	data, err := record.Encode(value)
	if err != nil || !read {
		return false
	}
	i := slices.IndexFunc(b.candidates, func(c *candidate[T]) bool { return c.bytes == string(data) && c.place == place })
	if i < 0 {
		b.candidates = append(b.candidates, &candidate[T]{value: value, bytes: string(data), place: place})
		i = len(b.candidates) - 1
	}
	c := b.candidates[i]
	c.organisations = slices.Compact(slices.Sorted(slices.Values(append(c.organisations, a.organisations...))))
	c.answers = append(c.answers, a)
	return true
}

// winner is the value that most organisations attest.
func (b *ballot[T]) winner() *candidate[T] {
	if len(b.candidates) == 0 {
		return nil
	}
	return slices.MaxFunc(b.candidates, func(x, y *candidate[T]) int { return cmp.Compare(len(x.organisations), len(y.organisations)) })
}

// newest is the value that a later transaction wrote than any other among those that enough
// organisations attest, or, where there is none, the winner.
func (b *ballot[T]) newest(need int) *candidate[T] {
	enough := slices.DeleteFunc(slices.Clone(b.candidates), func(c *candidate[T]) bool { return len(c.organisations) < need })
	if len(enough) == 0 {
		return b.winner()
	}
	return slices.MaxFunc(enough, func(x, y *candidate[T]) int {
		return cmp.Or(cmp.Compare(x.place.Block, y.place.Block), cmp.Compare(x.place.Index, y.place.Index))
	})
}

// except returns the organisations that attest something else than c, and not c itself, in answers
// that count.
func (b *ballot[T]) except(c *candidate[T], counts func(answer) bool) []string {
	var others []string
	for _, o := range b.candidates {
		if o == c {
			continue
		}
		for _, a := range o.answers {
			if counts(a) {
				others = append(others, a.organisations...)
			}
		}
	}
	others = slices.DeleteFunc(others, func(msp string) bool { return slices.Contains(c.organisations, msp) })
	slices.Sort(others)
	return slices.Compact(others)
}

// both returns the organisations that attest c and something else as well.
func (b *ballot[T]) both(c *candidate[T]) []string {
	return slices.DeleteFunc(slices.Clone(c.organisations), func(msp string) bool {
		return !slices.ContainsFunc(b.candidates, func(o *candidate[T]) bool { return o != c && slices.Contains(o.organisations, msp) })
	})
}

// asOf is the newest state of which enough organisations attest the value: each counts with its newest
// answer, and of the newest as many as are needed the oldest number, block and time are taken, each by
// itself. At least one of so many is honest, so that fewer cannot make the value seem newer than it is.
func (c *candidate[T]) asOf(need int) State {
	var newest []State
	for _, msp := range c.organisations {
		var of *State
		for _, a := range c.answers {
			if s := stateOf(a); slices.Contains(a.organisations, msp) && (of == nil || s.Number > of.Number) {
				of = &s
			}
		}
		newest = append(newest, *of)
	}
	if len(newest) == 0 {
		return stateOf(c.answers[0])
	}
	slices.SortStableFunc(newest, func(x, y State) int { return cmp.Compare(y.Number, x.Number) })
	oldest := newest[0]
	for _, s := range newest[:min(max(need, 1), len(newest))] {
		oldest = oldest.older(s)
	}
	return oldest
}

// stateOf is the state that an answer says to be of.
func stateOf(a answer) State {
	s := State{Number: a.said.Head.Number, Asked: a.transaction.Time}
	if p, known := readPosition(a, record.HeadKey(a.said.Head.Stream)); known {
		s.Block = p.Block
	}
	return s
}

// older takes the smaller of each part: what both states are not older than.
func (s State) older(o State) State {
	return State{Number: min(s.Number, o.Number), Block: min(s.Block, o.Block), Asked: min(s.Asked, o.Asked)}
}
