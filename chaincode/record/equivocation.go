// SPDX-License-Identifier: Apache-2.0

package record

import "github.com/anchorline/anchorline/reading/name"

// EquivocationType is the type of an EquivocationReport.
const EquivocationType = "equivocation"

// Contradiction says in what a stream's word contradicts the ledger.
type Contradiction string

// The contradictions.
const (
	// OtherAnchor: another anchor, or another root, than the ledger has under the number.
	OtherAnchor Contradiction = "other-anchor"
	// OtherTransaction: the anchor of the ledger, but another transaction that brought it.
	OtherTransaction Contradiction = "other-transaction"
	// OtherTime: anchor and transaction of the ledger, but another time.
	OtherTime Contradiction = "other-time"
	// NotAnchored: the ledger has no anchor under the number.
	NotAnchored Contradiction = "not-anchored"
)

// EquivocationReport is the evidence that a stream stands for something else than what it anchored.
type EquivocationReport struct {
	Type    string    `json:"type"`
	Version int       `json:"version"`
	Stream  name.Name `json:"stream"`
	Number  uint64    `json:"number"`
	// Contradiction says what is not as on the ledger.
	Contradiction Contradiction `json:"contradiction"`
	// Digest tells one claim from another: SHA-256, in hexadecimal, of what the stream signed or
	// stated, whatever the signature over it.
	Digest string `json:"digest"`
	// Anchored is the hash of the anchor on the ledger; empty when there is none under the number.
	Anchored string `json:"anchored,omitempty"`
	// Claimed is the hash of the anchor that the stream stands for.
	Claimed string `json:"claimed"`
	// Root is the root that the stream stands for, in hexadecimal.
	Root string `json:"root"`
	// Receipt is the evidence: a receipt with the stream's own signature, in base64url. It is empty
	// when the stream's own bridge stated another anchor: then the evidence is its signature under
	// this transaction.
	Receipt string `json:"receipt,omitempty"`
	// Key is the id of the stream's key that signed the receipt, which was valid at the time that
	// the receipt states.
	Key string `json:"key,omitempty"`
	// KeyReason is why that key was replaced, when it was without its own consent: whoever stole it
	// may have made the receipt.
	KeyReason string `json:"keyReason,omitempty"`
	// Anchor is the other anchor, when the bridge stated it.
	Anchor *Anchor `json:"anchor,omitempty"`
	// By is the MSP ID of who reported it.
	By       string `json:"by"`
	Reported Moment `json:"reported"`
}
