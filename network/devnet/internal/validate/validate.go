// SPDX-License-Identifier: Apache-2.0

// Package validate decides which transactions of a block count, as a committing peer does:
// form and signatures first, then endorsement policies, then versions and phantoms.
//
// In: an ordered block. Out: a validation code for each transaction and the change that the
// valid ones make. It reads the ledger and writes nothing.
package validate

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/channel"
	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// Validator validates the blocks of one channel.
type Validator struct{ *channel.Channel }

// transaction is a transaction of the block on its way through validation.
type transaction struct {
	*wire.Transaction
	index  uint64
	code   peer.TxValidationCode
	spaces []namespace
}

// namespace is the decoded read/write set of one namespace.
type namespace struct {
	name string
	set  *kvrwset.KVRWSet
}

// Validate returns the validation codes of a block's transactions and what they change.
func (v *Validator) Validate(block *common.Block) ([]byte, store.Change, error) {
	snapshot, err := v.Ledger.Snapshot()
	if err != nil {
		return nil, store.Change{}, err
	}
	defer snapshot.Release()

	p := &pass{validator: v, snapshot: snapshot, number: block.GetHeader().GetNumber(), state: make(map[store.Name]*store.Value), seen: make(map[string]bool)}
	flags := make([]byte, len(block.GetData().GetData()))
	var change store.Change
	for i, content := range block.GetData().GetData() {
		tx := v.parse(content)
		tx.index = uint64(i)
		if tx.code == peer.TxValidationCode_VALID {
			if err := p.judge(tx); err != nil {
				return nil, store.Change{}, fmt.Errorf("validate transaction %d of block %d: %w", i, p.number, err)
			}
		}
		flags[i] = byte(tx.code)
		if tx.Transaction != nil {
			change.Transactions = append(change.Transactions, store.Entry{ID: tx.Channel.GetTxId(), Index: uint32(i), Code: tx.code})
		}
	}
	change.State, change.History = p.state, p.history
	return flags, change, nil
}

// parse checks everything about a transaction that needs no state.
func (v *Validator) parse(content []byte) *transaction {
	envelope := &common.Envelope{}
	if err := proto.Unmarshal(content, envelope); err != nil {
		return &transaction{code: peer.TxValidationCode_INVALID_OTHER_REASON}
	}
	headers, err := wire.ParseHeaders(envelope)
	if err != nil {
		return &transaction{code: peer.TxValidationCode_BAD_PAYLOAD}
	}
	tx := &transaction{Transaction: &wire.Transaction{Headers: headers}}
	if !wellFormed(headers) {
		tx.code = peer.TxValidationCode_BAD_COMMON_HEADER
		return tx
	}
	creator, err := v.Members.Parse(headers.Signature.GetCreator())
	if err != nil || creator.Validate() != nil || creator.Verify(envelope.GetPayload(), envelope.GetSignature()) != nil {
		tx.code = peer.TxValidationCode_BAD_CREATOR_SIGNATURE
		return tx
	}
	if common.HeaderType(headers.Channel.GetType()) != common.HeaderType_ENDORSER_TRANSACTION {
		tx.code = peer.TxValidationCode_UNSUPPORTED_TX_PAYLOAD
		return tx
	}
	if headers.Channel.GetTxId() != wire.TransactionID(headers.Signature.GetNonce(), headers.Signature.GetCreator()) {
		tx.code = peer.TxValidationCode_BAD_PROPOSAL_TXID
		return tx
	}
	parsed, err := wire.ParseTransaction(envelope)
	if err != nil || !answersProposal(parsed) {
		tx.code = peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION
		return tx
	}
	tx.Transaction = parsed
	tx.code = v.parseAction(tx)
	return tx
}

// parseAction checks the target and decodes the read/write sets.
func (v *Validator) parseAction(tx *transaction) peer.TxValidationCode {
	if tx.Channel.GetChannelId() != v.Name {
		return peer.TxValidationCode_TARGET_CHAIN_NOT_FOUND
	}
	if _, err := v.Ledger.Transaction(tx.Channel.GetTxId()); err == nil {
		return peer.TxValidationCode_DUPLICATE_TXID
	}
	extension, err := wire.Decode(tx.Channel.GetExtension(), &peer.ChaincodeHeaderExtension{})
	if err != nil || extension.GetChaincodeId().GetName() != tx.Action.GetChaincodeId().GetName() {
		return peer.TxValidationCode_INVALID_OTHER_REASON
	}
	event, err := tx.Event()
	if err != nil || (event != nil && event.GetChaincodeId() != extension.GetChaincodeId().GetName()) {
		return peer.TxValidationCode_INVALID_OTHER_REASON
	}
	if extension.GetChaincodeId().GetName() != v.Chaincode {
		return peer.TxValidationCode_INVALID_CHAINCODE
	}
	if tx.Action.GetChaincodeId().GetVersion() != v.Version {
		return peer.TxValidationCode_EXPIRED_CHAINCODE
	}
	for _, ns := range tx.Results.GetNsRwset() {
		set, err := wire.Decode(ns.GetRwset(), &kvrwset.KVRWSet{})
		if err != nil {
			return peer.TxValidationCode_BAD_RWSET
		}
		writes := len(set.GetWrites())+len(set.GetMetadataWrites()) > 0
		if len(ns.GetCollectionHashedRwset()) > 0 || (writes && ns.GetNamespace() != v.Chaincode) {
			return peer.TxValidationCode_ILLEGAL_WRITESET
		}
		tx.spaces = append(tx.spaces, namespace{name: ns.GetNamespace(), set: set})
	}
	return peer.TxValidationCode_VALID
}

func wellFormed(h *wire.Headers) bool {
	switch common.HeaderType(h.Channel.GetType()) {
	case common.HeaderType_ENDORSER_TRANSACTION, common.HeaderType_CONFIG_UPDATE, common.HeaderType_CONFIG:
	default:
		return false
	}
	return h.Channel.GetEpoch() == 0 && len(h.Signature.GetNonce()) > 0 && len(h.Signature.GetCreator()) > 0
}

// answersProposal tells whether the endorsed response belongs to the transaction's proposal.
func answersProposal(tx *wire.Transaction) bool {
	header, err := wire.Decode(tx.ActionHeader, &common.SignatureHeader{})
	if err != nil || len(header.GetNonce()) == 0 || len(header.GetCreator()) == 0 {
		return false
	}
	hash := wire.Hash(tx.Payload.GetHeader().GetChannelHeader(), tx.ActionHeader, tx.ProposalPayload)
	return bytes.Equal(hash, tx.Response.GetProposalHash())
}

// endorsers are the members whose endorsements verify, each once.
func (v *Validator) endorsers(tx *transaction) []*member.Member {
	seen := make(map[string]bool)
	var endorsers []*member.Member
	for _, e := range tx.Endorsements {
		if seen[string(e.GetEndorser())] {
			continue
		}
		seen[string(e.GetEndorser())] = true
		m, err := v.Members.Parse(e.GetEndorser())
		if err != nil || m.Validate() != nil {
			continue
		}
		if m.Verify(append(append([]byte(nil), tx.ResponsePayload...), e.GetEndorser()...), e.GetSignature()) == nil {
			endorsers = append(endorsers, m)
		}
	}
	return endorsers
}

var errUnendorsed = errors.New("endorsement policy failure")
