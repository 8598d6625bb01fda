// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
)

type deviceCmd struct {
	New      deviceNewCmd      `cmd:"" help:"Make a device's key pair."`
	Register deviceRegisterCmd `cmd:"" help:"Register a device on the ledger, with proof of possession of its key."`
	Show     deviceShowCmd     `cmd:"" help:"Show a device as the ledger has it."`
	List     deviceListCmd     `cmd:"" help:"List the devices on the ledger."`
	Publish  devicePublishCmd  `cmd:"" help:"Sign a reading and publish it."`
	Rotate   deviceRotateCmd   `cmd:"" help:"Replace a device's key."`
	Suspend  deviceSuspendCmd  `cmd:"" help:"Have a device's readings refused until it is resumed."`
	Resume   deviceResumeCmd   `cmd:"" help:"End a suspension."`
	Revoke   deviceRevokeCmd   `cmd:"" help:"End a device for good."`
	Describe deviceDescribeCmd `cmd:"" help:"Replace a device's type, attributes and profile digest."`
	Offer    deviceOfferCmd    `cmd:"" help:"Offer a device to another organisation."`
	Withdraw deviceWithdrawCmd `cmd:"" help:"Take an offer back."`
	Accept   deviceAcceptCmd   `cmd:"" help:"Take over a device that is offered to our organisation."`
	History  deviceHistoryCmd  `cmd:"" help:"Show what a device was, newest first."`
}

// keyFlag names a device's private key.
type keyFlag struct {
	Key string `help:"The device's private key, PEM (default: ID.key)." placeholder:"FILE"`
}

func (f keyFlag) path(id string) string {
	if f.Key != "" {
		return f.Key
	}
	return id + ".key"
}

type deviceNewCmd struct {
	ID string `arg:"" help:"Device id."`
	keyFlag
	Algorithm string `help:"EdDSA (Ed25519) or ES256 (P-256)." enum:"EdDSA,ES256" default:"EdDSA"`
}

// Run makes a key pair.
func (c *deviceNewCmd) Run(io streams) error {
	if !reading.ValidName(c.ID) {
		return fmt.Errorf("device id %q: want 1 to 64 of A-Z a-z 0-9 . _ : - and a letter or digit first", c.ID)
	}
	alg := cose.AlgorithmEdDSA
	if c.Algorithm == cose.AlgorithmES256.String() {
		alg = cose.AlgorithmES256
	}
	private, err := device.NewKey(alg)
	if err != nil {
		return err
	}
	if err := device.WriteKey(c.path(c.ID), private); err != nil {
		return err
	}
	signer, err := cose.NewSigner(private)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(io.out, "%s: %s key %s for device %s; keep it secret\n", c.path(c.ID), alg, signer.Key().ID(), c.ID)
	return err
}

type deviceRegisterCmd struct {
	ID string `arg:"" help:"Device id."`
	keyFlag
	profileFlag
	Type      string            `help:"Type of the device." placeholder:"NAME"`
	Attribute map[string]string `help:"Attributes, NAME=VALUE; repeat for more." placeholder:"NAME=VALUE"`
	JSON      bool              `help:"Print the record as JSON." name:"json"`
}

// Run registers a device for the organisation of the profile.
func (c *deviceRegisterCmd) Run(ctx context.Context, io streams) error {
	signer, err := device.ReadKey(c.path(c.ID))
	if err != nil {
		return err
	}
	l, err := c.connect()
	if err != nil {
		return err
	}
	defer l.Close()
	proof, err := device.Possession(signer, c.ID, l.Profile().MSPID, l.Profile().Channel)
	if err != nil {
		return err
	}
	d, err := l.RegisterDevice(ctx, ledger.Registration{
		ID: c.ID, Key: signer.Key().Text(), Proof: proof, Type: c.Type, Attributes: c.Attribute,
	})
	if err != nil {
		return err
	}
	return showDevice(io, d, c.JSON)
}

type deviceShowCmd struct {
	ID string `arg:"" help:"Device id."`
	profileFlag
	JSON bool `help:"Print the record as JSON." name:"json"`
}

// Run shows a device.
func (c *deviceShowCmd) Run(ctx context.Context, io streams) error {
	l, err := c.connect()
	if err != nil {
		return err
	}
	defer l.Close()
	d, err := l.Device(ctx, c.ID)
	if err != nil {
		return err
	}
	return showDevice(io, d, c.JSON)
}

type deviceListCmd struct {
	Owner  string `help:"Only of this organisation, by MSP ID." placeholder:"ID"`
	Type   string `help:"Only of this type." placeholder:"NAME"`
	Status string `help:"Only with this status." enum:",active,suspended,revoked" default:"" placeholder:"STATUS"`
	profileFlag
	JSON bool `help:"Print the records as JSON." name:"json"`
}

