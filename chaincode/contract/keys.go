// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
)

// Limits of rotations by consent alone. Whoever holds a key must not use up all that there may be, so
// that its owner can no longer replace it.
const (
	// maxConsents is the number of keys that may be put in by consent within consentPeriod, in
	// milliseconds of ledger time.
	maxConsents   = 8
	consentPeriod = 24 * 3_600_000
	// reservedKeys of the keys that there may be are left to rotations for a reason.
	reservedKeys = 64
)

// mayConsent refuses a rotation by consent when there were many of late, or when what is left is the
// owner's.
func (tx *transaction) mayConsent(keys []record.Key, s reading.Subject) error {
	recent := 0
	for i, k := range keys {
		if i > 0 && keys[i-1].Reason == "" && k.From.Time > tx.now-consentPeriod {
			recent++
		}
	}
	switch {
	case recent >= maxConsents:
		return record.Errorf(record.Conflict, "%s had %d keys by consent within 24 h, which is the most there can be; its owner can replace the key for a reason", s.Name, recent)
	case len(keys) >= record.MaxKeys-reservedKeys:
		return record.Errorf(record.Conflict, "%s had %d keys; what is left is for its owner to replace one for a reason", s.Name, len(keys))
	default:
		return nil
	}
}

// rotated returns keys with the open one ended by this transaction and the new one of the request
// open from then on. A key that was used before is refused: what it once signed would become valid
// again.
func (tx *transaction) rotated(keys []record.Key, req call.Rotation, s reading.Subject) ([]record.Key, error) {
	next, err := proveKey(req.Key, req.Proof, s)
	if err != nil {
		return nil, err
	}
	if req.Authorization != "" {
		if err := tx.mayConsent(keys, s); err != nil {
			return nil, err
		}
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
