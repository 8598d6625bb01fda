// SPDX-License-Identifier: Apache-2.0

package fabric

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// A Transaction is what one endorser transaction says. Nothing of it is true because it parses: see
// [Transaction.VerifyCreator] and [Transaction.VerifyEndorsements]. What its creator chose is
// Channel to Args; what the endorsers answered is Status to Namespaces.
type Transaction struct {
	Channel   string
	ID        string // hex of SHA-256 over the creator's nonce and identity
	Time      int64  // Unix milliseconds: the creator's claim
	Creator   Signer
	Chaincode string
	Function  string   // the first argument, "" when there is none
	Args      [][]byte // what follows it

	// Status, Message and Response are the chaincode's answer; 200 is a success.
	Status   int32
	Message  string
	Response []byte
	Event    *Event // nil when the chaincode set none
	// Namespaces are what the transaction reads and writes.
	Namespaces []Namespace

	Endorsements []Endorsement

	payload      []byte // what the creator signs
	signature    []byte
	response     []byte // the ProposalResponsePayload, which the endorsers sign
	proposalHash []byte // of the proposal that it answers
}

// A Signer is who somebody says to be.
type Signer struct {
	MSPID       string
	Certificate []byte // PEM
}

// An Event is a chaincode event.
type Event struct {
	Name    string
	Payload []byte
}

// An Endorsement is a peer's signature under the answer.
type Endorsement struct {
	Endorser Signer

	identity  []byte // the serialized endorser, part of what is signed
	signature []byte
}

// ParseTransaction reads an envelope, a common.Envelope of an endorser transaction with exactly one
// action, and checks everything that needs no trust: that the transaction's id is that of creator
// and nonce, that its two signature headers are the same, that every part names the same chaincode,
// and that the endorsed response is to this very proposal. Errors wrap [ErrFormat] or [ErrProposal].
func ParseTransaction(envelope []byte) (*Transaction, error) {
	if len(envelope) > MaxTransaction {
		return nil, formatError("%d bytes; a transaction has at most %d", len(envelope), MaxTransaction)
	}
	e, payload := &common.Envelope{}, &common.Payload{}
	if err := decode("envelope", envelope, e); err != nil {
		return nil, err
	}
	if err := decode("payload", e.GetPayload(), payload); err != nil {
		return nil, err
	}
	t := &Transaction{payload: e.GetPayload(), signature: e.GetSignature()}
	invoked, err := t.readHeader(payload.GetHeader())
	if err != nil {
		return nil, err
	}
	action, err := singleAction(payload)
	if err != nil {
		return nil, err
	}
	if err := t.readProposal(action.GetChaincodeProposalPayload(), invoked); err != nil {
		return nil, err
	}
	if err := t.readResponse(action.GetAction(), invoked); err != nil {
		return nil, err
	}
	if err := t.checkProposal(payload.GetHeader(), action.GetChaincodeProposalPayload()); err != nil {
		return nil, err
	}
	return t, nil
}

// readHeader reads who calls what, and returns the chaincode that the channel header names.
func (t *Transaction) readHeader(h *common.Header) (string, error) {
	channel, signature, extension := &common.ChannelHeader{}, &common.SignatureHeader{}, &peer.ChaincodeHeaderExtension{}
	if err := decode("channel header", h.GetChannelHeader(), channel); err != nil {
		return "", err
	}
	if err := decode("signature header", h.GetSignatureHeader(), signature); err != nil {
		return "", err
	}
	if err := decode("chaincode header extension", channel.GetExtension(), extension); err != nil {
		return "", err
	}
	if channel.GetType() != int32(common.HeaderType_ENDORSER_TRANSACTION) {
		return "", formatError("the transaction is of type %d, not an endorser transaction", channel.GetType())
	}
	if channel.GetEpoch() != 0 {
		return "", formatError("the channel header is of epoch %d; Fabric knows 0", channel.GetEpoch())
	}
	if !channel.GetTimestamp().IsValid() {
		return "", formatError("the channel header has no valid timestamp")
	}
	if len(signature.GetNonce()) == 0 || len(signature.GetCreator()) == 0 {
		return "", formatError("the signature header lacks nonce or creator")
	}
	t.Channel, t.Time = channel.GetChannelId(), channel.GetTimestamp().AsTime().UnixMilli()
	if t.ID = transactionID(signature); channel.GetTxId() != t.ID {
		return "", formatError("transaction id %.80q is not that of creator and nonce, %s", channel.GetTxId(), t.ID)
	}
	var err error
	t.Creator, err = readSigner("creator", signature.GetCreator())
	return extension.GetChaincodeId().GetName(), err
}

// transactionID is what Fabric calls a transaction of a creator and a nonce.
func transactionID(h *common.SignatureHeader) string {
	hash := sha256.New()
	hash.Write(h.GetNonce())
	hash.Write(h.GetCreator())
	return hex.EncodeToString(hash.Sum(nil))
}

