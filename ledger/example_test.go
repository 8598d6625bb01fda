// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/reading/name"
)

// A program speaks to the ledger with typed calls, and decides on the kind of an error.
func Example() {
	if err := example(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// device Org1MSP/pump-7 is not there
	// registrar granted: true
}

func example(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "ledger-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	network, err := devnet.Start(ctx, devnet.Default(dir))
	if err != nil {
		return err
	}
	defer func() { _ = network.Close() }()

	// On a network that you have, the profile comes from ledger.ReadProfile.
	admin, err := ledger.Connect(ledger.Profile(network.Profile("Org1MSP", "Admin")))
	if err != nil {
		return err
	}
	defer admin.Close()
	if _, err := admin.Device(ctx, name.New("Org1MSP", "pump-7")); errors.Is(err, ledger.ErrNotFound) {
		fmt.Println("device Org1MSP/pump-7 is not there")
	}
	grant, err := admin.GrantRole(ctx, ledger.RoleRequest{Role: record.Registrar, Unit: "client"})
	if err != nil {
		return err
	}
	fmt.Println(grant.Role, "granted:", grant.Active)
	return nil
}
