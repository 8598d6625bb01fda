// SPDX-License-Identifier: Apache-2.0

// Command chaincode serves the contracts to a peer.
//
// With CHAINCODE_SERVER_ADDRESS set it is chaincode as a service: it listens there and waits for
// the peer to connect. Without, it is launched by a peer and connects to it. It keeps no state:
// it may be killed and started again at any time. CORE_PEER_LOCALMSPID says whose peer it serves.
package main

import (
	"log/slog"
	"os"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/internal/service"
)

func main() {
	if err := run(); err != nil {
		slog.Error("chaincode ended", "error", err)
		os.Exit(1)
	}
}

// run serves until the listener or the stream to the peer fails.
func run() error {
	var options []contract.Option
	if msp := os.Getenv("CORE_PEER_LOCALMSPID"); msp != "" {
		options = append(options, contract.LocalMSP(msp))
	} else {
		slog.Warn("CORE_PEER_LOCALMSPID is not set: this instance endorses no first terms of a consortium")
	}
	chaincode, err := contract.New(options...)
	if err != nil {
		return err
	}
	return service.Serve(chaincode, os.Getenv)
}
