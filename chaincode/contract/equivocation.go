// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

// equivocationRequest is the request of ReportEquivocation: either a receipt with the root that
// it signs, or, from the stream's own bridge, the other anchor. The reading that a receipt is
// for is left out: payloads do not belong on the ledger.
type equivocationRequest struct {
	// Receipt is a receipt over another anchor, in base64url.
	Receipt string `json:"receipt,omitempty"`
	// Root is the root to which reading and receipt lead, in hexadecimal.
	Root string `json:"root,omitempty"`
	// Anchor is another anchor in canonical form.
	Anchor string `json:"anchor,omitempty"`
}

func (r equivocationRequest) validate() error {
	if r.Anchor != "" {
		if r.Receipt != "" || r.Root != "" {
			return errors.New("give either \"anchor\", or \"receipt\" and \"root\"")
		}
		return nil
	}
	return record.First(record.CheckHash("root", r.Root), checkReceiptText("receipt", r.Receipt))
}

// checkReceiptText reports whether s can be a receipt in base64url.
func checkReceiptText(field, s string) error {
	if s == "" {
		return missing(field)
	}
	return record.CheckText(field, s, 2*receipt.MaxSize)
}

// reportEquivocation handles ReportEquivocation. A refused anchor leaves nothing on the ledger,
// because a refused proposal is no transaction; this is the transaction that leaves the record
// and the event. The same evidence again succeeds without a change.
func reportEquivocation(tx *transaction, req equivocationRequest) (record.EquivocationReport, error) {
	report, err := tx.evidence(req)
	if err != nil {
		return record.EquivocationReport{}, err
	}
	entry, err := tx.anchor(report.Stream, report.Number)
	if err != nil {
		return record.EquivocationReport{}, err
	}
	// An anchor's hash covers its root: another root under the same hash is another anchor's.
	if entry.Hash == report.Claimed && entry.Anchor.Root == report.Root {
		return record.EquivocationReport{}, record.Errorf(record.Conflict, "number %d of stream %q is anchored as %s: that is no equivocation",
			report.Number, report.Stream, entry.Hash)
	}
	s, err := tx.stream(report.Stream)
	if err != nil {
		return record.EquivocationReport{}, err
	}
	if err := accusing(s, report.Key, entry.LedgerTime); err != nil {
		return record.EquivocationReport{}, err
	}
	key := record.EquivocationKey(report)
	var known record.EquivocationReport
	found, err := tx.get(key, &known)
	if err != nil || found {
		return known, err
	}
	report.Type, report.Version, report.Anchored = record.EquivocationType, record.Version, entry.Hash
	report.By, report.TxID, report.Reported = tx.caller.MSP, tx.stub.GetTxID(), tx.now
	if err := tx.put(key, report, s.Owner); err != nil {
		return record.EquivocationReport{}, err
	}
	return report, tx.emit(Event{Name: EquivocationReported, ID: s.ID, Owner: s.Owner, Equivocation: &report})
}

// accusing refuses a key whose signature says nothing against the stream, because anybody may have
// made it: one that was retired before the ledger took the anchor, and one that an admin replaced
// with a reason. A bridge that merely rotates its key still answers for what the old one signed.
func accusing(s record.Stream, id string, at int64) error {
	key, _ := record.FindKey(s.Keys, id)
	switch {
	case key.Until != 0 && key.Reason != "":
		return record.Errorf(record.Conflict, "key %s is no evidence against stream %q: it was replaced for this reason: %s", id, s.ID, key.Reason)
	case key.Until != 0 && key.Until <= at:
		return record.Errorf(record.Conflict, "key %s is no evidence against stream %q: it was retired at %d, before the ledger took the anchor at %d",
			id, s.ID, key.Until, at)
	default:
		return nil
	}
}

