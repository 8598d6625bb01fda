// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/base64"
	"errors"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
)

// proveKey reads a public key and verifies the proof that whoever registers it for id, in the
// caller's organisation and on this channel, holds its private key.
func proveKey(text, proof, id string, tx *transaction) (record.Key, error) {
	key, err := cose.ParseKeyText(text)
	if err != nil {
		return record.Key{}, invalid("key", err)
	}
	token, err := decodeToken(proof)
	if err != nil {
		return record.Key{}, invalid("proof", err)
	}
	if err := reading.VerifyPossession(token, key, id, tx.caller.MSP, tx.channel); err != nil {
		return record.Key{}, invalid("proof", err)
	}
	return record.Key{ID: key.ID().String(), Algorithm: key.Algorithm().String(), Public: key.Text()}, nil
}

// authorizeRotation verifies the consent of the device's open key to be replaced by next.
func authorizeRotation(authorization string, d record.Device, next record.Key, tx *transaction) error {
	current, open := d.CurrentKey()
	if !open {
		return record.Errorf(record.Conflict, "device %q has no open key that could authorise another", d.ID)
	}
	oldKey, err := cose.ParseKeyText(current.Public)
	if err != nil {
		return record.Errorf(record.Internal, "key %s of device %q: %v", current.ID, d.ID, err)
	}
	newKey, err := cose.ParseKeyText(next.Public)
	if err != nil {
		return invalid("key", err)
	}
	token, err := decodeToken(authorization)
	if err != nil {
		return invalid("authorization", err)
	}
	if err := reading.VerifyRotation(token, oldKey, d.ID, d.Owner, tx.channel, newKey); err != nil {
		return invalid("authorization", err)
	}
	return nil
}

// invalid refuses a request for the sake of one field.
func invalid(field string, err error) error {
	return record.Errorf(record.InvalidArgument, "request: field %q: %v", field, err)
}

// decodeToken reads base64url without padding and in the one form there is: the decoder of the
// standard library would skip line breaks.
func decodeToken(text string) ([]byte, error) {
	token, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(token) != text {
		return nil, errors.New("must be base64url without padding")
	}
	return token, nil
}
