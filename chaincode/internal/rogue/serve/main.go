// SPDX-License-Identifier: Apache-2.0

// Command serve serves the rogue chaincode to a peer of a test network.
package main

import (
	"log/slog"
	"os"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/internal/rogue"
	"github.com/anchorline/anchorline/chaincode/internal/service"
)

func main() {
	chaincode, err := contract.New(contract.LocalMSP(os.Getenv("CORE_PEER_LOCALMSPID")))
	if err == nil {
		err = service.Serve(rogue.New(chaincode), os.Getenv)
	}
	slog.Error("rogue chaincode ended", "error", err)
	os.Exit(1)
}
