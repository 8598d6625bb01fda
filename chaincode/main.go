// SPDX-License-Identifier: Apache-2.0

// Command chaincode serves the contracts to a peer.
//
// With CHAINCODE_SERVER_ADDRESS set it is chaincode as a service: it listens there and waits for
// the peer to connect. Without, it is launched by a peer and connects to it. It keeps no state:
// it may be killed and started again at any time.
package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"github.com/anchorline/anchorline/chaincode/contract"
)

func main() {
	if err := run(os.Getenv); err != nil {
		slog.Error("chaincode ended", "error", err)
		os.Exit(1)
	}
}

// run serves until the listener or the stream to the peer fails.
func run(getenv func(string) string) error {
	chaincode, err := contract.New()
	if err != nil {
		return err
	}
	config, err := readConfig(getenv, os.ReadFile)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if config.address == "" {
		return shim.Start(chaincode)
	}
	slog.Info("chaincode listens", "address", config.address, "id", config.id,
		"tls", !config.tls.Disabled, "mutual_tls", len(config.tls.ClientCACerts) > 0)
	server := &shim.ChaincodeServer{CCID: config.id, Address: config.address, CC: chaincode, TLSProps: config.tls}
	return server.Start()
}
