// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	fabricidentity "github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// direct is a client that calls a peer's services without the SDK, as tools do.
type direct struct {
	*actor
	conn    *grpc.ClientConn
	orderer *grpc.ClientConn
	open    func(context.Context) (blockStream, error) // of the deliver service that is asked
	creator []byte
	sign    fabricidentity.Sign
}

func directly(name string, steps func(d *direct)) scenario {
	return scenario{name: name, run: func(t *testing.T, n target) []seen {
		t.Helper()
		p := n.profile("Org1MSP", "User1")
		id, sign := credentialsOf(t, p)
		creator := encode(t, &msp.SerializedIdentity{Mspid: id.MspID(), IdBytes: id.Credentials()})
		d := &direct{actor: newActor(t, p), conn: dial(t, p), orderer: dial(t, n.orderer), creator: creator, sign: sign}
		steps(d)
		return d.seen
	}}
}

func (d *direct) signature(message []byte) []byte {
	d.t.Helper()
	digest := sha256.Sum256(message)
	signature, err := d.sign(digest[:])
	require.NoError(d.t, err)
	return signature
}

// proposal is a signed proposal of the SDK's making.
func (d *direct) proposal(channel, chaincode, name string, args ...string) *peer.SignedProposal {
	d.t.Helper()
	proposal, err := d.gateway.GetNetwork(channel).GetContract(chaincode).NewProposal(name, client.WithArguments(args...))
	require.NoError(d.t, err)
	content, err := proposal.Bytes()
	require.NoError(d.t, err)
	signed := decode(d.t, content, &gateway.ProposedTransaction{}).GetProposal()
	signed.Signature = d.signature(signed.GetProposalBytes())
	return signed
}

