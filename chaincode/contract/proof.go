// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// deviceSubject is what a device's tokens are about.
func (tx *transaction) deviceSubject(device name.Name) reading.Subject {
	return reading.Subject{Kind: reading.DeviceKey, Name: device, Channel: tx.channel}
}

// streamSubject is what a stream's tokens are about.
func (tx *transaction) streamSubject(stream name.Name) reading.Subject {
	return reading.Subject{Kind: reading.StreamKey, Name: stream, Channel: tx.channel}
}

// proveKey reads a public key and verifies the proof that whoever registers it for this subject
// holds its private key.
func proveKey(text, proof string, s reading.Subject) (record.Key, error) {
	key, err := cose.ParseKeyText(text)
	if err != nil {
		return record.Key{}, invalid("key", err)
	}
	if err := provePossession(key, proof, s); err != nil {
		return record.Key{}, err
	}
	return storedKey(key), nil
}

// provePossession verifies a proof of possession of a key.
func provePossession(key cose.Key, proof string, s reading.Subject) error {
	token, err := decodeBytes(proof)
	if err != nil {
		return invalid("proof", err)
	}
	if err := reading.VerifyPossession(token, key, s); err != nil {
		return invalid("proof", err)
	}
	return nil
}

// storedKey is a key as a record holds it; when it is valid is for the caller to say.
func storedKey(key cose.Key) record.Key {
	return record.Key{ID: key.ID().String(), Algorithm: key.Algorithm().String(), Public: key.Text()}
}

// authorizeRotation verifies the consent of the open key of keys to be replaced by next.
func authorizeRotation(authorization string, keys []record.Key, s reading.Subject, next record.Key) error {
	current, open := record.CurrentKey(keys)
	if !open {
		return record.Errorf(record.Conflict, "%s has no open key that could authorise another", s.Name)
	}
	oldKey, err := cose.ParseKeyText(current.Public)
	if err != nil {
		return record.Errorf(record.Internal, "key %s of %s: %v", current.ID, s.Name, err)
	}
	newKey, err := cose.ParseKeyText(next.Public)
	if err != nil {
		return invalid("key", err)
	}
	token, err := decodeBytes(authorization)
	if err != nil {
		return invalid("authorization", err)
	}
	if err := reading.VerifyRotation(token, oldKey, s, newKey); err != nil {
		return invalid("authorization", err)
	}
	return nil
}
