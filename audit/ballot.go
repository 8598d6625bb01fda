// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"slices"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
)

// ballot counts which organisations say what: values that are the same bytes are the same.
type ballot[T any] struct{ candidates []*candidate[T] }

// candidate is a value and the organisations that attest it.
type candidate[T any] struct {
	value         T
	bytes         string
	organisations []string
	answers       []answer
}

func newBallot[T any]() *ballot[T] { return &ballot[T]{} }

// add counts a vote. A value that cannot be encoded came from no ledger and is not counted.
func (b *ballot[T]) add(value T, a answer) {
	data, err := record.Encode(value)
	if err != nil {
		return
	}
	i := slices.IndexFunc(b.candidates, func(c *candidate[T]) bool { return c.bytes == string(data) })
	if i < 0 {
		b.candidates = append(b.candidates, &candidate[T]{value: value, bytes: string(data)})
		i = len(b.candidates) - 1
	}
	c := b.candidates[i]
	c.organisations = slices.Compact(slices.Sorted(slices.Values(append(c.organisations, a.organisations...))))
	c.answers = append(c.answers, a)
}

// winner is the value that most organisations attest.
func (b *ballot[T]) winner() *candidate[T] {
	if len(b.candidates) == 0 {
		return nil
	}
	return slices.MaxFunc(b.candidates, func(x, y *candidate[T]) int { return cmp.Compare(len(x.organisations), len(y.organisations)) })
}

// newest is the newest value among those that enough organisations attest, or, where there is none,
// the winner. A value under a key of the ledger is newer than another when a later transaction wrote
// it, or, where that is not known, when it is attested as of a later batch.
func (b *ballot[T]) newest(need int, key string) *candidate[T] {
	enough := slices.DeleteFunc(slices.Clone(b.candidates), func(c *candidate[T]) bool { return len(c.organisations) < need })
	if len(enough) == 0 {
		return b.winner()
	}
	return slices.MaxFunc(enough, func(x, y *candidate[T]) int {
		p, knownP, _ := x.position(key, need)
		q, knownQ, _ := y.position(key, need)
		if knownP && knownQ && p != q {
			return cmp.Or(cmp.Compare(p.Block, q.Block), cmp.Compare(p.Index, q.Index))
		}
		return cmp.Compare(x.asOf(need).said.Head.Number, y.asOf(need).said.Head.Number)
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

// asOf is an answer of the newest state of which enough organisations attest the value: each counts
// with its newest answer, so that fewer cannot make the value seem newer than it is.
func (c *candidate[T]) asOf(need int) answer {
	var newest []answer
	for _, msp := range c.organisations {
		var of answer
		for _, a := range c.answers {
			if slices.Contains(a.organisations, msp) && (of.transaction == nil || a.said.Head.Number > of.said.Head.Number) {
				of = a
			}
		}
		newest = append(newest, of)
	}
	if len(newest) == 0 {
		return c.answers[0]
	}
	slices.SortStableFunc(newest, func(x, y answer) int { return cmp.Compare(y.said.Head.Number, x.said.Head.Number) })
	return newest[min(need, len(newest))-1]
}

// position is where the transaction stands that wrote the value under a key: the version that peers of
// enough organisations signed as what they read. contradicted says that somebody signed another.
func (c *candidate[T]) position(key string, need int) (p standing.Position, known, contradicted bool) {
	by := map[standing.Position][]string{}
	for _, a := range c.answers {
		if read, there := readPosition(a, key); there && len(a.organisations) > 0 {
			by[read] = append(by[read], a.organisations...)
		}
	}
	enough := 0
	for read, organisations := range by {
		slices.Sort(organisations)
		if len(slices.Compact(organisations)) >= need {
			p, enough = read, enough+1
		}
	}
	if enough != 1 {
		return standing.Position{}, false, len(by) > 1
	}
	return p, true, len(by) > 1
}
