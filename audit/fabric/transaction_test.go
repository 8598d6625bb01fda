// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/anchorline/anchorline/audit/fabric"
	"github.com/anchorline/anchorline/audit/fabric/fabrictest"
	"github.com/anchorline/anchorline/audit/trust"
)

// anchoring is a call as ours are.
func anchoring() fabrictest.Call {
	return fabrictest.Call{
		Args: []string{`{"anchor":1}`}, Response: []byte("answer"), Time: 1_700_000_000_123,
		Writes:   []*kvrwset.KVWrite{{Key: "a", Value: []byte("1")}, {Key: "b", IsDelete: true}},
		Metadata: []*kvrwset.KVMetadataWrite{{Key: "a", Entries: []*kvrwset.KVMetadataEntry{{Name: "VALIDATION_PARAMETER", Value: []byte("policy")}}}},
		Event:    &peer.ChaincodeEvent{EventName: "Anchored", Payload: []byte("event")},
	}
}

func parsed(t testing.TB, envelope []byte) *fabric.Transaction {
	t.Helper()
	tx, err := fabric.ParseTransaction(envelope)
	require.NoError(t, err)
	return tx
}

func TestATransactionIsReadInFull(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	v := n.Verifier(t)
	tx := parsed(t, n.Envelope(t, anchoring(), n.Peer1, n.Peer2))
	require.NoError(t, tx.VerifyCreator(v))
	organisations, faults := tx.VerifyEndorsements(v)
	require.Equal(t, []string{"Org1MSP", "Org2MSP"}, organisations)
	require.Empty(t, faults)
	require.Equal(t, "mychannel", tx.Channel)
	require.Equal(t, "anchorline", tx.Chaincode)
	require.Equal(t, "anchors:Anchor", tx.Function)
	require.Equal(t, [][]byte{[]byte(`{"anchor":1}`)}, tx.Args)
	require.EqualValues(t, 1_700_000_000_123, tx.Time)
	require.Equal(t, "Org1MSP", tx.Creator.MSPID)
	require.Equal(t, n.Client.PEM, string(tx.Creator.Certificate))
	require.EqualValues(t, 200, tx.Status)
	require.Equal(t, []byte("answer"), tx.Response)
	require.Equal(t, &fabric.Event{Name: "Anchored", Payload: []byte("event")}, tx.Event)
	own := tx.Namespace("anchorline")
	require.Equal(t, []fabric.Write{{Key: "a", Value: []byte("1")}, {Key: "b", Delete: true}}, own.Writes)
	require.Equal(t, []fabric.MetadataWrite{{Key: "a", Entries: map[string][]byte{"VALIDATION_PARAMETER": []byte("policy")}}}, own.Metadata)
	require.Equal(t, []fabric.Read{{Key: "namespaces/fields/anchorline/Sequence"}}, tx.Namespace("_lifecycle").Reads)
	w, ok := tx.Write("anchorline", "a")
	require.True(t, ok)
	require.Equal(t, []byte("1"), w.Value)
	_, ok = tx.Write("_lifecycle", "a")
	require.False(t, ok, "another chaincode's key")
}

// vouching returns the organisations whose endorsements count.
func vouching(t testing.TB, v *trust.Verifier, envelope []byte) []string {
	t.Helper()
	organisations, faults := parsed(t, envelope).VerifyEndorsements(v)
	require.Len(t, parsed(t, envelope).Endorsements, len(faults)+len(organisations), "none is left out")
	return organisations
}

func TestOnlyPeersOfTheOrganisationsCountAsEndorsers(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	v := n.Verifier(t)
	foreign := fabrictest.NewAuthority(t, "Org2MSP")
	for name, endorser := range map[string]*fabrictest.Member{
		"a client of the organisation":           n.Org2.Issue(t, "User1", []string{"client"}),
		"an administrator of it":                 n.Org2.Issue(t, "Admin", []string{"admin"}),
		"a peer of another CA with the same MSP": foreign.Issue(t, "peer0.org2", []string{"peer"}),
		"the first's peer as the second's":       n.Peer1.As("Org2MSP"),
		"an orderer":                             n.Orderers[0],
		"an orderer as the organisation's":       n.Orderers[0].As("Org2MSP"),
		"a peer of a CA that the root made":      n.Org2.Intermediate(t, "hidden").Issue(t, "peer", []string{"peer"}),
	} {
		require.Equal(t, []string{"Org1MSP"}, vouching(t, v, n.Envelope(t, anchoring(), n.Peer1, endorser)), name)
	}
	n.Trust.Organisations[1].Revoked = []string{n.Org2.Revoke(t, n.Peer2)}
	require.Equal(t, []string{"Org1MSP"}, vouching(t, n.Verifier(t), n.Envelope(t, anchoring(), n.Peer1, n.Peer2)), "a revoked peer")
}

