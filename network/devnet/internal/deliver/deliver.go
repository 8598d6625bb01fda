// SPDX-License-Identifier: Apache-2.0

// Package deliver streams blocks to clients: the Deliver services of a peer and of an orderer.
//
// In: signed requests for a range of blocks. Out: the blocks, whole or filtered, as they are
// committed, then a status.
package deliver

import (
	"context"
	"errors"
	"io"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"

	"github.com/anchorline/anchorline/network/devnet/internal/channel"
	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// Config of a deliver service.
type Config struct {
	*channel.Channel
	Allow func(signed member.Signed) error // may they read blocks?
}

// client is one stream's far end.
type client struct {
	receive func() (*common.Envelope, error)
	block   func(*common.Block) error
	status  func(common.Status) error
}

// serve answers requests until the client hangs up or one fails.
func (c Config) serve(ctx context.Context, to client) error {
	ctx, cancel := c.Faults.Stream(ctx)
	defer cancel()
	for {
		envelope, err := to.receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		status, err := c.answer(ctx, envelope, to)
		if err != nil {
			return err
		}
		if err := to.status(status); err != nil || status != common.Status_SUCCESS {
			return err
		}
	}
}

// answer sends the blocks of one request.
func (c Config) answer(ctx context.Context, envelope *common.Envelope, to client) (common.Status, error) {
	seek, status := c.parse(envelope)
	if status != common.Status_SUCCESS {
		return status, nil
	}
	number, last, status := c.bounds(seek)
	if status != common.Status_SUCCESS {
		return status, nil
	}
	for ; ; number++ {
		if seek.GetBehavior() == orderer.SeekInfo_FAIL_IF_NOT_READY && number >= c.Ledger.Height() {
			return common.Status_NOT_FOUND, nil
		}
		block, err := c.Ledger.WaitBlock(ctx, number)
		if err != nil {
			return 0, err
		}
		if seek.GetContentType() == orderer.SeekInfo_HEADER_WITH_SIG && number > 0 {
			block.Data = nil
		}
		if err := to.block(block); err != nil {
			return 0, err
		}
		if number == last {
			return common.Status_SUCCESS, nil
		}
	}
}

// parse checks a request and returns what it asks for.
func (c Config) parse(envelope *common.Envelope) (*orderer.SeekInfo, common.Status) {
	h, err := wire.ParseHeaders(envelope)
	if err != nil || h.Channel.GetTimestamp() == nil {
		return nil, common.Status_BAD_REQUEST
	}
	if drift := c.Now().Sub(h.Channel.GetTimestamp().AsTime()).Abs(); drift > c.TimeWindow {
		return nil, common.Status_BAD_REQUEST
	}
	if h.Channel.GetChannelId() != c.Name {
		return nil, common.Status_NOT_FOUND
	}
	seek, err := wire.Decode(h.Payload.GetData(), &orderer.SeekInfo{})
	if err != nil {
		return nil, common.Status_BAD_REQUEST
	}
	signed := member.Signed{Identity: h.Signature.GetCreator(), Data: envelope.GetPayload(), Signature: envelope.GetSignature()}
	creator, err := c.Members.Parse(signed.Identity)
	if err != nil || creator.Expired(c.Now()) || c.Allow(signed) != nil {
		return nil, common.Status_FORBIDDEN
	}
	if seek.GetStart() == nil || seek.GetStop() == nil {
		return nil, common.Status_BAD_REQUEST
	}
	return seek, common.Status_SUCCESS
}

// bounds are the first and the last block of a request. The first may be the next block, not
// one after it.
func (c Config) bounds(seek *orderer.SeekInfo) (first, last uint64, status common.Status) {
	height := c.Ledger.Height()
	switch start := seek.GetStart().GetType().(type) {
	case *orderer.SeekPosition_Oldest:
	case *orderer.SeekPosition_Newest:
		first = height - 1
	case *orderer.SeekPosition_NextCommit:
		first = height
	case *orderer.SeekPosition_Specified:
		first = start.Specified.GetNumber()
	default:
		return 0, 0, common.Status_NOT_FOUND
	}
	if first > height {
		return 0, 0, common.Status_NOT_FOUND
	}
	switch stop := seek.GetStop().GetType().(type) {
	case *orderer.SeekPosition_Oldest:
		return first, first, common.Status_SUCCESS
	case *orderer.SeekPosition_Newest:
		if _, same := seek.GetStart().GetType().(*orderer.SeekPosition_Newest); same {
			return first, first, common.Status_SUCCESS
		}
		return first, height - 1, common.Status_SUCCESS
	case *orderer.SeekPosition_Specified:
		if stop.Specified.GetNumber() < first {
			return 0, 0, common.Status_BAD_REQUEST
		}
		return first, stop.Specified.GetNumber(), common.Status_SUCCESS
	default: // as in Fabric: block 0 is the last, and a stream that starts after it has no end
		return first, 0, common.Status_SUCCESS
	}
}
