// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
)

// rotated returns keys with the open one ended by this transaction and the new one of the request
// open from then on. A key that was used before is refused: what it once signed would become valid
// again.
func (tx *transaction) rotated(keys []record.Key, req call.Rotation, s reading.Subject) ([]record.Key, error) {
	next, err := proveKey(req.Key, req.Proof, s)
	if err != nil {
		return nil, err
	}
	if req.Authorization != "" {
		if err := authorizeRotation(req.Authorization, keys, s, next); err != nil {
			return nil, err
		}
	}
	if old, used := record.FindKey(keys, next.ID); used {
		return nil, record.Errorf(record.Conflict, "key %s was used before; take a fresh one", old.ID)
	}
	if len(keys) >= record.MaxKeys {
		return nil, record.Errorf(record.Conflict, "%d keys were used, which is the most there can be", len(keys))
	}
	if current, open := record.CurrentKey(keys); open {
		if err := within("compromisedSince", req.CompromisedSince, current.From.Time, tx.now); err != nil {
			return nil, err
		}
	}
	now := tx.moment()
	next.From = now
	return append(record.CloseKey(keys, now, req.Reason, req.CompromisedSince), next), nil
}
