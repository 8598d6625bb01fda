// SPDX-License-Identifier: Apache-2.0

// Package order is the ordering service of one channel: it takes transactions, cuts blocks
// by time, count and size, signs them and hands them to the committer.
//
// In: signed envelopes. Out: blocks, in order. As with a real orderer, SUCCESS means
// received, not durable: what was not yet in a block is lost when the process dies.
package order

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/channel"
	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// queueLength is how many transactions may wait for a block before Broadcast blocks.
const queueLength = 1024

// retryDelay is the pause before a block that could not be committed is tried again.
const retryDelay = time.Second

// Committer validates and stores a block.
type Committer interface {
	Tip() (height uint64, hash []byte)
	Commit(block *common.Block) error
}

// Signer signs as the orderer.
type Signer interface {
	Serialize() []byte
	Sign(message []byte) ([]byte, error)
}

// Config of an orderer.
type Config struct {
	*channel.Channel
	BatchTimeout      time.Duration // how long the first transaction of a block waits
	MaxMessages       int           // transactions in a block
	PreferredMaxBytes int           // size at which a block is cut
	AbsoluteMaxBytes  int           // size of the largest transaction
	Signer            Signer
	Committer         Committer
	Logger            *slog.Logger
}

// Orderer orders the transactions of one channel.
type Orderer struct {
	orderer.UnimplementedAtomicBroadcastServer
	config Config
	queue  chan *common.Envelope
	done   chan struct{} // closed when Run ends
}

// New makes an orderer; Run makes it work.
func New(config Config) *Orderer {
	return &Orderer{config: config, queue: make(chan *common.Envelope, queueLength), done: make(chan struct{})}
}

// Broadcast answers a stream of transactions, one by one; it ends with the first refusal.
func (o *Orderer) Broadcast(stream grpc.BidiStreamingServer[common.Envelope, orderer.BroadcastResponse]) error {
	for {
		envelope, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if hang := o.config.Faults.Hang(); hang != nil {
			<-hang // what was received is ordered later, whether or not the client still waits
		}
		response := o.submit(envelope)
		if err := stream.Send(response); err != nil || response.GetStatus() != common.Status_SUCCESS {
			return err
		}
	}
}

// submit checks an envelope and queues it.
func (o *Orderer) submit(envelope *common.Envelope) *orderer.BroadcastResponse {
	if status, err := o.check(envelope); err != nil {
		return &orderer.BroadcastResponse{Status: status, Info: err.Error()}
	}
	if o.config.Faults.Drop() {
		return &orderer.BroadcastResponse{Status: common.Status_SUCCESS}
	}
	select {
	case o.queue <- envelope:
		return &orderer.BroadcastResponse{Status: common.Status_SUCCESS}
	case <-o.done:
		return &orderer.BroadcastResponse{Status: common.Status_SERVICE_UNAVAILABLE, Info: "the orderer has stopped"}
	}
}

// check applies an orderer's filters: form, expiry, size, and the Writers policy.
func (o *Orderer) check(envelope *common.Envelope) (common.Status, error) {
	headers, err := wire.ParseHeaders(envelope)
	switch {
	case err != nil:
	case headers.Payload.GetHeader() == nil:
		err = errors.New("header not set")
	case len(headers.Payload.GetHeader().GetChannelHeader()) == 0:
		err = errors.New("channel header not set")
	}
	if err != nil {
		return common.Status_BAD_REQUEST, fmt.Errorf("could not determine channel ID: %w", err)
	}
	if headers.Channel.GetChannelId() != o.config.Name {
		return common.Status_BAD_REQUEST, errors.New("channel does not exist")
	}
	switch common.HeaderType(headers.Channel.GetType()) {
	case common.HeaderType_CONFIG, common.HeaderType_CONFIG_UPDATE:
		return common.Status_BAD_REQUEST, errors.New("message is of type that cannot be processed directly")
	}
	creator, err := o.config.Members.Parse(headers.Signature.GetCreator())
	if err == nil && creator.Expired(o.config.Now()) {
		return common.Status_BAD_REQUEST, errors.New("broadcast client identity expired")
	}
	if size := len(envelope.GetPayload()) + len(envelope.GetSignature()); size > o.config.AbsoluteMaxBytes {
		return common.Status_BAD_REQUEST, fmt.Errorf("message payload is %d bytes and exceeds maximum allowed %d bytes", size, o.config.AbsoluteMaxBytes)
	}
	err = o.config.Members.Ordering(member.Writers, member.Signed{
		Identity: headers.Signature.GetCreator(), Data: envelope.GetPayload(), Signature: envelope.GetSignature(),
	})
	if err != nil {
		return common.Status_FORBIDDEN, fmt.Errorf("%w: permission denied", err)
	}
	return common.Status_SUCCESS, nil
}

// Run cuts blocks until ctx ends. A transaction that waits in the queue then is lost.
func (o *Orderer) Run(ctx context.Context) {
	defer close(o.done)
	var batch [][]byte
	size := 0
	timer := time.NewTimer(o.config.BatchTimeout)
	defer timer.Stop()
	cut := func() {
		if len(batch) > 0 {
			o.write(ctx, batch)
		}
		batch, size = nil, 0
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			cut()
		case envelope := <-o.queue:
			content, err := proto.Marshal(envelope)
			if err != nil {
				o.config.Logger.Error("transaction dropped", "error", err)
				continue
			}
			if size+len(content) > o.config.PreferredMaxBytes {
				cut()
			}
			if len(batch) == 0 {
				timer.Reset(o.config.BatchTimeout)
			}
			batch, size = append(batch, content), size+len(content)
			if len(batch) >= o.config.MaxMessages || size >= o.config.PreferredMaxBytes {
				cut()
			}
		}
	}
}

// write makes a block of a batch and commits it, again and again until that succeeds.
func (o *Orderer) write(ctx context.Context, batch [][]byte) {
	for {
		block, err := o.block(batch)
		if err == nil {
			err = o.config.Committer.Commit(block)
		}
		if err == nil {
			return
		}
		o.config.Logger.Error("block not committed, trying again", "block", block.GetHeader().GetNumber(), "error", err)
		select {
		case <-time.After(retryDelay):
		case <-ctx.Done():
			return
		}
	}
}
