// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

// receiptTag is the first byte of a receipt: CBOR tag 18. An inclusion proof is an array and
// starts otherwise.
const receiptTag = 0xd2

// inclusionPath is [tree-size, leaf-index, [* hash]], the inclusion proof of RFC 9942.
type inclusionPath struct {
	_     struct{} `cbor:",toarray"`
	Size  uint64
	Index uint64
	Path  [][]byte
}

// verifyInclusion handles VerifyInclusion. What is malformed is refused; what is well-formed but
// does not fit is answered with the reason.
func verifyInclusion(tx *transaction, args []string) (call.Inclusion, error) {
	streamText, numberText, readingText, proofText := args[0], args[1], args[2], args[3]
	stream, err := parseName("stream", streamText)
	if err != nil {
		return call.Inclusion{}, err
	}
	number, err := parseNumber("number", numberText)
	if err != nil {
		return call.Inclusion{}, err
	}
	leaf, err := decodeBytes(readingText)
	if err != nil {
		return call.Inclusion{}, invalid("reading", err)
	}
	parsed, err := reading.Parse(leaf)
	if err != nil {
		return call.Inclusion{}, invalid("reading", err)
	}
	proof, err := decodeBytes(proofText)
	if err != nil {
		return call.Inclusion{}, invalid("proof", err)
	}
	entry, err := tx.anchor(stream, number)
	if err != nil {
		return call.Inclusion{}, err
	}
	claims := parsed.Claims()
	result := call.Inclusion{
		Stream: stream, Number: number, Hash: entry.Hash, TxID: entry.TxID,
		Device: claims.Device, Sequence: claims.Sequence, DeviceTime: claims.Time,
	}
	if err := tx.checkProof(&result, entry, leaf, proof); err != nil {
		return call.Inclusion{}, err
	}
	return result, tx.checkSignature(&result, entry, parsed)
}

// checkProof says whether the leaf is in the anchored batch, and of a receipt whether it is the
// stream's word. The path to the anchored root stands on its own.
func (tx *transaction) checkProof(result *call.Inclusion, entry record.AnchorEntry, leaf, proof []byte) error {
	if len(proof) > 0 && proof[0] == receiptTag {
		r, err := receipt.Parse(proof)
		if err != nil {
			return invalid("proof", err)
		}
		result.Reason = checkPath(entry, leaf, r.Size, r.Index, r.Path)
		result.Included = result.Reason == ""
		result.Receipt, err = tx.checkReceipt(entry, leaf, r)
		return err
	}
	path, hashes, err := parsePath(proof)
	if err != nil {
		return invalid("proof", err)
	}
	result.Reason = checkPath(entry, leaf, path.Size, path.Index, hashes)
	result.Included = result.Reason == ""
	return nil
}

// checkReceipt says whether the stream stands for the receipt, and why not.
func (tx *transaction) checkReceipt(entry record.AnchorEntry, leaf []byte, r *receipt.Receipt) (*call.ReceiptCheck, error) {
	reason, err := tx.checkClaims(entry, r.Claims)
	if err != nil || reason != "" {
		return &call.ReceiptCheck{Reason: reason}, err
	}
	s, err := tx.stream(entry.Anchor.Stream)
	if err != nil {
		return nil, err
	}
	verdict := standing.Stream(s, r.KeyID.String(), receiptMoment(r), nil)
	check := &call.ReceiptCheck{Standing: &verdict}
	if !verdict.Trusted() {
		check.Reason = why(verdict)
		return check, nil
	}
	key, err := streamKey(s, r.KeyID)
	if err != nil {
		return nil, err
	}
	if err := r.Verify(key, leaf); err != nil {
		check.Reason = err.Error()
		return check, nil
	}
	check.Verified = true
	return check, nil
}

// receiptMoment is the moment that a receipt states.
func receiptMoment(r *receipt.Receipt) record.Moment {
	return record.Moment{Time: r.Claims.LedgerTime, Tx: hex.EncodeToString(r.Claims.Transaction[:])}
}

// why says why a key is not trusted.
func why(v standing.Verdict) string {
	if v.Stood() && v.Repudiated != nil {
		return fmt.Sprintf("%s disowned it at %s from %s on: %s", v.Repudiated.By, clock(v.Repudiated.At.Time), clock(v.Repudiated.Since), v.Repudiated.Reason)
	}
	return v.Detail
}

