// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

type manufacturerCmd struct {
	Add    manufacturerAddCmd    `cmd:"" help:"Take the devices that a manufacturer certified."`
	List   manufacturerListCmd   `cmd:"" help:"List the manufacturers."`
	Remove manufacturerRemoveCmd `cmd:"" help:"Take no more devices of a manufacturer; those that came stay."`
}

// Help is the long description.
func (manufacturerCmd) Help() string {
	return "A device whose certificate leads to a manufacturer's authority joins our organisation without being registered " +
		"(zero-touch): it signs a request (anchorline device enrol-request), which any bridge or registrar carries to the " +
		"ledger (anchorline device enrol)."
}

type manufacturerAddCmd struct {
	Name        string `arg:"" help:"What our organisation calls the manufacturer; devices name it."`
	Certificate string `arg:"" help:"PEM file of its certificate authority's certificate."`
	Type        string `help:"Type given to its devices." placeholder:"NAME"`
	ledgerFlags
}

// Run adds a manufacturer.
func (c *manufacturerAddCmd) Run(ctx context.Context, s streams) error {
	ca, err := readCertificates("certificate", c.Certificate, 1)
	if err != nil {
		return err
	}
	if !ca[0].IsCA {
		return fmt.Errorf("certificate %s: is %s's, which is no certificate authority: give the certificate that signs the devices'",
			c.Certificate, ca[0].Subject)
	}
	m := ledger.Manufacturer{Name: c.Name, Certificate: base64.RawURLEncoding.EncodeToString(ca[0].Raw), DeviceType: c.Type}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Manufacturer, error) {
		return l.AddManufacturer(ctx, m)
	}, showManufacturer)
}

type manufacturerRemoveCmd struct {
	Name string `arg:"" help:"What our organisation calls the manufacturer."`
	ledgerFlags
}

// Run removes a manufacturer.
func (c *manufacturerRemoveCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Manufacturer, error) {
		return l.RemoveManufacturer(ctx, c.Name)
	}, showManufacturer)
}

type manufacturerListCmd struct {
	Owner string `help:"Only of this organisation, by MSP ID." placeholder:"ID"`
	ledgerFlags
}

// Run lists manufacturers.
func (c *manufacturerListCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]record.Manufacturer, error) {
		return l.Manufacturers(ctx, c.Owner)
	}, showManufacturers)
}

func showManufacturer(out io.Writer, m record.Manufacturer) error {
	return showManufacturers(out, []record.Manufacturer{m})
}

func showManufacturers(out io.Writer, all []record.Manufacturer) error {
	const heading = "MANUFACTURER\tIN FORCE\tDEVICE TYPE\tAUTHORITY\tVALID UNTIL\tADDED"
	return table(out, "manufacturers", heading, all, func(m record.Manufacturer) []any {
		subject, until := "unreadable", ""
		if ca, err := authority(m); err == nil {
			subject, until = ca.Subject.String(), stamp(ca.NotAfter.UnixMilli())
		}
		return []any{name.New(m.Owner, m.Name), yes(m.Active), m.DeviceType, subject, until, stamp(m.Added)}
	})
}

// authority is the certificate of a manufacturer on the ledger.
func authority(m record.Manufacturer) (*x509.Certificate, error) {
	der, err := base64.RawURLEncoding.DecodeString(m.Certificate)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return x509.ParseCertificate(der)
}
