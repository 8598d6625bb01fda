// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/devnet"
)

type networkCmd struct {
	Devnet devnetCmd `cmd:"" help:"Run the embedded Fabric network alone, for development and tests."`
}

type devnetCmd struct {
	Data             string   `help:"Data folder: ledger, and identities in cryptogen's layout." default:"anchorline-devnet" placeholder:"DIR"`
	Listen           string   `help:"Address of the gateway, the peers' services and the orderer." default:"127.0.0.1:7051"`
	Channel          string   `help:"Channel." default:"mychannel"`
	Chaincode        string   `help:"Name of the chaincode." default:"anchorline"`
	Orgs             int      `help:"Number of organisations, with a peer each: Org1MSP, Org2MSP and so on." default:"2"`
	Policy           string   `help:"Endorsement policy of the chaincode, as Fabric writes it: OR('Org1MSP.peer','Org2MSP.peer'). A peer of every organisation when empty." placeholder:"EXPRESSION"`
	ChaincodeAddress []string `help:"Use the chaincode as a service at this address, instead of Anchorline's own: of one organisation (Org1MSP=HOST:PORT), or of all." placeholder:"[MSP=]HOST:PORT"`
	ChaincodeTLSCA   string   `help:"Certificate of the CA of the services' certificates; without it the connections are in the clear." name:"chaincode-tls-ca" type:"existingfile" placeholder:"FILE"`
	ChaincodeCert    string   `help:"Certificate that the peers show to the services." name:"chaincode-client-cert" type:"existingfile" placeholder:"FILE"`
	ChaincodeKey     string   `help:"Key of that certificate." name:"chaincode-client-key" type:"existingfile" placeholder:"FILE"`
}

// Run serves the network until it is interrupted, and writes a connection profile for each
// identity.
func (c *devnetCmd) Run(ctx context.Context, io streams) error {
	dir, err := filepath.Abs(c.Data)
	if err != nil {
		return err
	}
	cfg := devnet.Default(dir)
	cfg.Listen, cfg.Channel, cfg.ChaincodeName = c.Listen, c.Channel, c.Chaincode
	cfg.Organisations, cfg.EndorsementPolicy = c.Orgs, c.Policy
	if cfg.Services, err = c.services(); err != nil {
		return err
	}
	cfg.Logger = slog.New(slog.NewTextHandler(io.err, nil))
	n, err := devnet.Start(ctx, cfg)
	if err != nil {
		return err
	}
	for _, msp := range n.Organisations() {
		if err := c.writeProfiles(io, n, dir, msp); err != nil {
			return errors.Join(err, n.Close())
		}
	}
	if len(c.ChaincodeAddress) == 0 && n.Height() == 1 {
		fmt.Fprintf(io.out, "nobody has a role yet; let Org1MSP's clients register devices and run a bridge:\n"+
			"  anchorline role grant registrar --unit client --profile %[1]s\n  anchorline role grant bridge --unit client --profile %[1]s\n",
			profilePath(dir, "Org1MSP", "Admin"))
	}
	fmt.Fprintf(io.out, "channel %s with chaincode %s, Ctrl-C to stop\n", c.Channel, c.Chaincode)
	<-ctx.Done()
	return n.Close()
}

// writeProfiles writes the connection profiles of an organisation's users.
func (c *devnetCmd) writeProfiles(io streams, n *devnet.Network, dir, msp string) error {
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
	return nil
}

// services are the chaincode services that the flags name, by organisation.
func (c *devnetCmd) services() (map[string]devnet.Service, error) {
	var secured devnet.Service
	for file, into := range map[string]*[]byte{c.ChaincodeTLSCA: &secured.CA, c.ChaincodeCert: &secured.Certificate, c.ChaincodeKey: &secured.Key} {
		if file == "" {
			continue
		}
		var err error
		if *into, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("chaincode service: %w", err)
		}
	}
	services := make(map[string]devnet.Service)
	for _, given := range c.ChaincodeAddress {
		service := secured
		msp, address, one := strings.Cut(given, "=")
		if one {
			service.Address = address
			services[msp] = service
			continue
		}
		if len(c.ChaincodeAddress) > 1 {
			return nil, fmt.Errorf("--chaincode-address %s: name the organisation of each when there are several: Org1MSP=HOST:PORT", given)
		}
		service.Address = given
		for i := range c.Orgs {
			services[fmt.Sprintf("Org%dMSP", i+1)] = service
		}
	}
	return services, nil
}

// profilePath is where the profile of a user is written.
func profilePath(dir, msp, user string) string {
	return filepath.Join(dir, fmt.Sprintf("profile-%s-%s.json", msp, user))
}
