// SPDX-License-Identifier: Apache-2.0

package anchor

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// A Publisher publishes with QoS 1 and returns when the broker acknowledged.
type Publisher interface {
	Publish(ctx context.Context, topic string, payload []byte) error
}

// Courier makes the receipts of committed batches and publishes them to the devices. It signs
// only what the ledger has committed.
type Courier struct {
	spool     *spool.Spool
	archive   *archive.Archive
	signer    cose.Signer
	ledger    string // channel/chaincode
	publisher Publisher
	logger    *slog.Logger
	state     *steps
	work      chan struct{}
	again     chan request
	budget    *rate.Limiter // of batches read to send receipts again
}

// NewCourier returns a courier that signs with the stream's key.
func NewCourier(s *spool.Spool, a *archive.Archive, signer cose.Signer, ledger string, p Publisher, logger *slog.Logger) *Courier {
	return &Courier{
		spool: s, archive: a, signer: signer, ledger: ledger, publisher: p, logger: logger,
		state: newSteps("receipts", logger), work: make(chan struct{}, 1), again: make(chan request, maxAgain),
		budget: rate.NewLimiter(againRate, againBurst),
	}
}

// Notify says that a batch was committed. It never blocks.
func (c *Courier) Notify() {
	select {
	case c.work <- struct{}{}:
	default:
	}
}

// Run delivers receipts until ctx ends, beginning with what a crash left unfinished.
func (c *Courier) Run(ctx context.Context) error {
	c.Notify()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.work:
			c.deliverAll(ctx)
		case r := <-c.again:
			c.repeat(ctx, r)
		}
	}
}

// Condition says what keeps the courier from its work, if anything does.
func (c *Courier) Condition() Condition { return c.state.condition() }

// deliverAll delivers the committed batches, oldest first. A broker that is away or a full disk only
// delays them, and so does a file of the archive that somebody must restore.
func (c *Courier) deliverAll(ctx context.Context) {
	for ctx.Err() == nil {
		err := c.deliver(ctx)
		if errors.Is(err, errNoneLeft) || c.state.rest(ctx, err) != nil {
			return
		}
	}
}

// errNoneLeft is returned when no batch waits for its receipts.
var errNoneLeft = errors.New("no batch waits for receipts")

// errUnreceiptable is wrapped when no receipts can be made of what the spool or archive holds.
var errUnreceiptable = errors.New("no receipts can be made")

// deliver delivers the oldest committed batch, or returns errNoneLeft.
func (c *Courier) deliver(ctx context.Context) error {
	b, err := c.spool.Oldest(spool.Committed)
	if errors.Is(err, spool.ErrNotFound) {
		return errNoneLeft
	}
	if err != nil {
		return err
	}
	messages, err := c.receipts(b)
	if err == nil {
		err = c.publish(ctx, messages)
	}
	if err == nil {
		err = c.spool.Receipt(b.Number)
	}
	if errors.Is(err, archive.ErrNotFound) || errors.Is(err, spool.ErrNotFound) {
		err = fmt.Errorf("%w: %w", errUnreceiptable, err)
	}
	if err != nil {
		return fmt.Errorf("receipts of batch %d: %w", b.Number, err)
	}
	return nil
}

// inFlight bounds the messages published at once: the latency of the broker's acknowledgements
// is shared among them.
const inFlight = 64

func (c *Courier) publish(ctx context.Context, messages []message) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for _, m := range messages {
		g.Go(func() error { return c.publisher.Publish(ctx, mqtt.ReceiptsTopic(m.device), m.payload) })
	}
	return g.Wait()
}

// receipts signs the batch's root, keeps the signature in the archive, and makes the messages.
func (c *Courier) receipts(b *spool.Batch) ([]message, error) {
	file, err := c.archive.Get(b.Number)
	if err != nil {
		return nil, err
	}
	tree := file.Tree()
	signed, err := c.signed(b, tree.Root())
	if err != nil {
		return nil, err
	}
	byDevice := map[name.Name][]receipt.Entry{}
	for i, e := range file.Entries {
		r, err := reading.Parse(e.Reading)
		if err != nil {
			return nil, fmt.Errorf("%w: reading %d: %w", errUnreceiptable, i, err)
		}
		path, err := tree.Inclusion(uint64(i))
		if err != nil {
			return nil, err
		}
		device := r.Claims().Device
		byDevice[device] = append(byDevice[device], receipt.Entry{
			Sequence: r.Claims().Sequence, Receipt: signed.Receipt(tree.Size(), uint64(i), path),
		})
	}
	return pack(byDevice)
}

// signed returns the stream's signature over the batch's root: the archive's, if an earlier run
// got that far, so that there is only ever one.
func (c *Courier) signed(b *spool.Batch, root merkle.Hash) (*receipt.Signed, error) {
	signed, err := c.archive.Receipt(b.Number)
	if err == nil || !errors.Is(err, archive.ErrNotFound) {
		return signed, err
	}
	claims, err := c.claims(b)
	if err != nil {
		return nil, err
	}
	if signed, err = receipt.Sign(c.signer, root, claims); err != nil {
		return nil, err
	}
	return signed, c.archive.PutReceipt(b.Number, signed)
}

func (c *Courier) claims(b *spool.Batch) (receipt.Claims, error) {
	a, err := record.ParseAnchor(b.Anchor)
	if err != nil {
		return receipt.Claims{}, fmt.Errorf("%w: %w", errUnreceiptable, err)
	}
	id, err := hex.DecodeString(b.Commit.TransactionID)
	if err != nil || len(id) != 32 {
		return receipt.Claims{}, fmt.Errorf("%w: transaction id %q is not 32 bytes in hexadecimal", errUnreceiptable, b.Commit.TransactionID)
	}
	hash, err := a.Hash()
	if err != nil {
		return receipt.Claims{}, fmt.Errorf("%w: %w", errUnreceiptable, err)
	}
	return receipt.Claims{
		Stream: a.Stream, Ledger: c.ledger, Number: b.Number, Anchor: hash,
		Transaction: [32]byte(id), LedgerTime: b.Commit.Time,
	}, nil
}
