// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/anchorline/anchorline/network/devnet/internal/store"
	"github.com/anchorline/anchorline/network/devnet/internal/validate"
)

// committer validates ordered blocks and stores them.
type committer struct {
	*store.Store
	validator *validate.Validator
}

// Commit validates a block, notes the result in its metadata, and stores it.
func (c *committer) Commit(block *common.Block) error {
	flags, change, err := c.validator.Validate(block)
	if err != nil {
		return err
	}
	block.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = flags
	return c.Store.Commit(block, change)
}
