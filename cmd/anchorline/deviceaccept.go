// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

type deviceAcceptCmd struct {
	From    nameArg `arg:"" help:"The device under its owner's name: Org1MSP/pump-1."`
	ID      string  `help:"Its id in our organisation (default: as before)." name:"id" placeholder:"ID"`
	Key     string  `help:"The device's private key, PEM, which proves that it takes our name (default: the former ID.key)." placeholder:"FILE" xor:"key"`
	Request string  `help:"Instead of --key: what 'device request' printed for our name; - is standard input." placeholder:"FILE" xor:"key"`
	ledgerFlags
}

// Help is the long description.
func (deviceAcceptCmd) Help() string {
	return "The device gets a record of its own under our organisation, and its sequence starts anew there; the former record " +
		"ends and keeps what was signed under it. The device proves that it takes the new name: with its key here, or by a " +
		"request that it signed where its key is (anchorline device request ID --owner OUR-MSP --channel NAME)."
}

// Run takes over a device.
func (c *deviceAcceptCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		a, err := c.acceptance(s, l.Profile())
		if err != nil {
			return record.Device{}, err
		}
		return l.AcceptDevice(ctx, a)
	}, showDevice)
}

func (c *deviceAcceptCmd) acceptance(s streams, p ledger.Profile) (ledger.Acceptance, error) {
	from, err := name.Parse(string(c.From))
	if err != nil {
		return ledger.Acceptance{}, err
	}
	a := ledger.Acceptance{From: from, ID: c.ID}
	if a.ID == "" {
		a.ID = from.ID
	}
	if c.Request != "" {
		err := c.requested(s, p, &a)
		return a, err
	}
	signer, err := keyFlag{c.Key}.read(from.ID)
	if err != nil {
		return a, err
	}
	a.Key = signer.Key().Text()
	a.Proof, err = device.Possession(signer, name.New(p.MSPID, a.ID), p.Channel)
	return a, err
}

// requested takes key and proof from a request that the device signed.
func (c *deviceAcceptCmd) requested(s streams, p ledger.Profile, a *ledger.Acceptance) error {
	data, err := s.readLimited(c.Request, record.MaxDocument)
	if err != nil {
		return err
	}
	var r ledger.Registration
	if err := record.Decode(data, &r); err != nil {
		return fmt.Errorf("%s: %w", c.Request, err)
	}
	if c.ID != "" && r.ID != c.ID {
		return fmt.Errorf("%s: is for id %s, not for --id %s", c.Request, r.ID, c.ID)
	}
	if err := checkRegistration(r, p); err != nil {
		return fmt.Errorf("%s: %w", c.Request, err)
	}
	a.ID, a.Key, a.Proof = r.ID, r.Key, r.Proof
	return nil
}
