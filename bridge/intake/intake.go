// SPDX-License-Identifier: Apache-2.0

// Package intake takes messages from an MQTT broker, has them judged and stored, and only then
// acknowledges them. It is the one place where MQTT is acknowledged.
//
// In come PUBLISH packets of QoS 1, out go items to the spool and PUBACKs to the broker. After a
// crash the broker delivers again whatever was not acknowledged; the spool knows it as duplicate.
// When the spool cannot write or the ledger cannot say who a device is, nothing is acknowledged:
// the session is torn down, the broker keeps the rest, and intake tries again. When messages come faster
// than they can be kept, the connection is read more slowly: what waits in memory is bounded in bytes.
package intake

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/sync/semaphore"

	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/bridge/verify"
	"github.com/anchorline/anchorline/internal/mqtt"
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

// window bounds the messages in memory between the socket and the spool. MQTT numbers what is in
// flight with 16 bits, so a broker's QoS 1 alone never fills it.
const window = 1 << 16

// maxWaiting bounds their bytes: 512 of the largest readings, a hundred thousand usual ones. When either is
// exceeded the connection is not read until some are stored.
const maxWaiting = 32 << 20

// ReasonRetained refuses a message that the broker keeps for subscribers to come. A reading is never one: it
// would come again with every connection.
const ReasonRetained = "retained"

// maxCommit bounds the messages of one fsync.
const maxCommit = 2048

// workers judge at a time: more than there are cores, because some wait for the ledger's word on
// a device while the others' messages can go on.
const workers = 32

// A delivery is one message on its way; verdict is ready when judged is closed.
type delivery struct {
	message  paho.Message
	received int64
	judged   chan struct{}
	verdict  verify.Verdict
	err      error
}

// How long intake rests after a fault before it connects again: longer each time, until a
// message could be stored.
const (
	minPause = 250 * time.Millisecond
	maxPause = 15 * time.Second
)

// A connection that is lost so soon, so many times in a row, is probably taken by another bridge that runs
// with the same stream id: a broker has one session for one client id.
const (
	takenWithin = 20 * time.Second
	takenOften  = 4
)

// Run takes messages from the session until ctx ends. Messages that were stored before are
// acknowledged; the others stay with the broker.
func (in *Intake) Run(ctx context.Context, s *Session) error {
	pause, taken := minPause, 0
	for ctx.Err() == nil {
		f, began := in.newFlow(ctx), in.now()
		err := f.run(s)
		if ctx.Err() != nil {
			break
		}
		if taken++; !errors.Is(err, mqtt.ErrOffline) || in.now().Sub(began) > takenWithin {
			taken = 0
		}
		if taken == takenOften {
			in.logger.Error("the connection is lost again and again soon after it was made: if another bridge runs with the same stream, "+
				"the two take the broker's session from each other: stop one of them", "client", s.clientID)
		}
		if f.stored {
			pause = minPause
		}
		in.logger.Warn("intake paused: nothing is lost, the broker keeps what comes", "error", err, "again_in", pause)
		wait(ctx, pause)
		pause = min(2*pause, maxPause)
	}
	return nil
}

// A flow is one connection: messages in order through the workers to the store, until ctx ends or
// something fails.
type flow struct {
	*Intake
	ctx     context.Context
	cancel  context.CancelCauseFunc
	queue   chan *delivery
	work    chan *delivery
	waiting *semaphore.Weighted // bytes
	stored  bool                // something was
}

func (in *Intake) newFlow(ctx context.Context) *flow {
	f := &flow{
		Intake: in,
		queue:  make(chan *delivery, window),
		// What is not judged is in queue, in the batch of keep or about to be in queue, so sending to work
		// never blocks.
		work:    make(chan *delivery, window+maxCommit+1),
		waiting: semaphore.NewWeighted(maxWaiting),
	}
	f.ctx, f.cancel = context.WithCancelCause(ctx)
	return f
}

// farewell is how long a flow that ends may take to store and acknowledge what it has in hand.
const farewell = 2 * time.Second

