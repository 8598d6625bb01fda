// SPDX-License-Identifier: Apache-2.0

// Package chaincode is a peer's side of Fabric's shim protocol: it dials a chaincode server,
// sends it transactions, and answers what the chaincode asks of the ledger.
//
// In: an address and calls with a simulation each. Out: the chaincode's responses. A lost
// connection fails the calls under way; the next call dials again.
package chaincode

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/simulate"
)

// Errors of a call, in Fabric's words: its gateway tells them apart by their end.
var (
	ErrStreamTerminated = errors.New("chaincode stream terminated")
	ErrTimeout          = errors.New("timeout expired while executing transaction")
)

// maxMessage is the largest shim message in bytes, as in Fabric.
const maxMessage = 100 << 20

// System answers calls that chaincode makes of the system chaincodes.
type System interface {
	Has(name string) bool
	Called(name string, args [][]byte, by *peer.SignedProposal) (*peer.Response, error)
}

// Config of a host.
type Config struct {
	System         System
	ID             string // package id, as the chaincode registers
	Name           string // name on the channel: the namespace
	Address        string // host:port of the chaincode server
	DialOptions    []grpc.DialOption
	ExecuteTimeout time.Duration // how long a call may take
	DialTimeout    time.Duration // how long the chaincode may take to register
}

// Host keeps one peer's connection to one chaincode.
type Host struct {
	config Config

	mu     sync.Mutex
	stream *stream // nil when not connected
	closed bool
	done   sync.WaitGroup
}

// NewHost makes a host; it connects at the first call.
func NewHost(config Config) *Host { return &Host{config: config} }

// Call is one invocation.
type Call struct {
	Channel   string
	TxID      string
	Input     *peer.ChaincodeInput
	Proposal  *peer.SignedProposal
	Simulator *simulate.Simulator
}

// Execute runs a call and returns the chaincode's response and event.
func (h *Host) Execute(ctx context.Context, call Call) (*peer.Response, *peer.ChaincodeEvent, error) {
	reply, err := h.execute(ctx, call)
	if err != nil {
		return nil, nil, fmt.Errorf("failed to execute transaction %s: %w", call.TxID, err)
	}
	if event := reply.GetChaincodeEvent(); event != nil {
		event.ChaincodeId, event.TxId = h.config.Name, call.TxID
	}
	switch reply.GetType() {
	case peer.ChaincodeMessage_COMPLETED:
		response := &peer.Response{}
		if err := proto.Unmarshal(reply.GetPayload(), response); err != nil {
			return nil, nil, fmt.Errorf("failed to unmarshal response for transaction %s: %w", call.TxID, err)
		}
		return response, reply.GetChaincodeEvent(), nil
	case peer.ChaincodeMessage_ERROR:
		return nil, nil, fmt.Errorf("transaction returned with failure: %s", reply.GetPayload())
	default:
		return nil, nil, fmt.Errorf("unexpected response type %d for transaction %s", reply.GetType(), call.TxID)
	}
}

func (h *Host) execute(ctx context.Context, call Call) (*peer.ChaincodeMessage, error) {
	if call.Input.GetIsInit() {
		return nil, fmt.Errorf("invalid invocation: chaincode '%s' does not require initialization but called as init", h.config.Name)
	}
	s, err := h.connected()
	if err != nil {
		return nil, fmt.Errorf("could not launch chaincode %s: %w", h.config.ID, err)
	}
	payload, err := proto.Marshal(call.Input)
	if err != nil {
		return nil, fmt.Errorf("failed to create chaincode message: %w", err)
	}
	reply, err := s.execute(ctx, call, &peer.ChaincodeMessage{
		Type: peer.ChaincodeMessage_TRANSACTION, Payload: payload,
		Txid: call.TxID, ChannelId: call.Channel, Proposal: call.Proposal,
	})
	if err != nil {
		return nil, fmt.Errorf("error sending: %w", err)
	}
	return reply, nil
}

// connected returns the stream, opening it when there is none.
func (h *Host) connected() (*stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errors.New("the network is closing")
	}
	if h.stream != nil && !h.stream.terminated() {
		return h.stream, nil
	}
	s, err := h.open()
	if err != nil {
		return nil, err
	}
	h.stream = s
	h.done.Go(s.run)
	return s, nil
}

// Close ends the connection, when the chaincode has finished its calls or takes too long.
func (h *Host) Close() {
	h.mu.Lock()
	h.closed = true
	s := h.stream
	h.mu.Unlock()
	if s != nil {
		s.settle()
		s.terminate()
	}
	h.done.Wait()
}
