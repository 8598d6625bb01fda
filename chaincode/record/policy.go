// SPDX-License-Identifier: Apache-2.0

package record

// PolicyType is the type of a Policy.
const PolicyType = "policy"

// MaxPolicyText is the size in bytes of the longest policy.
const MaxPolicyText = 8 << 10

// MaxPolicies is the number of policies that one decision reads. An organisation that has more
// must revoke some: a decision that left some out would not be one.
const MaxPolicies = 200

// Policy is one version of an access policy over an organisation's devices.
type Policy struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// Owner is the MSP ID of the organisation whose devices the policy governs.
	Owner string `json:"owner"`
	ID    string `json:"id"`
	// Revision counts from 1 by 1. Every revision is kept.
	Revision uint64 `json:"revision"`
	// Text is one policy in the Cedar language; empty in a revision that revokes.
	Text string `json:"text,omitempty"`
	// Active is false in a revision that revokes.
	Active bool `json:"active"`
	// Reason says why the policy was revoked.
	Reason  string `json:"reason,omitempty"`
	Updated int64  `json:"updated"`
}
