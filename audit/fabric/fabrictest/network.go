// SPDX-License-Identifier: Apache-2.0

package fabrictest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/anchorline/anchorline/audit/trust"
)

// The names of every network made here.
const (
	Channel   = "mychannel"
	Chaincode = "anchorline"
)

// A Network is two organisations and the orderers of a channel.
type Network struct {
	Trust        trust.Trust
	Org1, Org2   *Authority
	Ordering     *Authority
	Peer1, Peer2 *Member
	Client       *Member // of Org1MSP
	Orderers     []*Member
}

// NewNetwork makes the organisations of a channel with one Raft orderer, or with as many BFT
// consenters as asked for.
func NewNetwork(t testing.TB, consenters int) *Network {
	t.Helper()
	n := &Network{Org1: NewAuthority(t, "Org1MSP"), Org2: NewAuthority(t, "Org2MSP"), Ordering: NewAuthority(t, "OrdererMSP")}
	n.Peer1, n.Peer2 = n.Org1.Issue(t, "peer0.org1", []string{"peer"}), n.Org2.Issue(t, "peer0.org2", []string{"peer"})
	n.Client = n.Org1.Issue(t, "User1", []string{"client"})
	for i := range max(consenters, 1) {
		n.Orderers = append(n.Orderers, n.Ordering.Issue(t, fmt.Sprint("orderer", i+1), []string{"orderer"}))
	}
	n.Trust = trust.Trust{
		Ledger: Channel + "/" + Chaincode, Attestations: 2,
		Organisations: []trust.Organisation{n.Org1.Organisation("peer"), n.Org2.Organisation("peer")},
		Orderers:      trust.Orderers{Consensus: trust.Raft, Signatures: 1, Organisations: []trust.Organisation{n.Ordering.Organisation("orderer")}},
	}
	if consenters > 0 {
		n.Trust.Orderers.Consensus, n.Trust.Orderers.Signatures = trust.BFT, trust.Quorum(consenters)
		for i, o := range n.Orderers {
			n.Trust.Orderers.Consenters = append(n.Trust.Orderers.Consenters,
				trust.Consenter{ID: uint32(i + 1), MSPID: o.MSPID, Certificate: o.PEM})
		}
	}
	return n
}

// Verifier verifies by the network's trust.
func (n *Network) Verifier(t testing.TB) *trust.Verifier {
	t.Helper()
	v, err := trust.NewVerifier(n.Trust)
	require.NoError(t, err)
	return v
}

// A Call is what a transaction is made of. The zero value of a field is what a right transaction has.
type Call struct {
	Channel    string // Channel
	Function   string // "anchors:Anchor"
	Args       []string
	Response   []byte
	Writes     []*kvrwset.KVWrite
	Metadata   []*kvrwset.KVMetadataWrite
	Event      *peer.ChaincodeEvent // transaction and chaincode are filled in
	Creator    *Member              // the network's client
	Time       int64                // Unix milliseconds
	ResponseOf string               // the chaincode that the response names: Chaincode
	// Unsigned leaves the creator's signature out.
	Unsigned bool
	// Endorse makes an endorsement in another way.
	Endorse func(m *Member, response []byte) *peer.Endorsement
}

// Envelope makes a transaction, endorsed by members.
func (n *Network) Envelope(t testing.TB, c Call, endorsers ...*Member) []byte {
	t.Helper()
	if c.Channel == "" {
		c.Channel = Channel
	}
	if c.Function == "" {
		c.Function = "anchors:Anchor"
	}
	if c.Creator == nil {
		c.Creator = n.Client
	}
	if c.ResponseOf == "" {
		c.ResponseOf = Chaincode
	}
	header, id := c.header(t)
	proposal := c.proposal(t)
	hash := sha256.Sum256(slices.Concat(header.GetChannelHeader(), header.GetSignatureHeader(), proposal))
	response := c.response(t, id, hash[:])
	action := &peer.ChaincodeEndorsedAction{ProposalResponsePayload: response}
	if c.Endorse == nil {
		c.Endorse = func(m *Member, response []byte) *peer.Endorsement { return Endorse(t, m, response) }
	}
	for _, m := range endorsers {
		action.Endorsements = append(action.Endorsements, c.Endorse(m, response))
	}
	payload := Encode(t, &common.Payload{Header: header, Data: Encode(t, &peer.Transaction{Actions: []*peer.TransactionAction{{
		Header:  header.GetSignatureHeader(),
		Payload: Encode(t, &peer.ChaincodeActionPayload{ChaincodeProposalPayload: proposal, Action: action}),
	}}})})
	envelope := &common.Envelope{Payload: payload}
	if !c.Unsigned {
		envelope.Signature = c.Creator.Sign(t, payload)
	}
	return Encode(t, envelope)
}

// Endorse makes a member's endorsement of a response.
func Endorse(t testing.TB, m *Member, response []byte) *peer.Endorsement {
	t.Helper()
	identity := m.Serialize(t)
	return &peer.Endorsement{Endorser: identity, Signature: m.Sign(t, slices.Concat(response, identity))}
}

