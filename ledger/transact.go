// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// A Prepared transaction is endorsed and not yet submitted.
type Prepared struct {
	TxID   string // hex
	Bytes  []byte // what Submit takes, today or after a restart
	Result []byte // the chaincode's answer
}

// A Commit says where a transaction stands.
type Commit struct {
	TxID  string // hex
	Block uint64
}

// Prepare proposes a call and has it endorsed. Nothing is written yet.
func (c *Client) Prepare(ctx context.Context, function string, args ...string) (*Prepared, error) {
	proposal, err := c.contract.NewProposal(function, client.WithArguments(args...))
	if err != nil {
		return nil, classify("propose "+function, "", err)
	}
	tx, err := proposal.EndorseWithContext(ctx)
	if err != nil {
		return nil, classify("endorse "+function, proposal.TransactionID(), err)
	}
	bytes, err := tx.Bytes()
	if err != nil {
		return nil, classify("endorse "+function, proposal.TransactionID(), err)
	}
	return &Prepared{TxID: tx.TransactionID(), Bytes: bytes, Result: tx.Result()}, nil
}

// Submit hands an endorsed transaction to the ordering service and waits for its block. Doing
// so again with the same bytes is safe: the ledger takes a transaction once and answers with
// the first outcome. ErrUnknownOutcome asks for exactly that.
func (c *Client) Submit(ctx context.Context, transaction []byte) (Commit, error) {
	tx, err := c.gateway.NewTransaction(transaction)
	if err != nil {
		return Commit{}, classify("read transaction", "", err)
	}
	pending, err := tx.SubmitWithContext(ctx)
	if err != nil {
		return Commit{}, classify("submit", tx.TransactionID(), err)
	}
	return awaitBlock(ctx, pending)
}

// Status waits until the transaction with this id is in a block.
func (c *Client) Status(ctx context.Context, txID string) (Commit, error) {
	creator, err := proto.Marshal(&msp.SerializedIdentity{
		Mspid: c.gateway.Identity().MspID(), IdBytes: c.gateway.Identity().Credentials(),
	})
	if err != nil {
		return Commit{}, classify("status", txID, err)
	}
	request, err := proto.Marshal(&gateway.CommitStatusRequest{
		TransactionId: txID, ChannelId: c.profile.Channel, Identity: creator,
	})
	if err != nil {
		return Commit{}, classify("status", txID, err)
	}
	signed, err := proto.Marshal(&gateway.SignedCommitStatusRequest{Request: request})
	if err != nil {
		return Commit{}, classify("status", txID, err)
	}
	pending, err := c.gateway.NewCommit(signed)
	if err != nil {
		return Commit{}, classify("status", txID, err)
	}
	return awaitBlock(ctx, pending)
}

func awaitBlock(ctx context.Context, pending *client.Commit) (Commit, error) {
	st, err := pending.StatusWithContext(ctx)
	if err != nil {
		return Commit{}, classify("status", pending.TransactionID(), err)
	}
	if !st.Successful {
		return Commit{}, &Error{
			Step: "commit", TxID: st.TransactionID, Kind: ErrInvalidated,
			Err: fmt.Errorf("block %d, validation code %s", st.BlockNumber, st.Code),
		}
	}
	return Commit{TxID: st.TransactionID, Block: st.BlockNumber}, nil
}

// attempts and pause bound what Transact tries: passing faults of a healthy network are over
// within seconds.
const (
	attempts = 5
	pause    = 500 * time.Millisecond
)

// Transact makes one call and waits for its commit, trying again after passing faults. While the
// outcome of a transaction is unknown it submits the same one, so that the answer is that of the
// call which changed the ledger: a second one would find it done.
func (c *Client) Transact(ctx context.Context, function string, args ...string) ([]byte, Commit, error) {
	var p *Prepared
	var err error
	for i := range attempts {
		if p == nil {
			p, err = c.Prepare(ctx, function, args...)
		}
		if p != nil {
			var commit Commit
			if commit, err = c.Submit(ctx, p.Bytes); err == nil {
				return p.Result, commit, nil
			}
			if !errors.Is(err, ErrUnknownOutcome) {
				p = nil
			}
		}
		if !Passing(err) || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause << i):
		}
	}
	return nil, Commit{}, err
}
