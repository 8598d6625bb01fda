// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
)

// Submit sends a transaction to the orderer. OK means received, not committed.
func (g *Gateway) Submit(ctx context.Context, request *gateway.SubmitRequest) (*gateway.SubmitResponse, error) {
	envelope := request.GetPreparedTransaction()
	if envelope == nil {
		return nil, status.Error(codes.InvalidArgument, "a prepared transaction is required")
	}
	if len(envelope.GetSignature()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "prepared transaction must be signed")
	}
	if request.GetChannelId() != g.config.Name {
		return nil, status.Errorf(codes.FailedPrecondition, "failed to get config for channel [%[1]s]: could not get last config for channel %[1]s", request.GetChannelId())
	}
	response, err := g.broadcast(ctx, envelope)
	switch {
	case errors.Is(err, errNoOrderer):
		return nil, status.Error(codes.Unavailable, err.Error())
	case ctx.Err() != nil:
		return nil, fail(codes.DeadlineExceeded, "submit timeout expired while broadcasting to ordering service", nil)
	case err != nil:
		why := detail(g.config.Orderer.Address, g.config.OrdererMSPID, err.Error())
		return nil, fail(codes.Unavailable, "no orderers could successfully process transaction", []*gateway.ErrorDetail{why})
	}
	switch code := response.GetStatus(); {
	case code == common.Status_SUCCESS:
		return &gateway.SubmitResponse{}, nil
	case code >= 400 && code < 500:
		return nil, fail(codes.Aborted, fmt.Sprintf("received unsuccessful response from orderer: status=%s, info=%s", code, response.GetInfo()), nil)
	default:
		return nil, fail(codes.Unavailable, "no orderers could successfully process transaction", nil)
	}
}

var errNoOrderer = errors.New("no orderer nodes available")

// broadcast sends a transaction to the orderer and waits for its answer.
func (g *Gateway) broadcast(ctx context.Context, envelope *common.Envelope) (*orderer.BroadcastResponse, error) {
	conn, err := g.config.Orderer.connect(ctx)
	if err != nil {
		return nil, errNoOrderer
	}
	ctx, cancel := context.WithTimeout(ctx, g.config.BroadcastTimeout)
	defer cancel()
	stream, err := orderer.NewAtomicBroadcastClient(conn).Broadcast(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(envelope); err != nil {
		return nil, err
	}
	return stream.Recv()
}

// CommitStatus tells what became of a transaction, and waits for it when it is not known.
func (g *Gateway) CommitStatus(ctx context.Context, signed *gateway.SignedCommitStatusRequest) (*gateway.CommitStatusResponse, error) {
	if len(signed.GetRequest()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "a commit status request is required")
	}
	request := &gateway.CommitStatusRequest{}
	if err := proto.Unmarshal(signed.GetRequest(), request); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "invalid status request: %v", err)
	}
	switch {
	case request.GetIdentity() == nil:
		return nil, status.Error(codes.InvalidArgument, "no identity provided")
	case request.GetChannelId() == "":
		return nil, status.Error(codes.InvalidArgument, "no channel ID provided")
	case request.GetTransactionId() == "":
		return nil, status.Error(codes.InvalidArgument, "transaction ID should not be empty")
	}
	if err := g.authorise(request.GetChannelId(), signed.GetRequest(), request.GetIdentity(), signed.GetSignature()); err != nil {
		return nil, err
	}
	place, err := g.await(ctx, request.GetTransactionId())
	if err != nil {
		return nil, err
	}
	if err := g.config.Faults.Status(ctx); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	return &gateway.CommitStatusResponse{Result: place.Code, BlockNumber: place.Block}, nil
}

// await waits until a transaction is on the ledger.
func (g *Gateway) await(ctx context.Context, txID string) (store.Place, error) {
	for {
		changed := g.config.Ledger.Changed()
		place, err := g.config.Ledger.Transaction(txID)
		if err == nil {
			return place, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return place, status.Error(codes.Unavailable, err.Error())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return place, status.FromContextError(ctx.Err()).Err()
		}
	}
}

// authorise checks a signed request against the channel's Readers.
func (g *Gateway) authorise(channel string, request, identity, signature []byte) error {
	if err := g.config.Members.Application(channel, member.Readers, member.Signed{Identity: identity, Data: request, Signature: signature}); err != nil {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	return nil
}