func TestTwoEndorsementsOfOneOrganisationCountOnce(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	tx := parsed(t, n.Envelope(t, anchoring(), n.Peer1, n.Org1.Issue(t, "peer1.org1", []string{"peer"}), n.Peer1))
	organisations, faults := tx.VerifyEndorsements(n.Verifier(t))
	require.Empty(t, faults)
	require.Equal(t, []string{"Org1MSP"}, organisations)
}

func TestASignatureOverAnythingElseDoesNotCount(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	v := n.Verifier(t)
	for name, endorse := range map[string]func(*fabrictest.Member, []byte) *peer.Endorsement{
		"high S": func(m *fabrictest.Member, response []byte) *peer.Endorsement {
			e := fabrictest.Endorse(t, m, response)
			e.Signature = fabrictest.HighS(t, m, e.GetSignature())
			return e
		},
		"without the endorser": func(m *fabrictest.Member, response []byte) *peer.Endorsement {
			return &peer.Endorsement{Endorser: m.Serialize(t), Signature: m.Sign(t, response)}
		},
		"of another response": func(m *fabrictest.Member, response []byte) *peer.Endorsement {
			return fabrictest.Endorse(t, m, append([]byte{0}, response...))
		},
		"empty": func(m *fabrictest.Member, _ []byte) *peer.Endorsement {
			return &peer.Endorsement{Endorser: m.Serialize(t)}
		},
		"of the other peer": func(m *fabrictest.Member, response []byte) *peer.Endorsement {
			e := fabrictest.Endorse(t, n.Peer1, response)
			e.Endorser = m.Serialize(t)
			return e
		},
	} {
		c := anchoring()
		c.Endorse = endorse
		organisations, faults := parsed(t, n.Envelope(t, c, n.Peer2)).VerifyEndorsements(v)
		require.Empty(t, organisations, name)
		require.Len(t, faults, 1)
		require.Equal(t, "Org2MSP", faults[0].Signer)
		require.ErrorIs(t, faults[0], trust.ErrSignature)
	}
}

func TestTheCreatorIsAMemberWhoSignedTheEnvelope(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	v := n.Verifier(t)
	with := func(m *fabrictest.Member) error {
		c := anchoring()
		c.Creator = m
		return parsed(t, n.Envelope(t, c, n.Peer1)).VerifyCreator(v)
	}
	require.NoError(t, with(n.Client))
	require.NoError(t, with(n.Org2.Issue(t, "Admin", []string{"admin"})))
	require.ErrorIs(t, with(fabrictest.NewAuthority(t, "Org1MSP").Issue(t, "User1", []string{"client"})), trust.ErrNotTrusted)
	require.ErrorIs(t, with(n.Orderers[0]), trust.ErrNotTrusted)
	p := takeApart(t, n.Envelope(t, anchoring(), n.Peer1))
	require.ErrorIs(t, parsed(t, p.together(t, n.Peer1)).VerifyCreator(v), trust.ErrSignature, "another one's signature")
	c := anchoring()
	c.Unsigned = true
	tx := parsed(t, n.Envelope(t, c, n.Peer1))
	require.False(t, tx.Signed())
	require.ErrorIs(t, tx.VerifyCreator(v), fabric.ErrUnsigned)
}

func TestATransactionOfAnotherChannelIsNotVouchedFor(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	c := anchoring()
	c.Channel = "otherchannel"
	tx := parsed(t, n.Envelope(t, c, n.Peer1, n.Peer2))
	require.ErrorIs(t, tx.VerifyCreator(n.Verifier(t)), fabric.ErrChannel)
	organisations, faults := tx.VerifyEndorsements(n.Verifier(t))
	require.Empty(t, organisations)
	require.ErrorIs(t, faults[0], fabric.ErrChannel)
}

