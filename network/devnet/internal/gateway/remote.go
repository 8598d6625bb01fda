// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
)

// connectTimeout is how long a gateway waits for a connection, as in Fabric.
const connectTimeout = 3 * time.Second

// Remote is another node of the channel, connected when it is needed.
type Remote struct {
	Address     string
	Credentials credentials.TransportCredentials
	MaxMessage  int // bytes

	mu   sync.Mutex
	conn *grpc.ClientConn
}

// connect returns the connection, and makes one when there is none.
func (r *Remote) connect(ctx context.Context) (*grpc.ClientConn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != nil {
		return r.conn, nil
	}
	conn, err := grpc.NewClient(r.Address, grpc.WithTransportCredentials(r.Credentials),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(r.MaxMessage), grpc.MaxCallSendMsgSize(r.MaxMessage)))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", r.Address, err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if state == connectivity.TransientFailure || !conn.WaitForStateChange(ctx, state) {
			_ = conn.Close()
			return nil, fmt.Errorf("failed to create new connection to %s", r.Address)
		}
	}
	r.conn = conn
	return conn, nil
}

// Close drops the connection; the next use makes a new one.
func (r *Remote) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != nil {
		_ = r.conn.Close()
		r.conn = nil
	}
}
