// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"context"
	"encoding/hex"
	"log/slog"
	"runtime"
	"runtime/debug"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// chaincodeVersion is the version of the one chaincode definition.
const chaincodeVersion = "1.0"

// Everywhere is one chaincode for the peers of all organisations, for [Config.Chaincode].
func Everywhere(code shim.Chaincode) func(mspID string) (shim.Chaincode, error) {
	return func(string) (shim.Chaincode, error) { return code, nil }
}

// anchorline is what runs when no other chaincode is given.
func anchorline(mspID string) (shim.Chaincode, error) { return contract.New(contract.LocalMSP(mspID)) }

// program is where the chaincode of one peer runs: a server of ours on loopback, or somebody's.
type program struct {
	id      string
	service Service // somebody's; the zero value for ours
	server  *server // ours, or nil
}

// newProgram starts the chaincode server of a peer, unless somebody else runs it.
func newProgram(ctx context.Context, cfg Config, mspID string) (*program, error) {
	label := cfg.ChaincodeName + "_" + chaincodeVersion
	p := &program{id: label + ":" + hex.EncodeToString(wire.Hash([]byte(label), []byte(mspID))), service: cfg.Services[mspID]}
	if p.service.Address != "" {
		return p, nil
	}
	start := cfg.Chaincode
	if start == nil {
		start = anchorline
	}
	code, err := start(mspID)
	if err != nil {
		return nil, err
	}
	p.server = &server{name: "chaincode " + cfg.ChaincodeName + " of " + mspID, address: "127.0.0.1:0", logger: cfg.Logger}
	p.server.options = func() []grpc.ServerOption {
		return []grpc.ServerOption{grpc.MaxRecvMsgSize(maxMessageSize), grpc.MaxSendMsgSize(maxMessageSize)}
	}
	p.server.services = func(s *grpc.Server) {
		g := &guard{Chaincode: code, logger: cfg.Logger, crash: p.server.crash}
		peer.RegisterChaincodeServer(s, &shim.ChaincodeServer{CCID: p.id, CC: g})
	}
	if err := p.server.listen(ctx); err != nil {
		return nil, err
	}
	p.server.serve()
	return p, nil
}

func (p *program) address() string {
	if p.server == nil {
		return p.service.Address
	}
	return p.server.address
}

func (p *program) stop() {
	if p.server != nil {
		p.server.stop()
	}
}

// crash does to the peers what the end of a chaincode process does, and starts the next.
func (s *server) crash() {
	s.stop()
	if err := s.restart(context.Background()); err != nil {
		s.logger.Error("chaincode not started again", "error", err)
	}
}

// guard keeps a panic of chaincode from ending this process. The peers see what they see
// when a chaincode process dies: its connections break.
type guard struct {
	shim.Chaincode
	logger *slog.Logger
	crash  func()
}

// Invoke runs the chaincode. After a panic its goroutine ends here, without an answer.
func (g *guard) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	defer func() {
		if cause := recover(); cause != nil {
			g.logger.Error("chaincode panicked", "tx", stub.GetTxID(), "cause", cause, "stack", string(debug.Stack()))
			g.crash()
			runtime.Goexit()
		}
	}()
	return g.Chaincode.Invoke(stub)
}