// TestWhatACreatorChangesAfterwardsIsFound lets the creator, who can sign any envelope, change each
// thing that the peers endorsed.
func TestWhatACreatorChangesAfterwardsIsFound(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	v := n.Verifier(t)
	envelope := n.Envelope(t, anchoring(), n.Peer1, n.Peer2)
	require.Len(t, vouching(t, v, takeApart(t, envelope).together(t, n.Client)), 2, "nothing changed")
	for name, change := range map[string]func(*parts){
		"the value written":     func(p *parts) { p.own.Writes[0].Value = []byte("2") },
		"one write less":        func(p *parts) { p.own.Writes = p.own.GetWrites()[:1] },
		"a deletion more":       func(p *parts) { p.own.Writes[0] = &kvrwset.KVWrite{Key: "a", IsDelete: true} },
		"an endorsement policy": func(p *parts) { p.own.MetadataWrites[0].Entries[0].Value = []byte("weaker") },
		"a namespace":           func(p *parts) { p.set.NsRwset[1].Namespace = "other" },
		"the answer":            func(p *parts) { p.answer.Response.Payload = []byte("other") },
		"the status":            func(p *parts) { p.answer.Response.Status = 201 },
		"the version":           func(p *parts) { p.answer.ChaincodeId.Version = "2.0" },
		"the event":             func(p *parts) { p.answer.Events = nil },
	} {
		p := takeApart(t, envelope)
		change(p)
		tx := parsed(t, p.together(t, n.Client))
		require.NoError(t, tx.VerifyCreator(v))
		organisations, faults := tx.VerifyEndorsements(v)
		require.Empty(t, organisations, name)
		require.Len(t, faults, 2)
	}
	for name, change := range map[string]func(*parts){
		"the arguments":           func(p *parts) { p.call.ChaincodeSpec.Input.Args[1] = []byte("other") },
		"the function":            func(p *parts) { p.call.ChaincodeSpec.Input.Args[0] = []byte("other") },
		"the type of the program": func(p *parts) { p.call.ChaincodeSpec.Type = peer.ChaincodeSpec_JAVA },
		"the time":                func(p *parts) { p.channel.Timestamp.Seconds++ },
		"the channel":             func(p *parts) { p.channel.ChannelId = "other" },
		"the version of a header": func(p *parts) { p.channel.Version = 1 },
	} {
		p := takeApart(t, envelope)
		change(p)
		_, err := fabric.ParseTransaction(p.together(t, n.Client))
		require.ErrorIs(t, err, fabric.ErrProposal, name)
	}
}

