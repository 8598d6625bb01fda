// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
)

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

// read reads the key, or says how to make one.
func (f keyFlag) read(id string) (cose.Signer, error) {
	signer, err := device.ReadKey(f.path(id))
	if err != nil {
		return nil, fmt.Errorf("%w (make one with: anchorline device new %s)", err, id)
	}
	return signer, nil
}

type deviceNewCmd struct {
	ID string `arg:"" help:"Device id."`
	keyFlag
	Algorithm string `help:"EdDSA (Ed25519) or ES256 (P-256)." enum:"EdDSA,ES256" default:"EdDSA"`
}

// Run makes a key pair.
func (c *deviceNewCmd) Run(s streams) error {
	if err := checkDeviceID(c.ID); err != nil {
		return err
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
	_, err = fmt.Fprintf(s.out, "%s: %s key %s for device %s; keep it secret\n", c.path(c.ID), alg, signer.Key().ID(), c.ID)
	return err
}

func checkDeviceID(id string) error {
	if !reading.ValidName(id) {
		return fmt.Errorf("device id %.80q: want 1 to 64 of A-Z a-z 0-9 . _ : - and a letter or digit first", id)
	}
	return nil
}

type deviceRotateCmd struct {
	ID string `arg:"" help:"Device id."`
	rotationFlags
	ledgerFlags
}

// Help is the long description.
func (deviceRotateCmd) Help() string {
	return "With the old key's signature a bridge or registrar of any organisation may carry the change; with --lost it " +
		"needs a registrar of the device's owner. What the old key signed before stays provable."
}

// Run replaces a device's key.
func (c *deviceRotateCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		d, err := l.Device(ctx, c.ID)
		if err != nil {
			return d, err
		}
		subject := reading.Subject{Kind: reading.DeviceKey, ID: c.ID, Owner: d.Owner, Channel: l.Profile().Channel}
		r, err := c.rotation(subject, c.ID+".key")
		if err != nil {
			return d, err
		}
		return l.RotateKey(ctx, r)
	}, showDevice)
}

// rotationFlags name an old and a new key.
type rotationFlags struct {
	Key    string `help:"The old private key, PEM, which signs the change (default: ID.key of a device, stream.key of a stream)." placeholder:"FILE" xor:"old"`
	NewKey string `help:"The new private key, PEM, made by 'device new'." required:"" placeholder:"FILE"`
	Lost   reason `help:"The old key is lost: why. Then it does not sign the change." placeholder:"REASON" xor:"old"`
}

// rotation makes the request to replace the key of a device or a stream; usual is where its old key
// is unless a flag says otherwise.
func (f rotationFlags) rotation(subject reading.Subject, usual string) (ledger.Rotation, error) {
	r := ledger.Rotation{ID: subject.ID, Reason: string(f.Lost)}
	next, err := device.ReadKey(f.NewKey)
	if err != nil {
		return r, fmt.Errorf("--new-key: %w", err)
	}
	r.Key = next.Key().Text()
	if r.Proof, err = possession(next, subject); err != nil || f.Lost != "" {
		return r, err
	}
	if f.Key != "" {
		usual = f.Key
	}
	old, err := device.ReadKey(usual)
	if err != nil {
		return r, fmt.Errorf("--key: %w (when the old key is lost, say why with --lost)", err)
	}
	token, err := reading.SignRotation(old, subject, next.Key())
	r.Authorization = base64.RawURLEncoding.EncodeToString(token)
	return r, err
}

// possession is the proof that the signer's key is held by whoever registers it, as the ledger
// takes it.
func possession(signer cose.Signer, subject reading.Subject) (string, error) {
	token, err := reading.SignPossession(signer, subject)
	return base64.RawURLEncoding.EncodeToString(token), err
}
