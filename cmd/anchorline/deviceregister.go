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
	"github.com/anchorline/anchorline/reading/name"
)

// registrationFlags describe a device with its key.
type registrationFlags struct {
	keyFlag
	descriptionFlags
}

// registration signs the request to register a device under a name.
func (a *registrationFlags) registration(signer cose.Signer, as name.Name, channel string) (ledger.Registration, error) {
	proof, err := device.Possession(signer, as, channel)
	return ledger.Registration{
		ID: as.ID, Key: signer.Key().Text(), Proof: proof, Type: a.Type, Attributes: a.Attribute, Profile: string(a.Digest),
		ReportingPeriod: int64(a.ReportingPeriod),
	}, err
}

type deviceRegisterCmd struct {
	deviceArgs
	registrationFlags
}

// Run registers a device for the organisation of the profile.
func (c *deviceRegisterCmd) Run(ctx context.Context, s streams) error {
	return c.change(ctx, s, func(ctx context.Context, l *ledger.Client, id string) (record.Device, error) {
		signer, err := c.read(id)
		if err != nil {
			return record.Device{}, err
		}
		r, err := c.registration(signer, name.New(l.Profile().MSPID, id), l.Profile().Channel)
		if err != nil {
			return record.Device{}, err
		}
		return l.RegisterDevice(ctx, r)
	})
}

// ledgerName says for whom and where a request is good.
type ledgerName struct {
	Owner   string `help:"MSP ID of the organisation to join." required:"" placeholder:"ID"`
	Channel string `help:"Channel of its ledger." required:"" placeholder:"NAME"`
}

type deviceRequestCmd struct {
	ID string `arg:"" help:"Device id in the organisation to join."`
	registrationFlags
	ledgerName
}

// Help is the long description.
func (deviceRequestCmd) Help() string {
	return "Prints one line of JSON with the public key and the proof that we hold its private key, good for this id, " +
		"organisation and channel only. Gather the lines of many devices in a file and register them with: anchorline device import. For a device that is " +
		"offered to another organisation: anchorline device accept --request"
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
	r, err := c.registration(signer, name.New(c.Owner, c.ID), c.Channel)
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