func TestMalformedTransactionsAreRefused(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	envelope := n.Envelope(t, anchoring(), n.Peer1, n.Peer2)
	for why, change := range map[string]func(*parts){
		"has 2 actions": func(p *parts) { p.actions.Actions = append(p.actions.Actions, p.actions.GetActions()[0]) },
		"signature header is not the transaction's": func(p *parts) {
			p.actions.Actions[0].Header = fabrictest.Encode(t, &common.SignatureHeader{Creator: p.signature.GetCreator(), Nonce: []byte("other")})
		},
		"is not that of creator and nonce": func(p *parts) { p.channel.TxId = "00" + p.channel.GetTxId()[2:] },
		"not an endorser transaction":      func(p *parts) { p.channel.Type = int32(common.HeaderType_CONFIG) },
		"is of epoch 1":                    func(p *parts) { p.channel.Epoch = 1 },
		"no valid timestamp":               func(p *parts) { p.channel.Timestamp = nil },
		"has transient data":               func(p *parts) { p.proposal.TransientMap = map[string][]byte{"a": nil} },
		"calls chaincode":                  func(p *parts) { p.call.ChaincodeSpec.ChaincodeId.Name = "other" },
		"its header names":                 func(p *parts) { p.extension.ChaincodeId.Name = "other" },
		"the response is chaincode":        func(p *parts) { p.answer.ChaincodeId.Name = "other" },
		"is decorated":                     func(p *parts) { p.call.ChaincodeSpec.Input.IsInit = true },
		"257 endorsements": func(p *parts) {
			p.action.Action.Endorsements = make([]*peer.Endorsement, fabric.MaxSignatures+1)
			for i := range p.action.GetAction().GetEndorsements() {
				p.action.Action.Endorsements[i] = &peer.Endorsement{}
			}
		},
		"no response":                     func(p *parts) { p.answer.Response = nil },
		"of data model 1":                 func(p *parts) { p.set.DataModel = 1 },
		`"anchorline" is there twice`:     func(p *parts) { p.set.NsRwset[0].Namespace = "anchorline" },
		`"a" of anchorline is written tw`: func(p *parts) { p.own.Writes[1].Key = "a" },
		"is deleted and written":          func(p *parts) { p.own.Writes[1].Value = []byte("x") },
		"metadata of key":                 func(p *parts) { p.own.MetadataWrites = append(p.own.MetadataWrites, p.own.GetMetadataWrites()[0]) },
		`metadata "VALIDATION_PARAMETER"`: func(p *parts) {
			m := p.own.GetMetadataWrites()[0]
			m.Entries = append(m.Entries, m.GetEntries()[0])
		},
		"the event is of transaction": func(p *parts) {
			p.answer.Events = fabrictest.Encode(t, &peer.ChaincodeEvent{ChaincodeId: "anchorline"})
		},
	} {
		p := takeApart(t, envelope)
		change(p)
		_, err := fabric.ParseTransaction(p.together(t, n.Client))
		require.ErrorIs(t, err, fabric.ErrFormat, why)
		require.ErrorContains(t, err, why)
	}
}

func TestOnlyTheOneEncodingIsTaken(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	envelope := n.Envelope(t, anchoring(), n.Peer1, n.Peer2)
	e := &common.Envelope{}
	require.NoError(t, unmarshal(envelope, e))
	field := func(number protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
	}
	payload, signature := field(1, e.GetPayload()), field(2, e.GetSignature())
	require.Equal(t, envelope, append(payload[:len(payload):len(payload)], signature...))
	for name, other := range map[string][]byte{
		"nothing":          nil,
		"a byte more":      append(envelope[:len(envelope):len(envelope)], 0),
		"a byte less":      envelope[:len(envelope)-1],
		"disordered":       append(signature[:len(signature):len(signature)], payload...),
		"a field twice":    append(field(1, nil), envelope...),
		"an unknown field": append(envelope[:len(envelope):len(envelope)], field(9, nil)...),
		"a longer length":  append([]byte{0x8a, 0x00}, envelope[1:]...),
		"too large":        make([]byte, fabric.MaxTransaction+1),
	} {
		_, err := fabric.ParseTransaction(other)
		require.ErrorIs(t, err, fabric.ErrFormat, name)
	}
	// The same inside: an unknown field in the read-write set, which the peers would have signed.
	p := takeApart(t, envelope)
	p.set.ProtoReflect().SetUnknown(field(9, []byte("x")))
	_, err := fabric.ParseTransaction(p.together(t, n.Client))
	require.ErrorIs(t, err, fabric.ErrFormat)
	require.ErrorContains(t, err, "read-write set")
}

func TestPrivateCollectionsAndRangesAreNamed(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	p := takeApart(t, n.Envelope(t, anchoring(), n.Peer1))
	p.set.NsRwset[1].CollectionHashedRwset = []*rwset.CollectionHashedReadWriteSet{{CollectionName: "secret"}}
	p.own.RangeQueriesInfo = []*kvrwset.RangeQueryInfo{{StartKey: "a"}}
	p.own.Reads = []*kvrwset.KVRead{{Key: "a", Version: &kvrwset.Version{BlockNum: 3, TxNum: 1}}}
	own := parsed(t, p.together(t, n.Client)).Namespace("anchorline")
	require.Equal(t, []string{"secret"}, own.Collections)
	require.Equal(t, 1, own.Ranges)
	require.Equal(t, []fabric.Read{{Key: "a", Exists: true, Block: 3, Index: 1}}, own.Reads)
}
