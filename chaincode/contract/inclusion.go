// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

// receiptTag is the first byte of a receipt: CBOR tag 18. An inclusion proof is an array and
// starts otherwise.
const receiptTag = 0xd2

// inclusion is the result of VerifyInclusion.
type inclusion struct {
	Stream string `json:"stream"`
	Number uint64 `json:"number"`
	// Hash is the anchor hash, TxID the transaction that anchored.
	Hash string `json:"hash"`
	TxID string `json:"txId"`
	// Included is true when the proof leads from the reading to the anchored root.
	Included bool `json:"included"`
	// Reason says why not.
	Reason string `json:"reason,omitempty"`
	// Device, Sequence and DeviceTime are what the reading says of itself.
	Device     string `json:"device"`
	Sequence   uint64 `json:"sequence"`
	DeviceTime int64  `json:"deviceTime"`
	// Signed is true when one of the keys that the ledger has of this device made the reading's
	// signature; Key is its id.
	Signed bool   `json:"signed"`
	Key    string `json:"key,omitempty"`
}

// inclusionPath is [tree-size, leaf-index, [* hash]], the inclusion proof of RFC 9942.
type inclusionPath struct {
	_     struct{} `cbor:",toarray"`
	Size  uint64
	Index uint64
	Path  [][]byte
}

// verifyInclusion handles VerifyInclusion. What is malformed is refused; what is well-formed but
// does not fit is answered with the reason.
func verifyInclusion(tx *transaction, stream, numberText, readingText, proofText string) (inclusion, error) {
	number, err := parseNumber("number", numberText)
	if err != nil {
		return inclusion{}, err
	}
	leaf, err := decodeBytes(readingText)
	if err != nil {
		return inclusion{}, invalid("reading", err)
	}
	parsed, err := reading.Parse(leaf)
	if err != nil {
		return inclusion{}, invalid("reading", err)
	}
	proof, err := decodeBytes(proofText)
	if err != nil {
		return inclusion{}, invalid("proof", err)
	}
	entry, err := tx.anchor(stream, number)
	if err != nil {
		return inclusion{}, err
	}
	claims := parsed.Claims()
	result := inclusion{
		Stream: stream, Number: number, Hash: entry.Hash, TxID: entry.TxID,
		Device: claims.Device, Sequence: claims.Sequence, DeviceTime: claims.Time,
	}
	reason, err := tx.checkProof(entry, leaf, proof)
	if err != nil {
		return inclusion{}, err
	}
	result.Included, result.Reason = reason == "", reason
	result.Key, result.Signed, err = tx.signingKey(parsed)
	return result, err
}

// checkProof returns why the proof does not show that the leaf is in the anchored batch, ""
// when it does.
func (tx *transaction) checkProof(entry record.AnchorEntry, leaf, proof []byte) (string, error) {
	if len(proof) > 0 && proof[0] == receiptTag {
		return tx.checkReceipt(entry, leaf, proof)
	}
	path, hashes, err := parsePath(proof)
	if err != nil {
		return "", invalid("proof", err)
	}
	return checkPath(entry, leaf, path.Size, path.Index, hashes), nil
}

// checkReceipt is checkProof of a receipt. Its signature is verified as well.
func (tx *transaction) checkReceipt(entry record.AnchorEntry, leaf, proof []byte) (string, error) {
	r, err := receipt.Parse(proof)
	if err != nil {
		return "", invalid("proof", err)
	}
	if r.Claims.Stream != entry.Anchor.Stream || r.Claims.Number != entry.Anchor.Number {
		return fmt.Sprintf("the receipt is for number %d of stream %q", r.Claims.Number, r.Claims.Stream), nil
	}
	if hash := fmt.Sprintf("%x", r.Claims.Anchor); hash != entry.Hash {
		return fmt.Sprintf("the receipt names the anchor %s; report it by anchors:ReportEquivocation", hash), nil
	}
	if reason := checkPath(entry, leaf, r.Size, r.Index, r.Path); reason != "" {
		return reason, nil
	}
	if reason, err := tx.checkClaims(entry, r.Claims); reason != "" || err != nil {
		return reason, err
	}
	s, err := tx.stream(entry.Anchor.Stream)
	if err != nil {
		return "", err
	}
	stored, known := record.FindKey(s.Keys, r.KeyID.String())
	if !known {
		return fmt.Sprintf("the receipt is signed by key %s, which is not the stream's", r.KeyID), nil
	}
	key, err := cose.ParseKeyText(stored.Public)
	if err != nil {
		return "", record.Errorf(record.Internal, "key %s of stream %q: %v", stored.ID, s.ID, err)
	}
	if err := r.Verify(key, leaf); err != nil {
		return err.Error(), nil
	}
	return "", nil
}

// checkClaims returns what a receipt says that the ledger knows otherwise. The block's number is
// not compared: a chaincode does not know it.
func (tx *transaction) checkClaims(entry record.AnchorEntry, c receipt.Claims) (string, error) {
	here, err := tx.ledgerName()
	if err != nil {
		return "", err
	}
	switch {
	case c.Ledger != here:
		return fmt.Sprintf("the receipt is of the ledger %.100q; this is %q", c.Ledger, here), nil
	case hex.EncodeToString(c.Transaction[:]) != entry.TxID:
		return fmt.Sprintf("the receipt names the transaction %x; the anchor's is %s", c.Transaction, entry.TxID), nil
	case c.LedgerTime != entry.LedgerTime:
		return fmt.Sprintf("the receipt says that the ledger took the batch at %d; it did at %d", c.LedgerTime, entry.LedgerTime), nil
	default:
		return "", nil
	}
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

// signingKey finds the key of the reading's device that made its signature.
func (tx *transaction) signingKey(r *reading.Reading) (id string, signed bool, err error) {
	d, err := tx.device(r.Claims().Device)
	if record.CodeOf(err) == record.NotFound {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	stored, known := record.FindKey(d.Keys, r.KeyID().String())
	if !known {
		return "", false, nil
	}
	key, err := cose.ParseKeyText(stored.Public)
	if err != nil {
		return "", false, record.Errorf(record.Internal, "key %s of device %q: %v", stored.ID, d.ID, err)
	}
	if r.Verify(key) != nil {
		return "", false, nil
	}
	return stored.ID, true, nil
}