func (f *flow) run(s *Session) error {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer f.cancel(nil)
	for range workers {
		tasks.Go(f.judge)
	}
	l, err := s.dial(f.ctx, f.take)
	if err != nil {
		return err
	}
	kept := make(chan struct{})
	tasks.Go(func() { f.watch(s, l, kept) })
	tasks.Go(func() {
		// At the same time messages of the resumed session are stored and acknowledged.
		if err := s.subscribe(f.ctx, l); err != nil {
			f.cancel(err)
		}
	})
	f.cancel(f.keep())
	close(kept)
	return context.Cause(f.ctx)
}

// watch ends the flow when a connection is lost, and closes them when the flow has ended. A broker
// that hangs may hold an acknowledgement, and with it the flow: closing the connection frees it.
func (f *flow) watch(s *Session, l *link, kept <-chan struct{}) {
	select {
	case <-f.ctx.Done():
	case <-l.in.Done():
		f.cancel(l.in.Err())
	case <-l.out.Done():
		f.cancel(l.out.Err())
	}
	timer := time.NewTimer(farewell)
	defer timer.Stop()
	select {
	case <-kept:
	case <-timer.C:
	}
	s.close(l)
}

// weight is what a message counts of maxWaiting. What is larger than all of it waits for all of it.
func weight(m paho.Message) int64 { return min(int64(len(m.Payload())), maxWaiting) }

// take hands a message on. While there is no room it blocks the connection, so that the broker waits, until
// the flow ends.
func (f *flow) take(m paho.Message) {
	d := &delivery{message: m, received: f.now().UnixMilli(), judged: make(chan struct{})}
	if f.waiting.Acquire(f.ctx, weight(m)) != nil {
		return
	}
	if m.Retained() {
		d.verdict = verify.Verdict{Reason: ReasonRetained, Detail: "the broker keeps this message for subscribers to come: " +
			"readings are published without the retain flag; delete it at the broker"}
		close(d.judged)
	} else {
		f.work <- d
	}
	select {
	case f.queue <- d:
	case <-f.ctx.Done():
	}
}

// judge has messages judged, several workers at a time.
func (f *flow) judge() {
	for {
		select {
		case <-f.ctx.Done():
			return
		case d := <-f.work:
			d.verdict, d.err = f.checker.Check(f.ctx, d.message.Topic(), d.message.Payload())
			close(d.judged)
		}
	}
}

// keep stores messages in the order in which they came, as many as are there in one commit, and
// acknowledges them.
func (f *flow) keep() error {
	batch := make([]*delivery, 0, maxCommit)
	for {
		batch = batch[:0]
		select {
		case <-f.ctx.Done():
			return context.Cause(f.ctx)
		case d := <-f.queue:
			batch = append(batch, d)
		}
		for more := true; more && len(batch) < maxCommit; {
			select {
			case d := <-f.queue:
				batch = append(batch, d)
			default:
				more = false
			}
		}
		if err := f.commit(batch); err != nil {
			return err
		}
	}
}

// commit stores and acknowledges a batch. What came before a message that cannot be judged now is
// stored all the same: else one device that the ledger cannot answer for would hold up the rest.
func (f *flow) commit(batch []*delivery) error {
	items, failed := f.await(batch)
	if len(items) == 0 {
		return failed
	}
	outcomes, err := f.store.Append(items)
	if err != nil {
		return err
	}
	f.stored = true
	for i, d := range batch[:len(items)] {
		d.message.Ack()
		f.waiting.Release(weight(d.message))
		f.observe(items[i], outcomes[i])
	}
	return failed
}

// await returns the messages of the batch up to the first that cannot be judged.
func (f *flow) await(batch []*delivery) ([]spool.Item, error) {
	items := make([]spool.Item, 0, len(batch))
	for _, d := range batch {
		select {
		case <-f.ctx.Done():
			return items, context.Cause(f.ctx)
		case <-d.judged:
		}
		if d.err != nil {
			return items, d.err
		}
		items = append(items, spool.Item{
			Topic: d.message.Topic(), Payload: d.message.Payload(), Received: d.received,
			Reading: d.verdict.Reading, Reason: d.verdict.Reason, Detail: d.verdict.Detail,
		})
	}
	return items, nil
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
