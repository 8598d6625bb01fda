// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/cose"
)

// registrationArgs describe a device with its key.
type registrationArgs struct {
	ID string `arg:"" help:"Device id."`
	keyFlag
	descriptionFlags
}

// registration signs the request to register the device for an organisation.
func (a *registrationArgs) registration(signer cose.Signer, owner, channel string) (ledger.Registration, error) {
	proof, err := device.Possession(signer, a.ID, owner, channel)
	return ledger.Registration{
		ID: a.ID, Key: signer.Key().Text(), Proof: proof, Type: a.Type, Attributes: a.Attribute, Profile: string(a.Digest),
	}, err
}

type deviceRegisterCmd struct {
	registrationArgs
	ledgerFlags
}

// Run registers a device for the organisation of the profile.
func (c *deviceRegisterCmd) Run(ctx context.Context, s streams) error {
	signer, err := c.read(c.ID)
	if err != nil {
		return err
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		r, err := c.registration(signer, l.Profile().MSPID, l.Profile().Channel)
		if err != nil {
			return record.Device{}, err
		}
		return l.RegisterDevice(ctx, r)
	}, showDevice)
}

// ledgerName says for whom and where a request is good.
type ledgerName struct {
	Owner   string `help:"MSP ID of the organisation to join." required:"" placeholder:"ID"`
	Channel string `help:"Channel of its ledger." required:"" placeholder:"NAME"`
}

type deviceRequestCmd struct {
	registrationArgs
	ledgerName
}

// Help is the long description.
func (deviceRequestCmd) Help() string {
	return "Prints one line of JSON with the public key and the proof that we hold its private key, good for this id, " +
		"organisation and channel only. Gather the lines of many devices in a file and register them with: anchorline device import"
}

// Run prints a signed request.
func (c *deviceRequestCmd) Run(s streams) error {
	if err := checkDeviceID(c.ID); err != nil {
		return err
	}
	signer, err := c.read(c.ID)
	if err != nil {
		return err
	}
	r, err := c.registration(signer, c.Owner, c.Channel)
	if err != nil {
		return err
	}
	return printLine(s, r)
}

// printLine prints v as one line of JSON.
func printLine(s streams, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s\n", text)
	return err
}
