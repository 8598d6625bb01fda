// SPDX-License-Identifier: Apache-2.0

// Package service runs a chaincode for a peer: as a service that the peer connects to, or as a
// process that the peer launched, as the environment says.
//
// It keeps no state: after a crash it is started again.
package service

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// Serve runs the chaincode until its listener, or the stream to the peer, fails. getenv reads
// the environment.
func Serve(chaincode shim.Chaincode, getenv func(string) string) error {
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
