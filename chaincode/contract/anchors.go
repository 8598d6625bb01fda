// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// Anchors is the contract "anchors": the streams and their unbroken chains of batches.
type Anchors struct {
	contractapi.Contract
}

func newAnchors() *Anchors {
	return &Anchors{Contract: contractapi.Contract{Name: anchorsName, Info: info(anchorsName)}}
}

// GetEvaluateTransactions names the functions that only read.
func (*Anchors) GetEvaluateTransactions() []string { return evaluated(anchorsName) }

// OpenStream opens a stream that the caller, and nobody else, may write.
func (*Anchors) OpenStream(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, openStream)
}

// GetStream returns a stream.
func (*Anchors) GetStream(ctx contractapi.TransactionContextInterface, stream string) (string, error) {
	return answer(ctx, func(tx *transaction) (record.Stream, error) {
		n, err := parseName("stream", stream)
		if err != nil {
			return record.Stream{}, err
		}
		return tx.stream(n)
	})
}

// Anchor stores the next anchor of its stream.
func (*Anchors) Anchor(ctx contractapi.TransactionContextInterface, anchor string) (string, error) {
	parsed, err := record.ParseAnchor([]byte(anchor))
	if err != nil {
		return "", record.Invalid(err)
	}
	return answer(ctx, func(tx *transaction) (record.AnchorEntry, error) { return putAnchor(tx, parsed) })
}

// Get returns an anchor by its stream and its number in decimal.
func (*Anchors) Get(ctx contractapi.TransactionContextInterface, stream, number string) (string, error) {
	return answer(ctx, func(tx *transaction) (record.AnchorEntry, error) {
		named, err := parseName("stream", stream)
		if err != nil {
			return record.AnchorEntry{}, err
		}
		n, err := parseNumber("number", number)
		if err != nil {
			return record.AnchorEntry{}, err
		}
		return tx.anchor(named, n)
	})
}

// Head returns the last anchor's number and hash.
func (*Anchors) Head(ctx contractapi.TransactionContextInterface, stream string) (string, error) {
	return answer(ctx, func(tx *transaction) (record.Head, error) {
		n, err := parseName("stream", stream)
		if err != nil {
			return record.Head{}, err
		}
		return tx.head(n)
	})
}

// ListStreams returns a page of the streams.
func (*Anchors) ListStreams(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, listStreams)
}

// ListByDay returns a page of the anchors of a day.
func (*Anchors) ListByDay(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, listByDay)
}

// VerifyInclusion reports whether a reading is in an anchored batch. reading is base64url; proof
// is a receipt, or the inclusion proof in it, in base64url.
func (*Anchors) VerifyInclusion(ctx contractapi.TransactionContextInterface, stream, number, reading, proof string) (string, error) {
	return answer(ctx, func(tx *transaction) (call.Inclusion, error) {
		return verifyInclusion(tx, stream, number, reading, proof)
	})
}

// RotateStreamKey replaces the key that signs the stream's receipts.
func (*Anchors) RotateStreamKey(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, rotateStreamKey)
}

// SetBridge lets another identity of the owner write the stream.
func (*Anchors) SetBridge(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, setBridge)
}

// ReportEquivocation records that a stream stands for something else than what it anchored.
func (*Anchors) ReportEquivocation(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, reportEquivocation)
}

// ListEquivocations returns a page of the evidence against a stream.
func (*Anchors) ListEquivocations(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, listEquivocations)
}

// Attest returns what the ledger has of a stream and of devices, all as of one state.
func (*Anchors) Attest(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, attest)
}

// List returns a run of a stream's anchors.
func (*Anchors) List(ctx contractapi.TransactionContextInterface, request string) (string, error) {
	return run(ctx, request, listAnchors)
}