func directScenarios() []scenario {
	return []scenario{
		directly("the endorser service", func(d *direct) {
			channel, own := d.profile.Channel, d.profile.Chaincode
			endorser := peer.NewEndorserClient(d.conn)
			process := func(signed *peer.SignedProposal) {
				response, err := endorser.ProcessProposal(d.t.Context(), signed)
				s := failure(err)
				if err == nil {
					s.Result = mask(fmt.Sprintf("version %d, status %d %q, payload %t, endorsed %t", response.GetVersion(), response.GetResponse().GetStatus(),
						response.GetResponse().GetMessage(), len(response.GetPayload()) > 0, response.GetEndorsement() != nil))
				}
				d.saw(s)
			}
			process(d.proposal(channel, own, "put", "direct", "1"))
			process(d.proposal(channel, own, "fail", "no"))
			process(d.proposal(channel, own, "status", "404"))
			process(d.proposal(channel, "absent", "get"))
			process(d.proposal("absent", own, "get", "a"))
			process(d.proposal("", own, "get", "a"))
			process(d.proposal("", "cscc", "GetChannels"))
			process(d.proposal(channel, "qscc", "GetChainInfo", channel))
			process(d.proposal(channel, "_lifecycle", "QueryChaincodeDefinition", "garbage\xff"))
			process(&peer.SignedProposal{})
			process(&peer.SignedProposal{ProposalBytes: []byte("garbage")})
			unsigned := d.proposal(channel, own, "get", "a")
			unsigned.Signature = nil
			process(unsigned)
			forged := d.proposal(channel, own, "get", "a")
			forged.Signature = d.signature([]byte("something else"))
			process(forged)
		}),
		directly("the gateway service", func(d *direct) {
			g := gateway.NewGatewayClient(d.conn)
			ctx := d.t.Context()
			evaluate := func(r *gateway.EvaluateRequest) { _, err := g.Evaluate(ctx, r); d.saw(failure(err)) }
			endorse := func(r *gateway.EndorseRequest) { _, err := g.Endorse(ctx, r); d.saw(failure(err)) }
			submit := func(r *gateway.SubmitRequest) { _, err := g.Submit(ctx, r); d.saw(failure(err)) }
			status := func(r *gateway.SignedCommitStatusRequest) { _, err := g.CommitStatus(ctx, r); d.saw(failure(err)) }
			garbage := &peer.SignedProposal{ProposalBytes: []byte("garbage")}
			empty := d.proposal(d.profile.Channel, "", "get")
			nowhere := d.proposal("", d.profile.Chaincode, "get")
			for _, p := range []*peer.SignedProposal{nil, {}, garbage, empty, nowhere} {
				evaluate(&gateway.EvaluateRequest{ProposedTransaction: p})
				endorse(&gateway.EndorseRequest{ProposedTransaction: p})
			}
			evaluate(&gateway.EvaluateRequest{ProposedTransaction: d.proposal(d.profile.Channel, d.profile.Chaincode, "get", "a"), TargetOrganizations: []string{"Org9MSP"}})
			submit(&gateway.SubmitRequest{})
			submit(&gateway.SubmitRequest{PreparedTransaction: &common.Envelope{Payload: []byte("garbage")}})
			submit(&gateway.SubmitRequest{PreparedTransaction: &common.Envelope{Payload: []byte("garbage"), Signature: []byte("x")}})
			status(&gateway.SignedCommitStatusRequest{})
			status(&gateway.SignedCommitStatusRequest{Request: []byte("garbage")})
			for _, request := range []*gateway.CommitStatusRequest{
				{}, {ChannelId: "absent", TransactionId: "abcd", Identity: d.creator}, {ChannelId: d.profile.Channel, TransactionId: "abcd"},
			} {
				content := encode(d.t, request)
				status(&gateway.SignedCommitStatusRequest{Request: content, Signature: d.signature(content)})
			}
			for _, content := range [][]byte{
				nil, []byte("garbage"), encode(d.t, &gateway.ChaincodeEventsRequest{ChannelId: d.profile.Channel}),
				encode(d.t, &gateway.ChaincodeEventsRequest{ChannelId: "absent", Identity: d.creator, ChaincodeId: d.profile.Chaincode}),
				encode(d.t, &gateway.ChaincodeEventsRequest{ChannelId: d.profile.Channel, Identity: d.creator, ChaincodeId: d.profile.Chaincode,
					StartPosition: &orderer.SeekPosition{Type: &orderer.SeekPosition_Oldest{Oldest: &orderer.SeekOldest{}}}}),
			} {
				stream, err := g.ChaincodeEvents(ctx, &gateway.SignedChaincodeEventsRequest{Request: content, Signature: d.signature(content)})
				require.NoError(d.t, err)
				_, err = stream.Recv()
				d.saw(failure(err))
			}
		}),
		directly("definitions of chaincode", func(d *direct) {
			query := func(args ...string) {
				response, err := peer.NewEndorserClient(d.conn).ProcessProposal(d.t.Context(), d.proposal(d.profile.Channel, "_lifecycle", args[0], args[1:]...))
				require.NoError(d.t, err)
				answer := response.GetResponse()
				s := seen{Error: mask(fmt.Sprintf("status %d %s", answer.GetStatus(), answer.GetMessage()))}
				if answer.GetStatus() == 200 {
					s.Result = definition(d.t, answer.GetPayload(), args[0])
				}
				d.saw(s)
			}
			name := func(of string) string { return string(encode(d.t, &lifecycle.QueryChaincodeDefinitionArgs{Name: of})) }
			query("QueryChaincodeDefinition", name(d.profile.Chaincode))
			query("QueryChaincodeDefinition", name("absent"))
			query("QueryChaincodeDefinition", name(""))
			query("QueryChaincodeDefinition")
			query("QueryChaincodeDefinition", "", "")
			query("QueryChaincodeDefinitions", "")
			query("QueryChaincodeDefinitions", "garbage\xff")
			query("QueryChaincodeDefinitions")
		}),
		directly("what is on the ledger", onLedger),
		directly("the deliver service", func(d *direct) {
			d.open = func(ctx context.Context) (blockStream, error) {
				stream, err := peer.NewDeliverClient(d.conn).Deliver(ctx)
				return blockStream{stream, func() (blockResponse, error) { return stream.Recv() }}, err
			}
			deliverRequests(d)
		}),
		directly("the orderer's deliver service", func(d *direct) {
			d.open = func(ctx context.Context) (blockStream, error) {
				stream, err := orderer.NewAtomicBroadcastClient(d.orderer).Deliver(ctx)
				return blockStream{stream, func() (blockResponse, error) { return stream.Recv() }}, err
			}
			deliverRequests(d)
		}),
		directly("the orderer's broadcast service", broadcasts),
	}
}