// Run lists devices.
func (c *deviceListCmd) Run(ctx context.Context, io streams) error {
	return withLedger(c.profileFlag, func(l *ledger.Client) error {
		devices, err := l.AllDevices(ctx, ledger.DeviceFilter{Owner: c.Owner, Type: c.Type, Status: record.Status(c.Status)})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(io.out, devices)
		}
		return table(io.out, "DEVICE\tOWNER\tSTATUS\tTYPE\tKEY\tALGORITHM\tREGISTERED", devices, func(w *tabwriter.Writer, d record.Device) {
			k, _ := d.CurrentKey()
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.Owner, d.Status, d.DeviceType, k.ID, k.Algorithm, stamp(d.Registered))
		})
	})
}

type deviceRotateCmd struct {
	ID string `arg:"" help:"Device id."`
	keyFlag
	NewKey string `help:"The new private key, made by 'device new'." required:"" placeholder:"FILE"`
	Lost   string `help:"The old key is lost: why. Then it does not sign the change." placeholder:"REASON"`
	profileFlag
	JSON bool `help:"Print the record as JSON." name:"json"`
}

// Run replaces a device's key.
func (c *deviceRotateCmd) Run(ctx context.Context, io streams) error {
	next, err := device.ReadKey(c.NewKey)
	if err != nil {
		return err
	}
	l, err := c.connect()
	if err != nil {
		return err
	}
	defer l.Close()
	msp, channel := l.Profile().MSPID, l.Profile().Channel
	r := ledger.Rotation{ID: c.ID, Key: next.Key().Text(), Reason: c.Lost}
	if r.Proof, err = device.Possession(next, c.ID, msp, channel); err != nil {
		return err
	}
	if c.Lost == "" {
		old, err := device.ReadKey(c.path(c.ID))
		if err != nil {
			return err
		}
		if r.Authorization, err = device.Rotation(old, c.ID, msp, channel, next.Key()); err != nil {
			return err
		}
	}
	d, err := l.RotateKey(ctx, r)
	if err != nil {
		return err
	}
	return showDevice(io, d, c.JSON)
}

// reasonArgs are what the commands on a device's status take.
type reasonArgs struct {
	deviceArgs
	Reason string `help:"Why; kept on the ledger." required:""`
}

type deviceSuspendCmd struct{ reasonArgs }

// Run suspends a device.
func (c *deviceSuspendCmd) Run(ctx context.Context, io streams) error {
	return c.change(io, func(l *ledger.Client) (record.Device, error) { return l.SuspendDevice(ctx, c.ID, c.Reason) })
}

type deviceResumeCmd struct{ reasonArgs }

// Run resumes a device.
func (c *deviceResumeCmd) Run(ctx context.Context, io streams) error {
	return c.change(io, func(l *ledger.Client) (record.Device, error) { return l.ResumeDevice(ctx, c.ID, c.Reason) })
}

type deviceRevokeCmd struct {
	reasonArgs
	CompromisedSince time.Time `help:"Time from which its readings are not to be trusted (RFC 3339)." placeholder:"TIME"`
}

// Run revokes a device.
func (c *deviceRevokeCmd) Run(ctx context.Context, io streams) error {
	since := int64(0)
	if !c.CompromisedSince.IsZero() {
		since = c.CompromisedSince.UnixMilli()
	}
	return c.change(io, func(l *ledger.Client) (record.Device, error) { return l.RevokeDevice(ctx, c.ID, c.Reason, since) })
}

func showDevice(io streams, d record.Device, asJSON bool) error {
	if asJSON {
		return printJSON(io.out, d)
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "device\t%s\n", d.ID)
	fmt.Fprintf(w, "owner\t%s\n", d.Owner)
	fmt.Fprintf(w, "status\t%s %s\n", d.Status, d.StatusReason)
	if d.DeviceType != "" {
		fmt.Fprintf(w, "type\t%s\n", d.DeviceType)
	}
	fmt.Fprintf(w, "registered\t%s\n", stamp(d.Registered))
	for _, k := range d.Keys {
		until := "now"
		if k.Until != 0 {
			until = stamp(k.Until)
		}
		fmt.Fprintf(w, "key\t%s %s, valid from %s until %s %s\n", k.ID, k.Algorithm, stamp(k.From), until, k.Reason)
	}
	return w.Flush()
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// errNoInput is returned when a payload is expected on standard input and a person sits there.
var errNoInput = errors.New("no payload: give --value and --name, or pipe one to standard input")

func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