func readSigner(what string, serialized []byte) (Signer, error) {
	id := &msp.SerializedIdentity{}
	err := decode(what, serialized, id)
	return Signer{MSPID: id.GetMspid(), Certificate: id.GetIdBytes()}, err
}

// singleAction finds the one action of a transaction.
func singleAction(payload *common.Payload) (*peer.ChaincodeActionPayload, error) {
	transaction, action := &peer.Transaction{}, &peer.ChaincodeActionPayload{}
	if err := decode("transaction", payload.GetData(), transaction); err != nil {
		return nil, err
	}
	if count := len(transaction.GetActions()); count != 1 {
		return nil, formatError("the transaction has %d actions; Fabric takes exactly one", count)
	}
	only := transaction.GetActions()[0]
	if !bytes.Equal(only.GetHeader(), payload.GetHeader().GetSignatureHeader()) {
		return nil, formatError("the action's signature header is not the transaction's")
	}
	err := decode("chaincode action payload", only.GetPayload(), action)
	return action, err
}

// readProposal reads what is called.
func (t *Transaction) readProposal(content []byte, invoked string) error {
	proposal, call := &peer.ChaincodeProposalPayload{}, &peer.ChaincodeInvocationSpec{}
	if err := decode("chaincode proposal payload", content, proposal); err != nil {
		return err
	}
	if len(proposal.GetTransientMap()) > 0 {
		return formatError("the proposal has transient data, which no transaction keeps")
	}
	if err := decode("chaincode invocation", proposal.GetInput(), call); err != nil {
		return err
	}
	spec := call.GetChaincodeSpec()
	if t.Chaincode = spec.GetChaincodeId().GetName(); t.Chaincode == "" || t.Chaincode != invoked {
		return formatError("the proposal calls chaincode %q, its header names %q", t.Chaincode, invoked)
	}
	if len(spec.GetInput().GetDecorations()) > 0 || spec.GetInput().GetIsInit() {
		return formatError("the call is decorated or initialises the chaincode; ours is not called so")
	}
	if args := spec.GetInput().GetArgs(); len(args) > 0 {
		t.Function, t.Args = string(args[0]), args[1:]
	}
	return nil
}

// readResponse reads what the endorsers answered and signed.
func (t *Transaction) readResponse(a *peer.ChaincodeEndorsedAction, invoked string) error {
	response, action := &peer.ProposalResponsePayload{}, &peer.ChaincodeAction{}
	t.response = a.GetProposalResponsePayload()
	if err := decode("proposal response payload", t.response, response); err != nil {
		return err
	}
	if err := decode("chaincode action", response.GetExtension(), action); err != nil {
		return err
	}
	t.proposalHash = response.GetProposalHash()
	if name := action.GetChaincodeId().GetName(); name != invoked {
		return formatError("the response is chaincode %q's, the proposal calls %q", name, invoked)
	}
	if action.GetResponse() == nil {
		return formatError("the chaincode action has no response")
	}
	t.Status, t.Message, t.Response = action.GetResponse().GetStatus(), action.GetResponse().GetMessage(), action.GetResponse().GetPayload()
	var err error
	if t.Namespaces, err = readNamespaces(action.GetResults()); err != nil {
		return err
	}
	if t.Event, err = t.readEvent(action.GetEvents()); err != nil {
		return err
	}
	if count := len(a.GetEndorsements()); count > MaxSignatures {
		return formatError("%d endorsements; at most %d are read", count, MaxSignatures)
	}
	for _, e := range a.GetEndorsements() {
		endorser, err := readSigner("endorser", e.GetEndorser())
		if err != nil {
			return err
		}
		t.Endorsements = append(t.Endorsements, Endorsement{Endorser: endorser, identity: e.GetEndorser(), signature: e.GetSignature()})
	}
	return nil
}

func (t *Transaction) readEvent(content []byte) (*Event, error) {
	if len(content) == 0 {
		return nil, nil
	}
	event := &peer.ChaincodeEvent{}
	if err := decode("chaincode event", content, event); err != nil {
		return nil, err
	}
	if event.GetTxId() != t.ID || event.GetChaincodeId() != t.Chaincode {
		return nil, formatError("the event is of transaction %.80q of chaincode %q", event.GetTxId(), event.GetChaincodeId())
	}
	return &Event{Name: event.GetEventName(), Payload: event.GetPayload()}, nil
}

// checkProposal checks that the response is to this proposal: it names the hash of the two headers
// and of what is called.
func (t *Transaction) checkProposal(h *common.Header, proposal []byte) error {
	hash := sha256.New()
	hash.Write(h.GetChannelHeader())
	hash.Write(h.GetSignatureHeader())
	hash.Write(proposal)
	if sum := hash.Sum(nil); !bytes.Equal(sum, t.proposalHash) {
		return fmt.Errorf("%w: the endorsers answered proposal %x, this is %x", ErrProposal, t.proposalHash, sum)
	}
	return nil
}
