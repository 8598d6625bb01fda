// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
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
	if !name.ValidID(id) {
		return fmt.Errorf("device id %.80q: want 1 to %d of A-Z a-z 0-9 . _ : - and a letter or digit first", id, name.MaxID)
	}
	return nil
}

type deviceRotateCmd struct {
	Device nameArg `arg:"" help:"Device: Org1MSP/pump-1, or pump-1 of our own organisation."`
	rotationFlags
	ledgerFlags
}

// Help is the long description.
func (deviceRotateCmd) Help() string {
	return "With the old key's signature a bridge or registrar of any organisation may carry the change, and what the device " +
		"signed before is taken for another 24 hours. With --reason it needs a registrar of the device's owner, and the old key " +
		"ends at once. What the old key signed before stays provable, unless --compromised-since disowns it."
}

// Run replaces a device's key.
func (c *deviceRotateCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Device, error) {
		device, err := c.Device.of(l)
		if err != nil {
			return record.Device{}, err
		}
		subject := reading.Subject{Kind: reading.DeviceKey, Name: device, Channel: l.Profile().Channel}
		r, err := c.rotation(subject, device.ID+".key")
		if err != nil {
			return record.Device{}, err
		}
		r.Owner = device.Owner
		return l.RotateKey(ctx, r)
	}, showDevice)
}

// rotationFlags name an old and a new key.
type rotationFlags struct {
	Key              string  `help:"The old private key, PEM, which signs the change (default: ID.key of a device, stream.key of a stream)." placeholder:"FILE" xor:"old"`
	NewKey           string  `help:"The new private key, PEM, made by 'device new'." required:"" placeholder:"FILE"`
	Reason           reason  `help:"Why the old key does not sign the change: it is lost, or stolen." placeholder:"TEXT" xor:"old"`
	CompromisedSince instant `help:"With --reason: time from which what the old key signed is not to be trusted (RFC 3339)." placeholder:"TIME"`
}

// rotation makes the request to replace the key of a device or a stream; usual is where its old key
// is unless a flag says otherwise.
func (f rotationFlags) rotation(subject reading.Subject, usual string) (ledger.Rotation, error) {
	r := ledger.Rotation{ID: subject.Name.ID, Reason: string(f.Reason), CompromisedSince: millis(f.CompromisedSince.Time)}
	if r.CompromisedSince != 0 && f.Reason == "" {
		return r, errors.New("--compromised-since: give --reason too; a key that is compromised must not sign its own change")
	}
	next, err := device.ReadKey(f.NewKey)
	if err != nil {
		return r, fmt.Errorf("--new-key: %w", err)
	}
	r.Key = next.Key().Text()
	if r.Proof, err = possession(next, subject); err != nil || f.Reason != "" {
		return r, err
	}
	if f.Key != "" {
		usual = f.Key
	}
	old, err := device.ReadKey(usual)
	if err != nil {
		return r, fmt.Errorf("--key: %w (when the old key is lost or stolen, say so with --reason)", err)
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