// definition is the answer to a query of definitions.
func definition(t *testing.T, content []byte, function string) string {
	t.Helper()
	if function == "QueryChaincodeDefinitions" {
		told := ""
		for _, d := range decode(t, content, &lifecycle.QueryChaincodeDefinitionsResult{}).GetChaincodeDefinitions() {
			told += fmt.Sprintf("%s %t %s %s %s %x %t %t;", d.GetName(), d.GetSequence() > 0, d.GetVersion(), d.GetEndorsementPlugin(), d.GetValidationPlugin(),
				d.GetValidationParameter(), d.GetInitRequired(), d.GetCollections() != nil)
		}
		return told
	}
	d := decode(t, content, &lifecycle.QueryChaincodeDefinitionResult{})
	return fmt.Sprintf("%t %s %s %s %x %t %t approved by %v", d.GetSequence() > 0, d.GetVersion(), d.GetEndorsementPlugin(), d.GetValidationPlugin(),
		d.GetValidationParameter(), d.GetInitRequired(), d.GetCollections() != nil, d.GetApprovals())
}

// onLedger asks the system chaincodes for a transaction, its block and the configuration.
func onLedger(d *direct) {
	tx := d.endorseQuietly("put", "told", "1")
	commit, err := tx.Submit()
	require.NoError(d.t, err)
	status, err := commit.Status()
	require.NoError(d.t, err)
	ask := func(chaincode string, args ...string) []byte {
		content, err := d.gateway.GetNetwork(d.profile.Channel).GetContract(chaincode).EvaluateTransaction(args[0], args[1:]...)
		require.NoError(d.t, err)
		return content
	}
	channel := d.profile.Channel
	processed := decode(d.t, ask("qscc", "GetTransactionByID", channel, tx.TransactionID()), &peer.ProcessedTransaction{})
	d.saw(seen{Flag: peer.TxValidationCode(processed.GetValidationCode()).String(), By: []string{fmt.Sprint(len(actionOf(d.t, processed.GetTransactionEnvelope()).GetAction().GetEndorsements()))}})
	block := decode(d.t, ask("qscc", "GetBlockByTxID", channel, tx.TransactionID()), &common.Block{})
	info := decode(d.t, ask("qscc", "GetChainInfo", channel), &common.BlockchainInfo{})
	newest := decode(d.t, ask("qscc", "GetBlockByHash", channel, string(info.GetCurrentBlockHash())), &common.Block{})
	d.saw(seen{Result: fmt.Sprintf("block of the transaction %t, newest block %t, previous hash %t", block.GetHeader().GetNumber() == status.BlockNumber,
		newest.GetHeader().GetNumber() == info.GetHeight()-1, bytes.Equal(newest.GetHeader().GetPreviousHash(), info.GetPreviousBlockHash()))})
	config := decode(d.t, ask("cscc", "GetChannelConfig", channel), &common.Config{})
	d.saw(seen{Result: strings.Join(outline("Channel", config.GetChannelGroup()), "\n")})
	configured := decode(d.t, ask("cscc", "GetConfigBlock", channel), &common.Block{})
	payload := decode(d.t, decode(d.t, configured.GetData().GetData()[0], &common.Envelope{}).GetPayload(), &common.Payload{})
	d.saw(seen{Result: fmt.Sprintf("the same configuration %t", proto.Equal(config, decode(d.t, payload.GetData(), &common.ConfigEnvelope{}).GetConfig()))})
}

// outline is the tree of a configuration: groups, values and rules by name.
func outline(path string, group *common.ConfigGroup) []string {
	lines := []string{path + " mod " + group.GetModPolicy()}
	for name, value := range group.GetValues() {
		lines = append(lines, path+" value "+name+" mod "+value.GetModPolicy())
	}
	for name, policy := range group.GetPolicies() {
		lines = append(lines, fmt.Sprintf("%s policy %s of type %d %x mod %s", path, name, policy.GetPolicy().GetType(), policy.GetPolicy().GetValue(), policy.GetModPolicy()))
	}
	for name, sub := range group.GetGroups() {
		lines = append(lines, outline(path+"/"+name, sub)...)
	}
	slices.Sort(lines)
	return lines
}

