// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"

	"github.com/anchorline/anchorline/chaincode/record"
)

// rotate closes the open key at a time and appends the new one, open from then on. A key that
// was used before is refused: what it once signed would become valid again.
func rotate(keys []record.Key, next record.Key, at int64, reason string) ([]record.Key, error) {
	if old, used := record.FindKey(keys, next.ID); used {
		return nil, record.Errorf(record.Conflict, "key %s was used before; take a fresh one", old.ID)
	}
	if len(keys) >= record.MaxKeys {
		return nil, record.Errorf(record.Conflict, "%d keys were used, which is the most there can be", len(keys))
	}
	next.From = at
	return append(closeKey(keys, at, reason), next), nil
}

// closeKey returns keys with the open one ended at a time, for a reason.
func closeKey(keys []record.Key, at int64, reason string) []record.Key {
	closed := slices.Clone(keys)
	if _, open := record.CurrentKey(closed); open {
		last := &closed[len(closed)-1]
		last.Until, last.Reason = at, reason
	}
	return closed
}
