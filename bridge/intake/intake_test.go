// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/intake"
	"github.com/anchorline/anchorline/bridge/verify"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading/name"
)

func TestAMessageIsAcknowledgedOnlyAfterItWasStored(t *testing.T) {
	onEach(t, func(t *testing.T, s *service) {
		t.Helper()
		st := &store{}
		disk := errors.New("the process dies before the fsync")
		gate := make(chan struct{})
		st.set(func() error { <-gate; return disk })
		r := connected(t, s, checker(good), st)
		newDevice(t, s).publish("one")
		require.Eventually(t, func() bool { return st.asked() > 0 }, patience, tick)
		close(gate)
		r.stop()
		require.Empty(t, st.all())

		st.set(nil)
		r = run(t, s, checker(good), st)
		st.await(t, "one") // it was not acknowledged, so it came again
		r.stop()
	})
}

func TestAMessageThatWasStoredDoesNotComeAgain(t *testing.T) {
	onEach(t, func(t *testing.T, s *service) {
		t.Helper()
		st := &store{}
		r := connected(t, s, checker(func(p string) (verify.Verdict, error) {
			if p == "garbage" {
				return verify.Verdict{Reason: verify.ReasonMalformed}, nil
			}
			return verify.Verdict{}, nil
		}), st)
		d := newDevice(t, s)
		d.publish("one", "garbage")
		st.await(t, "garbage")
		r.stop()
		r = connected(t, s, checker(good), st)
		d.publish("two")
		st.await(t, "two")
		r.stop()
		require.Equal(t, []string{"one", "garbage", "two"}, st.all())
	})
}

func TestAStoreThatFailsIsTriedAgainAndNothingIsLost(t *testing.T) {
	onEach(t, func(t *testing.T, s *service) {
		t.Helper()
		st := &store{}
		var failures atomic.Int64
		st.set(func() error {
			if failures.Add(1) <= 3 {
				return errors.New("no space left on device")
			}
			return nil
		})
		r := connected(t, s, checker(good), st)
		d := newDevice(t, s)
		d.publish("one", "two", "three")
		st.await(t, "three")
		// mochi sends again in no order, so only that all are there is required.
		require.Eventually(t, func() bool { return len(st.all()) == 3 }, patience, tick)
		require.ElementsMatch(t, []string{"one", "two", "three"}, st.all())
		require.Contains(t, r.log.String(), "no space left on device")
		r.stop()
	})
}

func TestMessagesAreStoredInTheOrderInWhichTheyCame(t *testing.T) {
	onEach(t, func(t *testing.T, s *service) {
		t.Helper()
		st := &store{}
		r := connected(t, s, checker(func(string) (verify.Verdict, error) {
			for range rand.IntN(50) {
				runtime.Gosched() // some take longer than others
			}
			return verify.Verdict{}, nil
		}), st)
		var want []string
		for i := range 1000 {
			want = append(want, fmt.Sprint(i))
		}
		newDevice(t, s).publish(want...)
		st.await(t, "999")
		require.Equal(t, want, st.all())
		r.stop()
	})
}

func TestWhileTheLedgerIsAwayNothingIsAcknowledgedOrRefused(t *testing.T) {
	onEach(t, func(t *testing.T, s *service) {
		t.Helper()
		st := &store{}
		var away atomic.Bool
		away.Store(true)
		r := connected(t, s, checker(func(p string) (verify.Verdict, error) {
			if p == "new" && away.Load() {
				return verify.Verdict{}, errLedger
			}
			return verify.Verdict{}, nil
		}), st)
		d := newDevice(t, s)
		d.publish("known", "new", "later")
		require.Eventually(t, func() bool { return strings.Contains(r.log.String(), errLedger.Error()) }, patience, tick)
		st.await(t, "known") // what came before is not held up
		require.NotContains(t, st.all(), "new")
		away.Store(false)
		st.await(t, "new")
		st.await(t, "later")
		r.stop()
	})
}

func TestABrokerThatRestartsIsFoundAgain(t *testing.T) {
	onEach(t, func(t *testing.T, s *service) {
		t.Helper()
		st := &store{}
		r := connected(t, s, checker(good), st)
		newDevice(t, s).publish("one")
		st.await(t, "one")
		s.stop()
		require.Eventually(t, func() bool { return !r.session.Connected() }, patience, tick)
		s.start()
		require.Eventually(t, r.session.Connected, patience, tick)
		newDevice(t, s).publish("two")
		st.await(t, "two")
		r.stop()
	})
}