// blockStream is a deliver service's stream, a peer's or an orderer's.
type blockStream struct {
	sender
	receive func() (blockResponse, error)
}

type sender interface{ Send(*common.Envelope) error }

type blockResponse interface {
	GetBlock() *common.Block
	GetStatus() common.Status
}

// broadcasts sends transactions to the orderer, rightly and wrongly, each on a stream of its own.
func broadcasts(d *direct) {
	send := func(envelope *common.Envelope) {
		stream, err := orderer.NewAtomicBroadcastClient(d.orderer).Broadcast(d.t.Context())
		require.NoError(d.t, err)
		require.NoError(d.t, stream.Send(envelope))
		response, err := stream.Recv()
		s := failure(err)
		if err == nil {
			s = seen{Result: response.GetStatus().String() + " " + mask(response.GetInfo())}
		}
		d.saw(s)
	}
	good := func() *common.Envelope {
		content, err := d.endorseQuietly("put", "broadcast", "1").Bytes()
		require.NoError(d.t, err)
		return envelopeOf(d.t, content)
	}
	signed := func(change func(*common.Payload, *common.ChannelHeader)) {
		envelope := good()
		payload := decode(d.t, envelope.GetPayload(), &common.Payload{})
		header := decode(d.t, payload.GetHeader().GetChannelHeader(), &common.ChannelHeader{})
		change(payload, header)
		if payload.Header != nil {
			payload.Header.ChannelHeader = encode(d.t, header)
		}
		content := encode(d.t, payload)
		send(&common.Envelope{Payload: content, Signature: d.signature(content)})
	}
	kind := func(of common.HeaderType) {
		signed(func(_ *common.Payload, h *common.ChannelHeader) { h.Type = int32(of) })
	}
	signed(func(*common.Payload, *common.ChannelHeader) {})
	signed(func(_ *common.Payload, h *common.ChannelHeader) { h.ChannelId = "absent" })
	signed(func(_ *common.Payload, h *common.ChannelHeader) { h.ChannelId = "" })
	signed(func(p *common.Payload, _ *common.ChannelHeader) { p.Header = nil })
	signed(func(_ *common.Payload, h *common.ChannelHeader) { proto.Reset(h) })
	signed(func(p *common.Payload, _ *common.ChannelHeader) { p.Header.SignatureHeader = nil })
	kind(common.HeaderType_CONFIG)
	kind(common.HeaderType_MESSAGE)
	kind(common.HeaderType_DELIVER_SEEK_INFO)
	send(&common.Envelope{})
	send(&common.Envelope{Payload: []byte("garbage")})
	unsigned := good()
	unsigned.Signature = nil
	send(unsigned)
	forged := good()
	forged.Signature = d.signature([]byte("something else"))
	send(forged)
}

// seek asks for blocks from start to stop.
type seek struct {
	start, stop *orderer.SeekPosition
	impatient   bool // fail when a block is not there
	headers     bool
	channel     func(*common.ChannelHeader)
	forged      bool
}

func oldest() *orderer.SeekPosition {
	return &orderer.SeekPosition{Type: &orderer.SeekPosition_Oldest{Oldest: &orderer.SeekOldest{}}}
}

func newest() *orderer.SeekPosition {
	return &orderer.SeekPosition{Type: &orderer.SeekPosition_Newest{Newest: &orderer.SeekNewest{}}}
}

func nextCommit() *orderer.SeekPosition {
	return &orderer.SeekPosition{Type: &orderer.SeekPosition_NextCommit{NextCommit: &orderer.SeekNextCommit{}}}
}

func number(n uint64) *orderer.SeekPosition {
	return &orderer.SeekPosition{Type: &orderer.SeekPosition_Specified{Specified: &orderer.SeekSpecified{Number: n}}}
}

