// SPDX-License-Identifier: Apache-2.0

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
)

// batchSize is how many keys or writes one message may carry, as in Fabric's peer.
const batchSize = 1000

// A closing host waits this long for the chaincode to finish its calls, and then for the shim
// to hand over what it sent.
const (
	settleTimeout = 2 * time.Second
	settlePause   = 5 * time.Millisecond
)

// stream is one connection to the chaincode: many calls, told apart by transaction.
type stream struct {
	config  Config
	conn    *grpc.ClientConn
	chat    peer.Chaincode_ConnectClient
	cancel  context.CancelFunc
	ended   chan struct{}
	endOnce sync.Once

	sendMu sync.Mutex

	mu      sync.Mutex
	calls   map[string]*running
	atWork  map[string]bool // calls that the chaincode has not answered, even if nobody waits
	settled chan struct{}   // closed and replaced when nothing is at work any more
}

// running is a call that awaits the chaincode's answer.
type running struct {
	call    Call
	reply   chan *peer.ChaincodeMessage // buffered: the answer never blocks the stream
	handler *handler
}

// open dials the chaincode and greets it: REGISTER, REGISTERED, READY.
func (h *Host) open() (*stream, error) {
	options := append([]grpc.DialOption{grpc.WithDefaultCallOptions(
		grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage))}, h.config.DialOptions...)
	conn, err := grpc.NewClient(h.config.Address, options...)
	if err != nil {
		return nil, h.launchError("error cannot create connection for %[1]s: error creating grpc connection to %[2]s: %[3]w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{config: h.config, conn: conn, cancel: cancel, ended: make(chan struct{}), calls: make(map[string]*running)}
	s.atWork, s.settled = make(map[string]bool), make(chan struct{})
	watchdog := time.AfterFunc(h.config.DialTimeout, s.terminate)
	defer watchdog.Stop()
	if s.chat, err = peer.NewChaincodeClient(conn).Connect(ctx); err != nil {
		s.terminate()
		if !watchdog.Stop() {
			err = fmt.Errorf("failed to create new connection: %w", context.DeadlineExceeded)
			return nil, fmt.Errorf("chaincode registration failed: %w", h.launchError("error cannot create connection for %[1]s: error creating grpc connection to %[2]s: %[3]w", err))
		}
		return nil, h.launchError("error cannot create connection for %[1]s: error creating grpc connection to %[2]s: %[3]w", err)
	}
	if err := s.greet(); err != nil {
		s.terminate()
		if !watchdog.Stop() {
			return nil, fmt.Errorf("timeout expired while starting chaincode %s for transaction", h.config.ID)
		}
		return nil, h.launchError("error handling chaincode stream for %[1]s: %[3]w", err)
	}
	return s, nil
}

func (h *Host) launchError(format string, err error) error {
	return fmt.Errorf("connection to %s failed: %w", h.config.ID, fmt.Errorf(format, h.config.ID, h.config.Address, err))
}

func (s *stream) greet() error {
	message, err := s.chat.Recv()
	if err != nil {
		return fmt.Errorf("receive from chaincode support stream failed: %w", err)
	}
	if message.GetType() != peer.ChaincodeMessage_REGISTER {
		return fmt.Errorf("[%s] Fabric side handler cannot handle message (%s) while in created state", message.GetTxid(), message.GetType())
	}
	id := &peer.ChaincodeID{}
	if err := proto.Unmarshal(message.GetPayload(), id); err != nil || id.GetName() == "" {
		return errors.New("error in handling register chaincode, chaincodeID name is empty")
	}
	if err := s.send(&peer.ChaincodeMessage{Type: peer.ChaincodeMessage_REGISTERED}); err != nil {
		return err
	}
	abilities, err := proto.Marshal(&peer.ChaincodeAdditionalParams{
		UseWriteBatch: true, MaxSizeWriteBatch: batchSize,
		UseGetMultipleKeys: true, MaxSizeGetMultipleKeys: batchSize,
	})
	if err != nil {
		return err
	}
	return s.send(&peer.ChaincodeMessage{Type: peer.ChaincodeMessage_READY, Payload: abilities})
}

// execute sends a call and waits for its answer.
func (s *stream) execute(ctx context.Context, call Call, message *peer.ChaincodeMessage) (*peer.ChaincodeMessage, error) {
	key := call.Channel + call.TxID
	r := &running{call: call, reply: make(chan *peer.ChaincodeMessage, 1), handler: newHandler(s.config, call)}
	s.mu.Lock()
	if _, exists := s.calls[key]; exists {
		s.mu.Unlock()
		return nil, fmt.Errorf("txid: %s(%s) exists", call.TxID, call.Channel)
	}
	s.calls[key], s.atWork[key] = r, true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.calls, key)
		s.mu.Unlock()
	}()
	if err := s.send(message); err != nil {
		s.terminate()
		return nil, ErrStreamTerminated
	}
	timer := time.NewTimer(s.config.ExecuteTimeout)
	defer timer.Stop()
	select {
	case reply := <-r.reply:
		return reply, nil
	case <-timer.C:
		return nil, ErrTimeout
	case <-s.ended:
		return nil, ErrStreamTerminated
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run receives until the connection ends and hands every message to its call.
func (s *stream) run() {
	var handlers sync.WaitGroup
	defer handlers.Wait()
	defer s.terminate()
	for {
		message, err := s.chat.Recv()
		if err != nil {
			return
		}
		s.mu.Lock()
		r := s.calls[message.GetChannelId()+message.GetTxid()]
		s.mu.Unlock()
		switch message.GetType() {
		case peer.ChaincodeMessage_KEEPALIVE:
		case peer.ChaincodeMessage_COMPLETED, peer.ChaincodeMessage_ERROR:
			s.answered(message)
			if r != nil {
				r.answer(message)
			}
		default:
			handlers.Go(func() { s.serve(r, message) })
		}
	}
}

// answered notes that the chaincode is done with a call.
func (s *stream) answered(message *peer.ChaincodeMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.atWork, message.GetChannelId()+message.GetTxid())
	if len(s.atWork) == 0 {
		close(s.settled)
		s.settled = make(chan struct{})
	}
}