// streamKey is a key of a stream that is known to be there.
func streamKey(s record.Stream, id cose.KeyID) (cose.Key, error) {
	stored, _ := record.FindKey(s.Keys, id.String())
	key, err := cose.ParseKeyText(stored.Public)
	if err != nil {
		return cose.Key{}, record.Errorf(record.Internal, "key %s of stream %s: %v", id, s.Name(), err)
	}
	return key, nil
}

// checkClaims returns what a receipt says that the ledger knows otherwise.
func (tx *transaction) checkClaims(entry record.AnchorEntry, c receipt.Claims) (string, error) {
	here, err := tx.ledgerName()
	if err != nil {
		return "", err
	}
	switch {
	case c.Ledger != here:
		return fmt.Sprintf("the receipt is of the ledger %.100q; this is %q", c.Ledger, here), nil
	case c.Stream != entry.Anchor.Stream || c.Number != entry.Anchor.Number:
		return fmt.Sprintf("the receipt is for number %d of stream %s", c.Number, c.Stream), nil
	case hex.EncodeToString(c.Anchor[:]) != entry.Hash:
		return fmt.Sprintf("the receipt names the anchor %x; report it by anchors:ReportEquivocation", c.Anchor), nil
	case hex.EncodeToString(c.Transaction[:]) != entry.TxID:
		return fmt.Sprintf("the receipt names the transaction %x; the anchor's is %s", c.Transaction, entry.TxID), nil
	case c.LedgerTime != entry.LedgerTime:
		return fmt.Sprintf("the receipt says that the ledger took the batch at %d; it did at %d", c.LedgerTime, entry.LedgerTime), nil
	default:
		return "", nil
	}
}

// checkSignature says whether a key of the reading's device made its signature, and what that key was
// worth at the ledger time of the anchor.
func (tx *transaction) checkSignature(result *call.Inclusion, entry record.AnchorEntry, r *reading.Reading) error {
	d, err := tx.device(r.Claims().Device)
	if record.CodeOf(err) == record.NotFound {
		result.SignatureReason = fmt.Sprintf("device %s is not registered", r.Claims().Device)
		return nil
	}
	if err != nil {
		return err
	}
	id := r.KeyID().String()
	verdict := standing.Device(d, id, record.Moment{Time: entry.LedgerTime, Tx: entry.TxID}, nil)
	result.Standing = &verdict
	if stored, known := record.FindKey(d.Keys, id); known {
		key, err := cose.ParseKeyText(stored.Public)
		if err != nil {
			return record.Errorf(record.Internal, "key %s of device %s: %v", stored.ID, d.Name(), err)
		}
		if err := r.Verify(key); err != nil {
			result.SignatureReason = err.Error()
			return nil
		}
		result.Key = stored.ID
	}
	if !verdict.Stood() {
		result.SignatureReason = verdict.Detail
		return nil
	}
	result.Signed = true
	return nil
}

// checkPath returns why a path does not lead from the leaf to the anchored root.
func checkPath(entry record.AnchorEntry, leaf []byte, size, index uint64, path []merkle.Hash) string {
	if size != entry.Anchor.Size {
		return fmt.Sprintf("the proof is for a batch of %d readings; the anchored one has %d", size, entry.Anchor.Size)
	}
	root, err := merkle.RootFromInclusion(size, index, merkle.LeafHash(leaf), path)
	if err != nil {
		return err.Error()
	}
	if root.String() != entry.Anchor.Root {
		return fmt.Sprintf("the reading and the proof lead to the root %s; the anchored one is %s", root, entry.Anchor.Root)
	}
	return ""
}

// parsePath reads an inclusion proof strictly: what it accepts has one encoding.
func parsePath(data []byte) (inclusionPath, []merkle.Hash, error) {
	if len(data) > receipt.MaxSize {
		return inclusionPath{}, nil, fmt.Errorf("has %d bytes; at most %d are allowed", len(data), receipt.MaxSize)
	}
	var path inclusionPath
	if err := cbor.Unmarshal(data, &path); err != nil {
		return inclusionPath{}, nil, fmt.Errorf("is neither a receipt nor an inclusion proof: %w", err)
	}
	if path.Path == nil {
		path.Path = [][]byte{}
	}
	again, err := cbor.Marshal(path)
	if err != nil || !bytes.Equal(again, data) {
		return inclusionPath{}, nil, errors.New("is not in deterministic encoding")
	}
	hashes := make([]merkle.Hash, len(path.Path))
	for i, hash := range path.Path {
		if len(hash) != merkle.Size {
			return inclusionPath{}, nil, fmt.Errorf("has a hash of %d bytes", len(hash))
		}
		hashes[i] = merkle.Hash(hash)
	}
	return path, hashes, nil
}
