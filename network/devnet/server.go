// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"google.golang.org/grpc"
)

// server is one gRPC server that can be stopped and started again on its address.
type server struct {
	name     string
	options  func() []grpc.ServerOption
	services func(*grpc.Server) // set before serve
	logger   *slog.Logger
	gate     gate

	mu       sync.Mutex
	address  string
	listener net.Listener // nil when not listening
	grpc     *grpc.Server // nil when not serving
	done     sync.WaitGroup
}

// listen takes the address; the first time it may name port 0.
func (s *server) listen(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("listen for %s: %w", s.name, err)
	}
	s.listener, s.address = gatedListener{listener, &s.gate}, listener.Addr().String()
	return nil
}

// serve answers calls until stop.
func (s *server) serve() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grpc = grpc.NewServer(s.options()...)
	s.services(s.grpc)
	serving, listener := s.grpc, s.listener
	s.done.Go(func() {
		if err := serving.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			s.logger.Error("server ended", "server", s.name, "error", err)
		}
	})
}

// stop ends every call at once and closes the address. It may be called more than once.
func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate.end()
	if s.grpc != nil {
		s.grpc.Stop()
	}
	if s.listener != nil {
		_ = s.listener.Close() // closed already when it was served
	}
	s.grpc, s.listener = nil, nil
	s.done.Wait()
	s.gate.reset()
}

// restart serves again on the same address, when stopped.
func (s *server) restart(ctx context.Context) error {
	s.mu.Lock()
	running := s.grpc != nil
	s.mu.Unlock()
	if running {
		return nil
	}
	if err := s.listen(ctx); err != nil {
		return err
	}
	s.serve()
	return nil
}