func TestAFloodWaitsAtTheConnectionAndMemoryIsBounded(t *testing.T) {
	test := func(t *testing.T, s *service) {
		t.Helper()
		st := &store{}
		gate := make(chan struct{})
		st.set(func() error { <-gate; return nil })
		var judged atomic.Int64 // bytes
		r := connected(t, s, checker(func(p string) (verify.Verdict, error) {
			judged.Add(int64(len(p)))
			return verify.Verdict{}, nil
		}), st)
		d := newDevice(t, s)
		filler := strings.Repeat("x", 1_000_000)
		const n = 60
		var tokens []paho.Token // the embedded broker lets devices wait, too, while nothing is read from it
		for i := range n {
			tokens = append(tokens, d.c.Publish(mqtt.ReadingsTopic(pump), 1, false, fmt.Sprintf("%03d%s", i, filler)))
		}
		require.Eventually(t, func() bool { return judged.Load() > 30<<20 }, patience, tick)
		require.True(t, r.session.Connected(), "the session stays")
		require.LessOrEqual(t, judged.Load(), int64(34<<20), "more is in memory than may wait")
		close(gate)
		for _, tok := range tokens {
			d.done(tok)
		}
		require.Eventually(t, func() bool {
			seen := map[string]bool{}
			for _, p := range st.all() {
				seen[p[:3]] = true
			}
			return len(seen) == n
		}, patience, tick)
		require.Len(t, st.all(), n, "none came twice: the session was never torn down")
		require.NotContains(t, r.log.String(), "paused")
		r.stop()
	}
	t.Run("embedded", func(t *testing.T) { test(t, embedded(t)) })
	t.Run("mosquitto", func(t *testing.T) { test(t, mosquitto(t, "max_inflight_messages 2000")) })
}

// Somebody left 2,000 large messages behind with the retain flag: every connection gets them all.
func TestRetainedMessagesAreRefusedAndStopNobody(t *testing.T) {
	s := mosquitto(t, "max_inflight_messages 2000") // the embedded broker retains no readings
	d := newDevice(t, s)
	filler := strings.Repeat("r", 60_000)
	const n = 2000
	var tokens []paho.Token
	for i := range n {
		topic := mqtt.ReadingsTopic(name.New("Org1MSP", fmt.Sprint("left-behind-", i)))
		tokens = append(tokens, d.c.Publish(topic, 1, true, fmt.Sprint(i, filler)))
	}
	for _, tok := range tokens {
		d.done(tok)
	}
	st := &store{}
	r := connected(t, s, checker(good), st)
	began := time.Now()
	for i := range 200 {
		d.publish(fmt.Sprint("honest ", i))
	}
	st.await(t, "honest 199")
	require.Less(t, time.Since(began), patience/2)
	require.Eventually(t, func() bool { return st.refused(intake.ReasonRetained) == n }, patience, tick, "each is acknowledged and counted")
	require.NotContains(t, r.log.String(), "paused")
	require.True(t, r.session.Connected())
	r.stop()
}

func TestTwoBridgesWithOneStreamAreReported(t *testing.T) {
	onEach(t, func(t *testing.T, s *service) {
		t.Helper()
		one := connected(t, s, checker(good), &store{})
		other := run(t, s, checker(good), &store{})
		require.Eventually(t, func() bool {
			return strings.Contains(one.log.String()+other.log.String(), "another bridge runs with the same stream")
		}, patience, tick)
		one.stop()
		other.stop()
	})
}

func TestARefusedSubscriptionIsReported(t *testing.T) {
	// mosquitto grants whatever is asked and then delivers nothing, so a broker is played here.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go refuseSubscriptions(c)
		}
	}()
	r := run(t, &service{url: "tcp://" + l.Addr().String()}, checker(good), &store{})
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "subscription refused") }, patience, tick)
	require.Contains(t, r.log.String(), mqtt.ReadingsFilter)
	require.False(t, r.session.Connected())
	r.stop()
}

func refuseSubscriptions(c net.Conn) {
	defer c.Close()
	for {
		p, err := packets.ReadPacket(c)
		if err != nil {
			return
		}
		var reply packets.ControlPacket
		switch p := p.(type) {
		case *packets.ConnectPacket:
			reply = packets.NewControlPacket(packets.Connack)
		case *packets.SubscribePacket:
			ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			ack.MessageID, ack.ReturnCodes = p.MessageID, []byte{0x80}
			reply = ack
		default:
			return
		}
		if reply.Write(c) != nil {
			return
		}
	}
}

func TestABrokerThatIsNotThereIsReported(t *testing.T) {
	s := &service{url: "tcp://" + freeAddress(t)}
	r := run(t, s, checker(good), &store{})
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "no connection to the broker") }, patience, tick)
	r.stop()
}
