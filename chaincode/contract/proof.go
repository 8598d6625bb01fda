// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
)

// proveKey reads a public key and verifies the proof that whoever registers it for id, with
// this owner and on this channel, holds its private key.
func proveKey(text, proof, id, owner, channel string) (record.Key, error) {
	key, err := cose.ParseKeyText(text)
	if err != nil {
		return record.Key{}, invalid("key", err)
	}
	if err := provePossession(key, proof, id, owner, channel); err != nil {
		return record.Key{}, err
	}
	return storedKey(key), nil
}

// provePossession verifies a proof of possession of a key.
func provePossession(key cose.Key, proof, id, owner, channel string) error {
	token, err := decodeBytes(proof)
	if err != nil {
		return invalid("proof", err)
	}
	if err := reading.VerifyPossession(token, key, id, owner, channel); err != nil {
		return invalid("proof", err)
	}
	return nil
}

// storedKey is a key as a record holds it; when it is valid is for the caller to say.
func storedKey(key cose.Key) record.Key {
	return record.Key{ID: key.ID().String(), Algorithm: key.Algorithm().String(), Public: key.Text()}
}

// authorizeRotation verifies the consent of the open key of keys to be replaced by next.
func authorizeRotation(authorization string, keys []record.Key, id, owner string, next record.Key, channel string) error {
	current, open := record.CurrentKey(keys)
	if !open {
		return record.Errorf(record.Conflict, "%q has no open key that could authorise another", id)
	}
	oldKey, err := cose.ParseKeyText(current.Public)
	if err != nil {
		return record.Errorf(record.Internal, "key %s of %q: %v", current.ID, id, err)
	}
	newKey, err := cose.ParseKeyText(next.Public)
	if err != nil {
		return invalid("key", err)
	}
	token, err := decodeBytes(authorization)
	if err != nil {
		return invalid("authorization", err)
	}
	if err := reading.VerifyRotation(token, oldKey, id, owner, channel, newKey); err != nil {
		return invalid("authorization", err)
	}
	return nil
}
