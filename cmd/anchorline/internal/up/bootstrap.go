// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/devnet"
)

// bootstrap sets up a fresh channel of the embedded network: both organisations agree that each
// signs the other's changes, and the clients of the first may register devices and run a
// bridge. On a channel that is set up already it changes nothing.
func bootstrap(ctx context.Context, n *devnet.Network) error {
	const terms = `{"organisations":["Org1MSP","Org2MSP"],"others":1}`
	for _, step := range []struct{ msp, function, request string }{
		{"Org1MSP", "consortium:Approve", terms},
		{"Org2MSP", "consortium:Approve", terms},
		{"Org1MSP", "roles:Grant", `{"role":"registrar","unit":"client"}`},
		{"Org1MSP", "roles:Grant", `{"role":"bridge","unit":"client"}`},
	} {
		if err := asAdmin(ctx, n, step.msp, step.function, step.request); err != nil {
			return fmt.Errorf("set up the channel: %s by %s: %w", step.function, step.msp, err)
		}
	}
	return nil
}

// asAdmin submits one transaction as an organisation's administrator.
func asAdmin(ctx context.Context, n *devnet.Network, msp, function, request string) (err error) {
	c, err := ledger.Connect(ledger.Profile(n.Profile(msp, "Admin")))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	_, _, err = c.Transact(ctx, function, request)
	return err
}
