// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/hex"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

// reportEquivocation handles ReportEquivocation. A refused anchor leaves nothing on the ledger,
// because a refused proposal is no transaction; this is the transaction that leaves the record
// and the event. The same evidence again succeeds without a change.
func reportEquivocation(tx *transaction, req call.Equivocation) (record.EquivocationReport, error) {
	evidence := tx.signedReceipt
	if req.Anchor != "" {
		evidence = tx.ownAnchor
	}
	report, err := evidence(req)
	if err != nil {
		return record.EquivocationReport{}, err
	}
	if report.Contradiction == "" {
		return record.EquivocationReport{}, record.Errorf(record.Conflict, "number %d of stream %s is anchored as %s: that is no equivocation",
			report.Number, report.Stream, report.Anchored)
	}
	key := record.EquivocationKey(report)
	var known record.EquivocationReport
	found, err := tx.get(key, &known)
	if err != nil || found {
		return known, err
	}
	report.Type, report.Version = record.EquivocationType, record.Version
	report.By, report.Reported = tx.caller.MSP, tx.moment()
	if err := tx.put(key, report, report.Stream.Owner); err != nil {
		return record.EquivocationReport{}, err
	}
	return report, tx.emit(call.Event{Name: call.EquivocationReported, ID: report.Stream.ID, Owner: report.Stream.Owner, Equivocation: &report})
}

// ownAnchor takes another anchor from the stream's own bridge, whose signature under this
// transaction is the evidence.
func (tx *transaction) ownAnchor(req call.Equivocation) (record.EquivocationReport, error) {
	a, err := record.ParseAnchor([]byte(req.Anchor))
	if err != nil {
		return record.EquivocationReport{}, invalid("anchor", err)
	}
	if _, err := tx.bridgesStream(a.Stream); err != nil {
		return record.EquivocationReport{}, err
	}
	entry, err := tx.anchor(a.Stream, a.Number)
	if err != nil {
		return record.EquivocationReport{}, err
	}
	hash, err := a.HashText()
	if err != nil {
		return record.EquivocationReport{}, err
	}
	report := record.EquivocationReport{
		Stream: a.Stream, Number: a.Number, Digest: hash, Anchored: entry.Hash, Claimed: hash, Root: a.Root, Anchor: &a,
	}
	if hash != entry.Hash {
		report.Contradiction = record.OtherAnchor
	}
	return report, nil
}

// signedReceipt takes a receipt that contradicts the ledger. One of the stream's keys must have
// signed it and stood at the time that it states, and its owner must not have disowned it by then. It
// is evidence also when the key was replaced for a reason later, and the report says so: whoever
// reads it knows that another may have made it.
func (tx *transaction) signedReceipt(req call.Equivocation) (record.EquivocationReport, error) {
	if err := tx.require(record.Auditor, record.Bridge, record.Admin); err != nil {
		return record.EquivocationReport{}, err
	}
	data, err := decodeBytes(req.Receipt)
	if err != nil {
		return record.EquivocationReport{}, invalid("receipt", err)
	}
	r, err := receipt.Parse(data)
	if err != nil {
		return record.EquivocationReport{}, invalid("receipt", err)
	}
	root, err := hex.DecodeString(req.Root)
	if err != nil {
		return record.EquivocationReport{}, invalid("root", err)
	}
	key, err := tx.accusing(r, merkle.Hash(root))
	if err != nil {
		return record.EquivocationReport{}, err
	}
	said := r.ClaimHash(merkle.Hash(root))
	report := record.EquivocationReport{
		Stream: r.Claims.Stream, Number: r.Claims.Number, Digest: hex.EncodeToString(said[:]),
		Claimed: hex.EncodeToString(r.Claims.Anchor[:]), Root: req.Root,
		Receipt: req.Receipt, Key: key.ID, KeyReason: key.Reason,
	}
	report.Contradiction, report.Anchored, err = tx.contradiction(r.Claims, req.Root)
	return report, err
}

