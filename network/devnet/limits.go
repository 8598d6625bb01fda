// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// nodeOptions are the options of a peer's or orderer's server.
func nodeOptions(creds credentials.TransportCredentials) []grpc.ServerOption {
	l := newLimits(map[string]int{"gateway.Gateway": gatewayLimit, "protos.Endorser": endorserLimit, "protos.Deliver": deliverLimit})
	return []grpc.ServerOption{
		grpc.Creds(creds), grpc.MaxRecvMsgSize(maxMessageSize), grpc.MaxSendMsgSize(maxMessageSize),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{PermitWithoutStream: true}),
		grpc.UnaryInterceptor(l.unary), grpc.StreamInterceptor(l.stream),
	}
}

// limits bounds the calls of a service that run at once, as a peer does.
type limits struct{ slots map[string]chan struct{} }

func newLimits(services map[string]int) limits {
	l := limits{slots: make(map[string]chan struct{}, len(services))}
	for name, limit := range services {
		l.slots[name] = make(chan struct{}, limit)
	}
	return l
}

// enter takes a slot; the returned function gives it back.
func (l limits) enter(method string) (func(), error) {
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	slots, limited := l.slots[service]
	if !limited {
		return func() {}, nil
	}
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	default:
		// Not a gRPC status: the client sees code Unknown, as with a real peer.
		return nil, fmt.Errorf("too many requests for /%s, exceeding concurrency limit (%d)", service, cap(slots))
	}
}

func (l limits) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	leave, err := l.enter(info.FullMethod)
	if err != nil {
		return nil, err
	}
	defer leave()
	return handler(ctx, request)
}

func (l limits) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	leave, err := l.enter(info.FullMethod)
	if err != nil {
		return err
	}
	defer leave()
	return handler(srv, stream)
}
