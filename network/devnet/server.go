// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// server is one gRPC server with its listener.
type server struct {
	grpc     *grpc.Server
	listener net.Listener
}

// listen opens a TLS server for a node; serve starts it.
func (t *topology) listen(ctx context.Context, n *node, address string) (*server, error) {
	creds, err := t.credentials(n)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", n.org.NodeName(n.name), err)
	}
	limits := newLimits(map[string]int{"gateway.Gateway": gatewayLimit, "protos.Endorser": endorserLimit})
	return &server{listener: listener, grpc: grpc.NewServer(
		grpc.Creds(creds),
		grpc.MaxRecvMsgSize(maxMessageSize), grpc.MaxSendMsgSize(maxMessageSize),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 0, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(limits.unary), grpc.StreamInterceptor(limits.stream),
	)}, nil
}

func (s *server) address() string { return s.listener.Addr().String() }

func (s *server) serve() error {
	if err := s.grpc.Serve(s.listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// stop ends every call at once.
func (s *server) stop() {
	s.grpc.Stop()
	_ = s.listener.Close() // closed already when it was served
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
