// SPDX-License-Identifier: Apache-2.0

package audit

// ID names a check. It is stable: the JavaScript verifier and the vectors use the same.
type ID string

// The checks, in the order in which a report lists them.
const (
	// StatementFormat: the file is one statement in its one encoding.
	StatementFormat ID = "statement.format"
	// ReadingKey: the attested record of the device has the key that the reading names.
	ReadingKey ID = "reading.key"
	// ReadingSignature: that key signed exactly these bytes.
	ReadingSignature ID = "reading.signature"
	// ReadingStanding: key and device stood when the ledger took the batch.
	ReadingStanding ID = "reading.standing"
	// ReceiptLedger: the receipt is of the ledger whose members are trusted.
	ReceiptLedger ID = "receipt.ledger"
	// ReceiptKey: the attested record of the stream has the key that the receipt names.
	ReceiptKey ID = "receipt.key"
	// ReceiptSignature: that key signed the root that reading and path lead to.
	ReceiptSignature ID = "receipt.signature"
	// ReceiptStanding: that key may have signed a receipt for an anchor of this time.
	ReceiptStanding ID = "receipt.standing"
	// AnchorHash: the anchor is the one whose hash the receipt names, in canonical form.
	AnchorHash ID = "anchor.hash"
	// AnchorContent: the anchor is of the receipt's stream and number.
	AnchorContent ID = "anchor.content"
	// InclusionPath: the path leads from the reading to the anchor's root, in a batch of its size.
	InclusionPath ID = "inclusion.path"
	// EndorsedTransaction: the anchor's transaction is there, and calls what it should.
	EndorsedTransaction ID = "endorsed.transaction"
	// EndorsedCreator: a member of the stream's owner signed the transaction.
	EndorsedCreator ID = "endorsed.creator"
	// EndorsedProposal: what the endorsers signed answers this very proposal.
	EndorsedProposal ID = "endorsed.proposal"
	// EndorsedWrites: the transaction writes exactly this anchor.
	EndorsedWrites ID = "endorsed.writes"
	// EndorsedSignatures: peers of at least one organisation endorsed it.
	EndorsedSignatures ID = "endorsed.signatures"
	// OrderedBlock: each block holds the transactions that its header names.
	OrderedBlock ID = "ordered.block"
	// OrderedSignatures: enough orderers signed each block.
	OrderedSignatures ID = "ordered.signatures"
	// AttestedTransaction: each attestation is an answer of the chaincode to anchors:Attest.
	AttestedTransaction ID = "attested.transaction"
	// AttestedProposal: what its endorsers signed answers this very question.
	AttestedProposal ID = "attested.proposal"
	// AttestedAnswer: the answer is in its form and of this ledger.
	AttestedAnswer ID = "attested.answer"
	// AttestedSignatures: peers of as many organisations as trust.json asks for attest.
	AttestedSignatures ID = "attested.signatures"
	// AttestedAnchor: the ledger's state holds this anchor, by the receipt's transaction and time.
	AttestedAnchor ID = "attested.anchor"
	// Repudiated: no owner disowned the key, and no evidence against the batch is on the ledger.
	Repudiated ID = "repudiated"
)

// IDs returns every check in the order of a report.
func IDs() []ID {
	return []ID{
		StatementFormat, ReadingKey, ReadingSignature, ReadingStanding,
		ReceiptLedger, ReceiptKey, ReceiptSignature, ReceiptStanding,
		AnchorHash, AnchorContent, InclusionPath,
		EndorsedTransaction, EndorsedCreator, EndorsedProposal, EndorsedWrites, EndorsedSignatures,
		OrderedBlock, OrderedSignatures,
		AttestedTransaction, AttestedProposal, AttestedAnswer, AttestedSignatures, AttestedAnchor,
		Repudiated,
	}
}

// Outcome is what became of a check.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // what it needs is not there; the detail says what
)

// A Check is one thing that was looked at.
type Check struct {
	ID      ID      `json:"id"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"`
}

// Level is a rung of the ladder that a statement climbs.
type Level string

// The levels, lowest first. Each says more than the one before.
const (
	// Signed: the device signed exactly these bytes, with a key that stood.
	Signed Level = "signed"
	// Received: the stream stands for them: they are in its batch.
	Received Level = "received"
	// Endorsed: peers of organisations endorsed the anchor of the batch.
	Endorsed Level = "endorsed"
	// Ordered: the ordering service put the anchor's transaction into a block.
	Ordered Level = "ordered"
	// Attested: peers of enough organisations signed that the ledger's state holds the anchor.
	Attested Level = "attested"
	// Unrepudiated: and that nobody disowned key, device or batch, as of a later state.
	Unrepudiated Level = "unrepudiated"
)

// Levels returns every level, lowest first.
func Levels() []Level { return []Level{Signed, Received, Endorsed, Ordered, Attested, Unrepudiated} }
