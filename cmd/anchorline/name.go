// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

// A nameArg names a device, stream or policy: Org1MSP/pump-1, or pump-1 of our own organisation.
type nameArg string

// within is the full name for who speaks for an organisation.
func (n nameArg) within(msp string) (name.Name, error) { return name.ParseWithin(msp, string(n)) }

// of is the full name for who speaks to the ledger; the zero name where none was given.
func (n nameArg) of(l *ledger.Client) (name.Name, error) {
	if n == "" {
		return name.Name{}, nil
	}
	return n.within(l.Profile().MSPID)
}

// own is the id of what our organisation has. Only its owner changes a record.
func (n nameArg) own(p ledger.Profile) (string, error) {
	full, err := n.within(p.MSPID)
	if err == nil && full.Owner != p.MSPID {
		err = fmt.Errorf("%s is %s's, which alone may do this; the profile is of %s", full, full.Owner, p.MSPID)
	}
	return full.ID, err
}
