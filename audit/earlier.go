// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"math"
	"slices"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
)

// afterwards is the place of what is only known to have come after the anchor.
var afterwards = standing.Position{Block: math.MaxUint64}

// earlier takes from the earlier states of a record what they tell of its changes. The votes are of
// states that hold the anchor, so that a change which an earlier one does not tell came after the
// anchor. The changes that it tells came not later than the last of them.
func earlier[T any](j *judgement, votes *ballot[T], newest *candidate[T], changes func(T) []record.Moment, updated func(T) record.Moment) {
	older := slices.DeleteFunc(slices.Clone(votes.candidates), func(c *candidate[T]) bool {
		return len(c.organisations) < j.v.Trust().Attestations || !c.place.Before(newest.place)
	})
	slices.SortFunc(older, func(a, b *candidate[T]) int { // the earliest last: it says most
		if a.place.Before(b.place) {
			return 1
		}
		return -1
	})
	for _, c := range older {
		told := map[string]bool{}
		for _, m := range changes(c.value) {
			told[m.Tx] = true
			j.last[m.Tx] = updated(c.value).Tx
		}
		locate(j, c, updated(c.value).Tx)
		for _, m := range changes(newest.value) {
			if !told[m.Tx] {
				j.followed[m.Tx] = true
			}
		}
	}
}