// accusing returns the key of the stream that signed a receipt over a root, and refuses one that says
// nothing against the stream.
func (tx *transaction) accusing(r *receipt.Receipt, root merkle.Hash) (record.Key, error) {
	here, err := tx.ledgerName()
	if err != nil {
		return record.Key{}, err
	}
	if r.Claims.Ledger != here {
		return record.Key{}, invalid("receipt", fmt.Errorf("is of the ledger %.80q; this is %q", r.Claims.Ledger, here))
	}
	s, err := tx.stream(r.Claims.Stream)
	if err != nil {
		return record.Key{}, err
	}
	verdict := standing.Stream(s, r.KeyID.String(), receiptMoment(r), nil)
	if verdict.Reason == standing.UnknownKey {
		return record.Key{}, invalid("receipt", fmt.Errorf("%s", verdict.Detail))
	}
	if !verdict.Trusted() {
		return record.Key{}, record.Errorf(record.Conflict, "the receipt is no evidence against stream %s: %s", s.Name(), why(verdict))
	}
	key, err := streamKey(s, r.KeyID)
	if err != nil {
		return record.Key{}, err
	}
	if err := r.VerifyRoot(key, root); err != nil {
		return record.Key{}, invalid("receipt", err)
	}
	stored, _ := record.FindKey(s.Keys, r.KeyID.String())
	return stored, nil
}

// contradiction says in what a receipt contradicts the ledger, "" when in nothing, and the hash of the
// anchor on the ledger. Where there is none, the head and the absence of the anchor were read: an
// anchor that is committed meanwhile invalidates this transaction.
func (tx *transaction) contradiction(c receipt.Claims, root string) (record.Contradiction, string, error) {
	entry, err := tx.anchor(c.Stream, c.Number)
	switch {
	case record.CodeOf(err) == record.NotFound:
		return record.NotAnchored, "", nil
	case err != nil:
		return "", "", err
	// An anchor's hash covers its root: another root under the same hash is another anchor's.
	case hex.EncodeToString(c.Anchor[:]) != entry.Hash, root != entry.Anchor.Root:
		return record.OtherAnchor, entry.Hash, nil
	case hex.EncodeToString(c.Transaction[:]) != entry.TxID:
		return record.OtherTransaction, entry.Hash, nil
	case c.LedgerTime != entry.LedgerTime:
		return record.OtherTime, entry.Hash, nil
	default:
		return "", entry.Hash, nil
	}
}

// ledgerName returns "channel/chaincode", which receipts name.
func (tx *transaction) ledgerName() (string, error) {
	signed, err := tx.stub.GetSignedProposal()
	if err != nil {
		return "", record.Errorf(record.Internal, "read the proposal: %v", err)
	}
	var proposal peer.Proposal
	var header common.Header
	var channel common.ChannelHeader
	var extension peer.ChaincodeHeaderExtension
	for _, part := range []struct {
		data func() []byte
		into proto.Message
	}{
		{signed.GetProposalBytes, &proposal},
		{func() []byte { return proposal.GetHeader() }, &header},
		{func() []byte { return header.GetChannelHeader() }, &channel},
		{func() []byte { return channel.GetExtension() }, &extension},
	} {
		if err := proto.Unmarshal(part.data(), part.into); err != nil {
			return "", record.Errorf(record.Internal, "read the proposal: %v", err)
		}
	}
	return tx.channel + "/" + extension.GetChaincodeId().GetName(), nil
}

// listEquivocations handles ListEquivocations: against every stream unless the request names
// one.
func listEquivocations(tx *transaction, req call.OfStream) (call.Equivocations, error) {
	found, bookmark, err := collect[record.EquivocationReport](tx, req.Page, record.EquivocationObject, given(req.Stream.Owner, req.Stream.ID)...)
	return call.Equivocations{Equivocations: found, Bookmark: bookmark}, err
}
