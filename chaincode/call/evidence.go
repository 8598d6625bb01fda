// SPDX-License-Identifier: Apache-2.0

package call

import (
	"fmt"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading/name"
)

// maxReceipt is the length in characters of the longest receipt in a request.
const maxReceipt = 16 << 10

// Inclusion is the answer of anchors:VerifyInclusion: whether a reading is in an anchored batch, and
// whose word it is.
type Inclusion struct {
	Stream name.Name `json:"stream"`
	Number uint64    `json:"number"`
	Hash   string    `json:"hash"` // of the anchor
	TxID   string    `json:"txId"` // of the transaction that anchored
	// Included is true when the path of the proof leads from the reading to the anchored root; Reason
	// says why not. It is true or not whoever made the proof.
	Included bool   `json:"included"`
	Reason   string `json:"reason,omitempty"`
	// Device, Sequence and DeviceTime are what the reading says of itself.
	Device     name.Name `json:"device"`
	Sequence   uint64    `json:"sequence"`
	DeviceTime int64     `json:"deviceTime"`
	// Signed is true when a key that the ledger has of this device, by id Key, made the reading's
	// signature, and that key stood at the ledger time of the anchor.
	Signed bool   `json:"signed"`
	Key    string `json:"key,omitempty"`
	// Standing is what the key that the reading names was worth at the ledger time of the anchor, by
	// times alone. It is there whether the signature is good or not; nil when the ledger has no such
	// device.
	Standing *standing.Verdict `json:"standing,omitempty"`
	// SignatureReason says why Signed is false.
	SignatureReason string `json:"signatureReason,omitempty"`
	// Receipt is about the receipt itself; nil when the proof was a bare path.
	Receipt *ReceiptCheck `json:"receipt,omitempty"`
}

// ReceiptCheck says whether a receipt is the stream's word about this batch.
type ReceiptCheck struct {
	// Verified is true when the receipt says what the ledger says, and a key of the stream signed it
	// that stood at the time which the receipt states.
	Verified bool `json:"verified"`
	// Reason says why not.
	Reason string `json:"reason,omitempty"`
	// Standing is what the stream's key was worth at that time.
	Standing *standing.Verdict `json:"standing,omitempty"`
}

// Equivocation is evidence that a stream stands for something else than what it anchored
// (anchors:ReportEquivocation): either a receipt with the root that it signs, or, from the stream's
// own bridge, the other anchor. The reading that a receipt is for is left out: payloads do not belong
// on the ledger.
type Equivocation struct {
	// Anchor is the other anchor in canonical form.
	Anchor string `json:"anchor,omitempty"`
	// Receipt is the receipt, in base64url.
	Receipt string `json:"receipt,omitempty"`
	// Root is the root to which reading and receipt lead, in hexadecimal.
	Root string `json:"root,omitempty"`
}

// Validate reports the first fault.
func (r Equivocation) Validate() error {
	if r.Anchor != "" {
		if r.Receipt != "" || r.Root != "" {
			return either("give either \"anchor\", or \"receipt\" and \"root\"")
		}
		return nil
	}
	if r.Receipt == "" {
		return missing("receipt")
	}
	return record.First(record.CheckHash("root", r.Root), record.CheckText("receipt", r.Receipt, maxReceipt))
}

// OfStream is the request of a list about a stream, about every stream when Stream is empty
// (anchors:ListEquivocations).
type OfStream struct {
	Stream name.Name `json:"stream,omitzero"`
	Page
}

// Equivocations is a page of evidence.
type Equivocations struct {
	Equivocations []record.EquivocationReport `json:"equivocations"`
	Bookmark      string                      `json:"bookmark"`
}

// AttestRequest asks peers to say what the ledger has of a stream and of devices (anchors:Attest),
// all as of one state. The answer is a [record.Attestation].
type AttestRequest struct {
	Stream name.Name `json:"stream"`
	// From and To are the numbers of the first and the last anchor wanted, at most
	// record.MaxAttestedAnchors of them; both 0 for none.
	From uint64 `json:"from,omitempty"`
	To   uint64 `json:"to,omitempty"`
	// Devices are the devices wanted, at most record.MaxAttestedDevices.
	Devices []name.Name `json:"devices,omitempty"`
	// Nonce is 32 random bytes in hexadecimal, by which the answer is known to be a fresh one.
	Nonce string `json:"nonce"`
}

// Validate reports the first fault.
func (r AttestRequest) Validate() error {
	if err := record.First(checkFullName("stream", r.Stream), record.CheckHash("nonce", r.Nonce)); err != nil {
		return err
	}
	switch {
	case (r.From == 0) != (r.To == 0) || r.From > r.To:
		return record.Faultf("to", "must not be before \"from\"; give both, or none")
	case r.To-r.From >= record.MaxAttestedAnchors:
		return record.Faultf("to", "asks for more than %d anchors", record.MaxAttestedAnchors)
	case len(r.Devices) > record.MaxAttestedDevices:
		return record.Faultf("devices", "has %d elements; at most %d are allowed", len(r.Devices), record.MaxAttestedDevices)
	}
	seen := map[name.Name]bool{}
	for i, d := range r.Devices {
		if seen[d] {
			return record.Faultf(fmt.Sprintf("devices[%d]", i), "%s comes twice", d)
		}
		seen[d] = true
	}
	return nil
}