// deliverRequests asks a peer for blocks, rightly and wrongly.
func deliverRequests(d *direct) {
	d.submit("put", "delivered", "1") // the newest block is not the configuration
	for _, s := range []seek{
		{start: oldest(), stop: oldest()},
		{start: newest(), stop: newest()},
		{start: number(1), stop: number(2)},
		{start: number(2), stop: number(1)},
		{start: number(1), stop: oldest()},
		{start: oldest(), stop: oldest(), headers: true},
		{start: number(1), stop: number(1), headers: true},
		{start: newest(), stop: number(math.MaxUint64), impatient: true},
		{start: newest(), stop: number(math.MaxUint64)},
		{start: nextCommit(), stop: number(math.MaxUint64), impatient: true},
		{start: nextCommit(), stop: nextCommit()},
		{start: number(1 << 40), stop: number(math.MaxUint64), impatient: true},
		{start: number(1 << 40), stop: number(math.MaxUint64)},
		{start: number(1)},
		{stop: number(1)},
		{start: &orderer.SeekPosition{}, stop: newest()},
		{start: oldest(), stop: &orderer.SeekPosition{}},
		{start: oldest(), stop: oldest(), channel: func(h *common.ChannelHeader) { h.ChannelId = "absent" }},
		{start: oldest(), stop: oldest(), channel: func(h *common.ChannelHeader) { h.Timestamp = nil }},
		{start: oldest(), stop: oldest(), channel: func(h *common.ChannelHeader) { h.Timestamp = timestamppb.New(time.Now().Add(-time.Hour)) }},
		{start: oldest(), stop: oldest(), channel: func(h *common.ChannelHeader) { h.Type = int32(common.HeaderType_MESSAGE) }},
		{start: oldest(), stop: oldest(), forged: true},
	} {
		d.saw(seen{Result: d.deliver(d.seek(s))})
	}
	d.saw(seen{Result: d.deliver(&common.Envelope{Payload: []byte("garbage")})})
	d.saw(seen{Result: d.deliver(&common.Envelope{})})
	d.saw(seen{Result: d.deliver(d.seek(seek{start: oldest(), stop: oldest()}), d.seek(seek{start: number(1), stop: number(1)}))})
}

func (d *direct) seek(s seek) *common.Envelope {
	d.t.Helper()
	info := &orderer.SeekInfo{Start: s.start, Stop: s.stop}
	if s.impatient {
		info.Behavior = orderer.SeekInfo_FAIL_IF_NOT_READY
	}
	if s.headers {
		info.ContentType = orderer.SeekInfo_HEADER_WITH_SIG
	}
	header := &common.ChannelHeader{Type: int32(common.HeaderType_DELIVER_SEEK_INFO), ChannelId: d.profile.Channel, Timestamp: timestamppb.Now()}
	if s.channel != nil {
		s.channel(header)
	}
	payload := encode(d.t, &common.Payload{
		Header: &common.Header{
			ChannelHeader:   encode(d.t, header),
			SignatureHeader: encode(d.t, &common.SignatureHeader{Creator: d.creator, Nonce: []byte("nonce")}),
		},
		Data: encode(d.t, info),
	})
	signed := payload
	if s.forged {
		signed = []byte("something else")
	}
	return &common.Envelope{Payload: payload, Signature: d.signature(signed)}
}

// deliver sends requests over one stream, each when the one before is answered, and tells what
// came back. A stream that has nothing to say any more is left.
func (d *direct) deliver(requests ...*common.Envelope) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 500*time.Millisecond)
	defer cancel()
	stream, err := d.open(ctx)
	require.NoError(d.t, err)
	var told []string
	for _, request := range requests {
		require.NoError(d.t, stream.Send(request))
		for answered := false; !answered; {
			response, err := stream.receive()
			switch {
			case errors.Is(err, io.EOF):
				told = append(told, "ended")
				return strings.Join(told, ", ")
			case ctx.Err() != nil, status.Code(err) == codes.DeadlineExceeded:
				return strings.Join(append(told, "waits"), ", ")
			case err != nil:
				return strings.Join(append(told, mask(err.Error())), ", ")
			}
			if block := response.GetBlock(); block != nil {
				told = append(told, describeBlock(block))
				continue
			}
			told, answered = append(told, response.GetStatus().String()), true
		}
	}
	return strings.Join(told, ", ")
}

// describeBlock tells what does not depend on how long a network ran.
func describeBlock(b *common.Block) string {
	number := "later"
	if b.GetHeader().GetNumber() <= 2 {
		number = fmt.Sprint(b.GetHeader().GetNumber())
	}
	return fmt.Sprintf("block %s with data %t", number, len(b.GetData().GetData()) > 0)
}
