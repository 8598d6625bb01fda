// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/devnet"
)

type networkCmd struct {
	Devnet devnetCmd `cmd:"" help:"Run the embedded Fabric network alone, for development and tests."`
}

type devnetCmd struct {
	Data             string `help:"Data folder: ledger, and identities in cryptogen's layout." default:"anchorline-devnet" placeholder:"DIR"`
	Listen           string `help:"Address of the gateway, the peers' services and the orderer." default:"127.0.0.1:7051"`
	Channel          string `help:"Channel." default:"mychannel"`
	Chaincode        string `help:"Name of the chaincode." default:"anchorline"`
	ChaincodeAddress string `help:"Use the chaincode as a service at this address, instead of Anchorline's own." placeholder:"HOST:PORT"`
}

// Run serves the network until it is interrupted, and writes a connection profile for each
// identity.
func (c *devnetCmd) Run(ctx context.Context, io streams) error {
	dir, err := filepath.Abs(c.Data)
	if err != nil {
		return err
	}
	cfg := devnet.Default(dir)
	cfg.Listen, cfg.Channel, cfg.ChaincodeName, cfg.ChaincodeAddress = c.Listen, c.Channel, c.Chaincode, c.ChaincodeAddress
	cfg.Logger = slog.New(slog.NewTextHandler(io.err, nil))
	n, err := devnet.Start(ctx, cfg)
	if err != nil {
		return err
	}
	for _, msp := range []string{"Org1MSP", "Org2MSP"} {
		for _, user := range []string{"Admin", "User1"} {
			path := profilePath(dir, msp, user)
			text, err := json.MarshalIndent(ledger.Profile(n.Profile(msp, user)), "", "  ")
			if err != nil {
				return err
			}
			if err := durable.WriteFile(path, append(text, '\n'), 0o640); err != nil {
				return err
			}
			fmt.Fprintf(io.out, "connection profile of %s %s: %s\n", msp, user, path)
		}
	}
	if c.ChaincodeAddress == "" && n.Height() == 1 {
		fmt.Fprintf(io.out, "nobody has a role yet; let Org1MSP's clients register devices and run a bridge:\n"+
			"  anchorline role grant registrar --unit client --profile %[1]s\n  anchorline role grant bridge --unit client --profile %[1]s\n",
			profilePath(dir, "Org1MSP", "Admin"))
	}
	fmt.Fprintf(io.out, "channel %s with chaincode %s, Ctrl-C to stop\n", c.Channel, c.Chaincode)
	<-ctx.Done()
	return n.Close()
}

// profilePath is where the profile of a user is written.
func profilePath(dir, msp, user string) string {
	return filepath.Join(dir, fmt.Sprintf("profile-%s-%s.json", msp, user))
}