// evidence verifies that the stream stands for what the request shows.
func (tx *transaction) evidence(req equivocationRequest) (record.EquivocationReport, error) {
	if req.Anchor != "" {
		return tx.ownAnchor(req.Anchor)
	}
	if err := tx.require(record.Auditor, record.Bridge, record.Admin); err != nil {
		return record.EquivocationReport{}, err
	}
	return tx.signedReceipt(req.Receipt, req.Root)
}

// ownAnchor takes another anchor from the stream's own bridge, whose signature under this
// transaction is the evidence.
func (tx *transaction) ownAnchor(text string) (record.EquivocationReport, error) {
	a, err := record.ParseAnchor([]byte(text))
	if err != nil {
		return record.EquivocationReport{}, invalid("anchor", err)
	}
	if _, err := tx.bridgesStream(a.Stream); err != nil {
		return record.EquivocationReport{}, err
	}
	return record.EquivocationReport{Stream: a.Stream, Number: a.Number, Claimed: a.HashText(), Root: a.Root, Anchor: &a}, nil
}

// signedReceipt takes a receipt that one of the stream's keys signed over another anchor.
func (tx *transaction) signedReceipt(text, rootText string) (record.EquivocationReport, error) {
	data, err := decodeBytes(text)
	if err != nil {
		return record.EquivocationReport{}, invalid("receipt", err)
	}
	r, err := receipt.Parse(data)
	if err != nil {
		return record.EquivocationReport{}, invalid("receipt", err)
	}
	here, err := tx.ledgerName()
	if err != nil {
		return record.EquivocationReport{}, err
	}
	if r.Claims.Ledger != here {
		return record.EquivocationReport{}, invalid("receipt", fmt.Errorf("is of the ledger %.80q; this is %q", r.Claims.Ledger, here))
	}
	s, err := tx.stream(r.Claims.Stream)
	if err != nil {
		return record.EquivocationReport{}, err
	}
	stored, known := record.FindKey(s.Keys, r.KeyID.String())
	if !known {
		return record.EquivocationReport{}, invalid("receipt", fmt.Errorf("is signed by key %s, which is not the stream's", r.KeyID))
	}
	key, err := cose.ParseKeyText(stored.Public)
	if err != nil {
		return record.EquivocationReport{}, record.Errorf(record.Internal, "key %s of stream %q: %v", stored.ID, s.ID, err)
	}
	root, err := hex.DecodeString(rootText)
	if err != nil {
		return record.EquivocationReport{}, invalid("root", err)
	}
	if err := r.VerifyRoot(key, merkle.Hash(root)); err != nil {
		return record.EquivocationReport{}, invalid("receipt", err)
	}
	return record.EquivocationReport{
		Stream: s.ID, Number: r.Claims.Number, Claimed: hex.EncodeToString(r.Claims.Anchor[:]), Root: rootText,
		Receipt: text, Key: stored.ID,
	}, nil
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

// equivocationListRequest is the request of ListEquivocations.
type equivocationListRequest struct {
	Stream   string `json:"stream,omitempty"`
	PageSize int    `json:"pageSize,omitempty"`
	Bookmark string `json:"bookmark,omitempty"`
}

func (r equivocationListRequest) paging() paging {
	return paging{size: r.PageSize, bookmark: r.Bookmark}
}

func (r equivocationListRequest) validate() error {
	return record.First(optional("stream", r.Stream, record.CheckName), r.paging().check())
}

// equivocationList is a page of evidence.
type equivocationList struct {
	Equivocations []record.EquivocationReport `json:"equivocations"`
	Bookmark      string                      `json:"bookmark"`
}

// listEquivocations handles ListEquivocations: against every stream unless the request names
// one.
func listEquivocations(tx *transaction, req equivocationListRequest) (equivocationList, error) {
	found, bookmark, err := collect[record.EquivocationReport](tx, req.paging(), record.EquivocationObject, given(req.Stream)...)
	return equivocationList{Equivocations: found, Bookmark: bookmark}, err
}
