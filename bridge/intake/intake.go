// SPDX-License-Identifier: Apache-2.0

// Package intake takes messages from an MQTT broker, has them judged and stored, and only then
// acknowledges them. It is the one place where MQTT is acknowledged.
//
// In come PUBLISH packets of QoS 1, out go items to the spool and PUBACKs to the broker. After a
// crash the broker delivers again whatever was not acknowledged; the spool knows it as duplicate.
// When the spool cannot write or the ledger cannot say who a device is, nothing is acknowledged:
// the session is torn down, the broker keeps the rest, and intake tries again.
package intake

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/bridge/verify"
)

// A Checker judges a message. An error means that it cannot be judged now.
type Checker interface {
	Check(ctx context.Context, topic string, payload []byte) (verify.Verdict, error)
}

// A Store keeps items. When Append returns nil they MUST be on stable storage.
type Store interface {
	Append(items []spool.Item) ([]spool.Outcome, error)
}

// An Observer is told the outcome of every message after it was acknowledged. It MUST NOT block.
type Observer func(item spool.Item, outcome spool.Outcome)

// Intake moves messages from a Session to a Store.
type Intake struct {
	checker Checker
	store   Store
	observe Observer
	now     func() time.Time
	logger  *slog.Logger
}

// New returns an intake. now is the bridge's clock.
func New(c Checker, s Store, observe Observer, now func() time.Time, logger *slog.Logger) *Intake {
	return &Intake{checker: c, store: s, observe: observe, now: now, logger: logger}
}

// window bounds the messages in memory between the socket and the spool. Brokers keep fewer in
// flight to one client unless told otherwise; when it is full the session is torn down.
const window = 8192

// maxCommit bounds the messages of one fsync.
const maxCommit = 2048

// A delivery is one message on its way; verdict is ready when judged is closed.
type delivery struct {
	message  paho.Message
	received int64
	judged   chan struct{}
	verdict  verify.Verdict
	err      error
}

// Run takes messages from the session until ctx ends. Messages that were stored before are
// acknowledged; the others stay with the broker.
func (in *Intake) Run(ctx context.Context, s *Session) error {
	for ctx.Err() == nil {
		if err := in.flow(ctx, s); err != nil && ctx.Err() == nil {
			in.logger.Warn("intake paused: nothing is lost, the broker keeps what comes", "error", err, "again_in", retryPause)
			wait(ctx, retryPause)
		}
	}
	return nil
}

// retryPause is how long intake rests after a fault before it connects again.
const retryPause = 2 * time.Second

// flow is one session: connected, messages in order through the workers to the spool, until ctx
// ends or something fails.
func (in *Intake) flow(ctx context.Context, s *Session) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan *delivery, window)
	work := make(chan *delivery, window)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() { in.judge(ctx, work) })
	}
	handle := func(m paho.Message) {
		d := &delivery{message: m, received: in.now().UnixMilli(), judged: make(chan struct{})}
		select {
		case queue <- d:
			work <- d // as large as queue, and emptied first
		default:
			cancel(fmt.Errorf("intake: %d messages wait for the spool", window))
		}
	}
	stop, err := s.open(ctx, handle, func(err error) { cancel(err) })
	if err == nil {
		err = in.keep(ctx, queue)
	}
	cancel(err)
	stop()
	workers.Wait()
	return context.Cause(ctx)
}

// judge has messages judged, several workers at a time.
func (in *Intake) judge(ctx context.Context, work <-chan *delivery) {
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-work:
			d.verdict, d.err = in.checker.Check(ctx, d.message.Topic(), d.message.Payload())
			close(d.judged)
		}
	}
}

// keep stores messages in the order in which they came, as many as are ready in one commit, and
// acknowledges them.
func (in *Intake) keep(ctx context.Context, queue <-chan *delivery) error {
	batch := make([]*delivery, 0, maxCommit)
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case d := <-queue:
			batch = append(batch, d)
		}
		for more := true; more && len(batch) < maxCommit; {
			select {
			case d := <-queue:
				batch = append(batch, d)
			default:
				more = false
			}
		}
		if err := in.commit(ctx, batch); err != nil {
			return err
		}
	}
}

func (in *Intake) commit(ctx context.Context, batch []*delivery) error {
	items := make([]spool.Item, len(batch))
	for i, d := range batch {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-d.judged:
		}
		if d.err != nil {
			return d.err
		}
		items[i] = spool.Item{
			Topic: d.message.Topic(), Payload: d.message.Payload(), Received: d.received,
			Reading: d.verdict.Reading, Reason: d.verdict.Reason, Detail: d.verdict.Detail,
		}
	}
	outcomes, err := in.store.Append(items)
	if err != nil {
		return err
	}
	for i, d := range batch {
		d.message.Ack()
		in.observe(items[i], outcomes[i])
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
