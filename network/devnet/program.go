// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"net"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// chaincodeVersion is the version of the one chaincode definition.
const chaincodeVersion = "1.0"

// program is where the chaincode runs: a server of ours on loopback, or somebody's address.
type program struct {
	id      string
	address string
	server  *server // nil when it is somebody else's
}

// newProgram starts the chaincode server that the configuration asks for.
func newProgram(ctx context.Context, cfg Config) (*program, error) {
	label := cfg.ChaincodeName + "_" + chaincodeVersion
	p := &program{
		id:      label + ":" + hex.EncodeToString(wire.Hash([]byte(label))),
		address: cfg.ChaincodeAddress,
	}
	if p.address != "" {
		return p, nil
	}
	code := cfg.Chaincode
	if code == nil {
		own, err := contract.New()
		if err != nil {
			return nil, err
		}
		code = own
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the chaincode: %w", err)
	}
	p.address = listener.Addr().String()
	p.server = &server{listener: listener, grpc: grpc.NewServer(grpc.MaxRecvMsgSize(maxMessageSize), grpc.MaxSendMsgSize(maxMessageSize))}
	peer.RegisterChaincodeServer(p.server.grpc, &shim.ChaincodeServer{CCID: p.id, CC: code})
	return p, nil
}
