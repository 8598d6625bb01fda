// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

// policySet reads an organisation's policies in force, ready to decide.
func (tx *transaction) policySet(owner string) (*policy.Set, error) {
	inForce, err := tx.policiesInForce(owner)
	if err != nil {
		return nil, err
	}
	set, err := tx.instance.policies.Set(inForce)
	if err != nil {
		return nil, record.Errorf(record.Internal, "%v", err)
	}
	return set, nil
}

// policiesInForce reads an organisation's policies in force.
func (tx *transaction) policiesInForce(owner string) ([]record.Policy, error) {
	keys, err := tx.inForce(owner)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	values, err := tx.getMany(keys)
	if err != nil {
		return nil, err
	}
	var inForce []record.Policy
	for i, value := range values {
		if value == nil {
			continue
		}
		var p record.Policy
		if err := decodeState(keys[i], value, &p); err != nil {
			return nil, err
		}
		if p.Active {
			inForce = append(inForce, p)
		}
	}
	return inForce, nil
}

// inForce returns the keys of an organisation's policies in force. The range is checked again at
// commit, so that none is added beyond what policies:Put allows.
func (tx *transaction) inForce(owner string) ([]string, error) {
	rows, err := tx.stub.GetStateByPartialCompositeKey(record.ActivePolicyIndex, []string{owner})
	if err != nil {
		return nil, record.Errorf(record.Internal, "read the policies of %s: %v", owner, err)
	}
	defer rows.Close() //nolint:errcheck // the peer frees it at the end of the transaction anyway
	var keys []string
	for rows.HasNext() {
		row, err := rows.Next()
		if err != nil {
			return nil, record.Errorf(record.Internal, "read the policies of %s: %v", owner, err)
		}
		if _, parts := record.SplitKey(row.GetKey()); len(parts) == 2 {
			keys = append(keys, record.PolicyKey(parts[0], parts[1]))
		}
	}
	return keys, nil
}