func (c Call) header(t testing.TB) (*common.Header, string) {
	t.Helper()
	nonce := make([]byte, 24)
	_, err := rand.Read(nonce)
	require.NoError(t, err)
	creator := c.Creator.Serialize(t)
	sum := sha256.Sum256(slices.Concat(nonce, creator))
	id := hex.EncodeToString(sum[:])
	return &common.Header{
		ChannelHeader: Encode(t, &common.ChannelHeader{
			Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: c.Channel, TxId: id,
			Timestamp: &timestamppb.Timestamp{Seconds: c.Time / 1000, Nanos: int32(c.Time % 1000 * 1_000_000)},
			Extension: Encode(t, &peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: Chaincode}}),
		}),
		SignatureHeader: Encode(t, &common.SignatureHeader{Creator: creator, Nonce: nonce}),
	}, id
}

func (c Call) proposal(t testing.TB) []byte {
	t.Helper()
	args := [][]byte{[]byte(c.Function)}
	for _, a := range c.Args {
		args = append(args, []byte(a))
	}
	return Encode(t, &peer.ChaincodeProposalPayload{Input: Encode(t, &peer.ChaincodeInvocationSpec{
		ChaincodeSpec: &peer.ChaincodeSpec{
			Type: peer.ChaincodeSpec_NODE, ChaincodeId: &peer.ChaincodeID{Name: Chaincode}, Input: &peer.ChaincodeInput{Args: args},
		},
	})})
}

func (c Call) response(t testing.TB, id string, proposalHash []byte) []byte {
	t.Helper()
	var events []byte
	if c.Event != nil {
		events = Encode(t, &peer.ChaincodeEvent{
			ChaincodeId: Chaincode, TxId: id, EventName: c.Event.GetEventName(), Payload: c.Event.GetPayload(),
		})
	}
	results := Encode(t, &rwset.TxReadWriteSet{NsRwset: []*rwset.NsReadWriteSet{
		{Namespace: "_lifecycle", Rwset: Encode(t, &kvrwset.KVRWSet{Reads: []*kvrwset.KVRead{{Key: "namespaces/fields/anchorline/Sequence"}}})},
		{Namespace: Chaincode, Rwset: Encode(t, &kvrwset.KVRWSet{Writes: c.Writes, MetadataWrites: c.Metadata})},
	}})
	return Encode(t, &peer.ProposalResponsePayload{ProposalHash: proposalHash, Extension: Encode(t, &peer.ChaincodeAction{
		Results: results, Events: events, Response: &peer.Response{Status: 200, Payload: c.Response},
		ChaincodeId: &peer.ChaincodeID{Name: c.ResponseOf, Version: "1.0"},
	})})
}

// Header makes the header of a block of envelopes.
func Header(number uint64, envelopes ...[]byte) *common.BlockHeader {
	data, previous := sha256.Sum256(slices.Concat(envelopes...)), sha256.Sum256([]byte("the block before"))
	return &common.BlockHeader{Number: number, PreviousHash: previous[:], DataHash: data[:]}
}

// HeaderBytes is a header as orderers sign it.
func HeaderBytes(t testing.TB, h *common.BlockHeader) []byte {
	t.Helper()
	content, err := asn1.Marshal(struct {
		Number         *big.Int
		Previous, Data []byte
	}{new(big.Int).SetUint64(h.GetNumber()), h.GetPreviousHash(), h.GetDataHash()})
	require.NoError(t, err)
	return content
}

// Block makes a block of envelopes as a peer keeps it, signed in the channel's way by orderers; of a
// BFT channel they are numbered from 1 as the network's.
func (n *Network) Block(t testing.TB, number uint64, envelopes [][]byte, signers ...*Member) []byte {
	t.Helper()
	header := Header(number, envelopes...)
	metadata := &common.Metadata{Value: Encode(t, &common.OrdererBlockMetadata{LastConfig: &common.LastConfig{Index: n.Trust.ConfigurationBlock}})}
	for _, m := range signers {
		s := &common.MetadataSignature{}
		said := Encode(t, &common.SignatureHeader{Creator: m.Serialize(t), Nonce: []byte("nonce of 24 bytes at all")})
		if n.Trust.Orderers.Consensus == trust.BFT {
			said = Encode(t, &common.IdentifierHeader{Identifier: uint32(slices.Index(n.Orderers, m) + 1), Nonce: []byte("nonce")})
			s.IdentifierHeader = said
		} else {
			s.SignatureHeader = said
		}
		s.Signature = m.Sign(t, slices.Concat(metadata.GetValue(), said, HeaderBytes(t, header)))
		metadata.Signatures = append(metadata.Signatures, s)
	}
	flags := make([]byte, len(envelopes))
	return Encode(t, &common.Block{
		Header: header, Data: &common.BlockData{Data: envelopes},
		Metadata: &common.BlockMetadata{Metadata: [][]byte{Encode(t, metadata), {}, flags, {}, {}}},
	})
}
