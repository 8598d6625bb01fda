// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// maxEnrolment is the size in bytes of a request with as many of the largest certificates as one may
// have.
const maxEnrolment = 64 << 10

type enrolRequestCmd struct {
	ID string `arg:"" help:"Device id: the common name or the serial number in its certificate."`
	keyFlag
	Chain        string `help:"PEM file of the device's certificate, followed by those between it and the manufacturer's." required:"" placeholder:"FILE"`
	Manufacturer string `help:"What the organisation calls the manufacturer." required:"" placeholder:"NAME"`
	ledgerName
}

// Help is the long description.
func (enrolRequestCmd) Help() string {
	return "Prints one line of JSON, signed by the device, which any bridge or registrar may carry to the ledger with: " +
		"anchorline device enrol. Who carries it cannot change it."
}

// Run prints a signed request.
func (c *enrolRequestCmd) Run(s streams) error {
	signer, err := c.read(c.ID)
	if err != nil {
		return err
	}
	e := ledger.Enrolment{ID: c.ID, Owner: c.Owner, Manufacturer: c.Manufacturer}
	if e.Chain, err = c.chain(signer.Key()); err != nil {
		return err
	}
	if e.Proof, err = device.Possession(signer, name.New(c.Owner, c.ID), c.Channel); err != nil {
		return err
	}
	return printLine(s, e)
}

// chain reads the certificates, of which the first must be the device's.
func (c *enrolRequestCmd) chain(key cose.Key) ([]string, error) {
	certificates, err := readCertificates("--chain", c.Chain, call.MaxChain)
	if err != nil {
		return nil, err
	}
	own := certificates[0]
	certified, err := cose.NewKey(own.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("--chain %s: the first certificate: %w", c.Chain, err)
	}
	if !certified.Equal(key) {
		return nil, fmt.Errorf("--chain %s: the first certificate is not for the key in %s: the device's own comes first", c.Chain, c.path(c.ID))
	}
	if own.Subject.CommonName != c.ID && own.Subject.SerialNumber != c.ID {
		return nil, fmt.Errorf("device id %q: the certificate is for %q with serial number %q",
			c.ID, own.Subject.CommonName, own.Subject.SerialNumber)
	}
	var chain []string
	for _, certificate := range certificates {
		chain = append(chain, base64.RawURLEncoding.EncodeToString(certificate.Raw))
	}
	return chain, nil
}

type deviceEnrolCmd struct {
	Request string `arg:"" help:"File with a request made by 'device enrol-request'; - is standard input."`
	ledgerFlags
}

// Run carries a device's request to the ledger.
func (c *deviceEnrolCmd) Run(ctx context.Context, s streams) error {
	data, err := s.readLimited(c.Request, maxEnrolment)
	if err != nil {
		return err
	}
	var e ledger.Enrolment
	if err := record.Decode(data, &e); err != nil {
		return fmt.Errorf("%s: %w", c.Request, err)
	}
	if e.ID == "" || e.Proof == "" {
		return fmt.Errorf("%s: %w", c.Request, errors.New("no enrolment: make one with 'anchorline device enrol-request'"))
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		return l.EnrolDevice(ctx, e)
	}, showDevice)
}