// settle waits until the chaincode has answered everything, so that it ends with nothing
// under way: the shim leaves a goroutine behind for every call that is cut off.
func (s *stream) settle() {
	timer := time.NewTimer(settleTimeout)
	defer timer.Stop()
	for {
		s.mu.Lock()
		idle, settled := len(s.atWork) == 0, s.settled
		s.mu.Unlock()
		if idle {
			<-time.After(settlePause)
			return
		}
		select {
		case <-settled:
		case <-s.ended:
			return
		case <-timer.C:
			return
		}
	}
}

func (r *running) answer(message *peer.ChaincodeMessage) {
	select {
	case r.reply <- message:
	default: // answered before
	}
}

// serve answers one request of the chaincode.
func (s *stream) serve(r *running, message *peer.ChaincodeMessage) {
	reply := &peer.ChaincodeMessage{Type: peer.ChaincodeMessage_RESPONSE, Txid: message.GetTxid(), ChannelId: message.GetChannelId()}
	payload, err := r.handle(message)
	if err != nil {
		reply.Type = peer.ChaincodeMessage_ERROR
		payload = fmt.Appendf(nil, "%s failed: transaction ID: %s: %s", message.GetType(), message.GetTxid(), err)
	}
	reply.Payload = payload
	if err := s.send(reply); err != nil {
		s.terminate()
	}
}

func (r *running) handle(message *peer.ChaincodeMessage) ([]byte, error) {
	if r == nil {
		return nil, errors.New("no ledger context")
	}
	return r.handler.handle(message)
}

func (s *stream) send(message *peer.ChaincodeMessage) error {
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	return s.chat.Send(message)
}

func (s *stream) terminated() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *stream) terminate() {
	s.endOnce.Do(func() {
		close(s.ended)
		s.cancel()
		_ = s.conn.Close()
	})
}
