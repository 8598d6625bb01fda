// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"

	"github.com/anchorline/anchorline/chaincode/record"
)

// Option is a choice for [New].
type Option func(*Chaincode) error

// LocalMSP says which organisation's peer runs this instance, by its MSP ID. An instance endorses
// first terms only when they name its own organisation, and none at all without this option. Nothing
// else depends on it: all instances give the same answers to the rest.
func LocalMSP(msp string) Option {
	return func(c *Chaincode) error {
		if err := record.CheckMSP("local MSP ID", msp); err != nil {
			return fmt.Errorf("contract: %w; set CORE_PEER_LOCALMSPID to the MSP ID of the peer's organisation", err)
		}
		c.local = msp
		return nil
	}
}
