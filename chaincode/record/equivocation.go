// SPDX-License-Identifier: Apache-2.0

package record

// EquivocationType is the type of an EquivocationReport.
const EquivocationType = "equivocation"

// EquivocationReport is the evidence that a stream stands for something else than what it anchored.
type EquivocationReport struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	Stream  string `json:"stream"`
	Number  uint64 `json:"number"`
	// Anchored is the hash of the anchor on the ledger.
	Anchored string `json:"anchored"`
	// Claimed is the hash of the other anchor. It is Anchored itself when a receipt leads to a root
	// that the anchor does not have.
	Claimed string `json:"claimed"`
	// Root is the root of the other batch, in hexadecimal.
	Root string `json:"root"`
	// Receipt is the evidence: a receipt over the other anchor with the stream's own signature,
	// in base64url. It is empty when the stream's own bridge stated the other anchor: then the
	// evidence is its signature under this transaction.
	Receipt string `json:"receipt,omitempty"`
	// Key is the id of the stream's key that signed the receipt.
	Key string `json:"key,omitempty"`
	// Anchor is the other anchor, when the bridge stated it.
	Anchor *Anchor `json:"anchor,omitempty"`
	// By is the MSP ID of who reported it.
	By       string `json:"by"`
	TxID     string `json:"txId"`
	Reported int64  `json:"reported"`
}
