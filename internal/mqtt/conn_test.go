// SPDX-License-Identifier: Apache-2.0

package mqtt_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/internal/mqtt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// script is a broker that answers as a test says. answer returns what to send, and false to drop
// the connection.
type script struct {
	listener net.Listener
	tasks    sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
	answer   func(p packets.ControlPacket) ([]packets.ControlPacket, bool)
}

func listen(t *testing.T, answer func(p packets.ControlPacket) ([]packets.ControlPacket, bool)) (*script, mqtt.Broker) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &script{listener: l, answer: answer}
	s.tasks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			s.tasks.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.tasks.Wait()
	})
	return s, mqtt.Broker{URL: "tcp://" + l.Addr().String()}
}

func (s *script) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		p, err := packets.ReadPacket(r)
		if err != nil {
			return
		}
		replies, keep := s.answer(p)
		for _, reply := range replies {
			if reply.Write(c) != nil {
				return
			}
		}
		if !keep {
			return
		}
	}
}

// polite answers CONNECT, SUBSCRIBE with the code and PUBLISH; PINGREQ and the rest with nothing.
func polite(p packets.ControlPacket, granted byte) []packets.ControlPacket {
	switch p := p.(type) {
	case *packets.ConnectPacket:
		return []packets.ControlPacket{packets.NewControlPacket(packets.Connack)}
	case *packets.SubscribePacket:
		ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
		ack.MessageID, ack.ReturnCodes = p.MessageID, []byte{granted}
		return []packets.ControlPacket{ack}
	case *packets.PublishPacket:
		ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
		ack.MessageID = p.MessageID
		return []packets.ControlPacket{ack}
	}
	return nil
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, b mqtt.Broker) *mqtt.Conn {
	t.Helper()
	c, err := mqtt.Dial(deadline(t), b, "me", func(paho.Message) {}, quiet)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestAPublishThatIsAcknowledgedSucceeds(t *testing.T) {
	_, b := listen(t, func(p packets.ControlPacket) ([]packets.ControlPacket, bool) { return polite(p, 1), true })
	c := dial(t, b)
	require.NoError(t, c.Publish("t", []byte("x"))(deadline(t)))
	require.NoError(t, c.Err())
	c.Close()
	require.ErrorIs(t, c.Err(), mqtt.ErrOffline)
	require.ErrorIs(t, c.Publish("t", []byte("x"))(deadline(t)), mqtt.ErrOffline)
}

func TestAPublishInFlightWhenTheConnectionIsLostIsAnErrorAndNeverASuccess(t *testing.T) {
	_, b := listen(t, func(p packets.ControlPacket) ([]packets.ControlPacket, bool) {
		_, publish := p.(*packets.PublishPacket)
		if publish {
			return nil, false // taken perhaps, never acknowledged
		}
		return polite(p, 1), true
	})
	c := dial(t, b)
	var waits []func(context.Context) error
	for range 20 {
		waits = append(waits, c.Publish("t", []byte("x")))
	}
	for _, acknowledged := range waits {
		require.ErrorIs(t, acknowledged(deadline(t)), mqtt.ErrOffline)
	}
	select {
	case <-c.Done():
	case <-time.After(patience):
		require.Fail(t, "the loss is not noticed")
	}
}

func TestAPublisherWhoGivesUpIsToldSo(t *testing.T) {
	_, b := listen(t, func(p packets.ControlPacket) ([]packets.ControlPacket, bool) {
		if _, publish := p.(*packets.PublishPacket); publish {
			return nil, true
		}
		return polite(p, 1), true
	})
	c := dial(t, b)
	why := errors.New("had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	acknowledged := c.Publish("t", []byte("x"))
	cancel(why)
	require.ErrorIs(t, acknowledged(ctx), why)
}

func TestASubscriptionThatIsNotGrantedWithQoS1IsRefused(t *testing.T) {
	for code, refused := range map[byte]bool{0: true, 1: false, 0x80: true} {
		_, b := listen(t, func(p packets.ControlPacket) ([]packets.ControlPacket, bool) { return polite(p, code), true })
		err := dial(t, b).Subscribe(deadline(t), "a/+/b")
		if !refused {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, mqtt.ErrRefused)
		require.ErrorContains(t, err, "a/+/b")
	}
}

func TestASubscriptionWhosePacketIDTheBrokerUsesItselfIsTriedWithAnother(t *testing.T) {
	var mu sync.Mutex
	var ids []uint16
	_, b := listen(t, func(p packets.ControlPacket) ([]packets.ControlPacket, bool) {
		mu.Lock()
		defer mu.Unlock()
		if s, ok := p.(*packets.SubscribePacket); ok {
			ids = append(ids, s.MessageID)
			if len(ids) < 3 {
				return polite(p, 0x91), true // as mochi answers
			}
		}
		return polite(p, 1), true
	})
	require.NoError(t, dial(t, b).Subscribe(deadline(t), "f"))
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []uint16{1, 2, 3}, ids)
}

func TestDialTriesAgainUntilTheBrokerTakesUsAndSaysWhyItWaits(t *testing.T) {
	var mu sync.Mutex
	refusals := 2
	_, b := listen(t, func(p packets.ControlPacket) ([]packets.ControlPacket, bool) {
		mu.Lock()
		defer mu.Unlock()
		if refusals--; refusals < 0 {
			return polite(p, 1), true
		}
		no := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
		no.ReturnCode = packets.ErrRefusedNotAuthorised
		return []packets.ControlPacket{no}, false
	})
	var log bytes.Buffer
	c, err := mqtt.Dial(deadline(t), b, "me", func(paho.Message) {}, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	c.Close()
	require.Contains(t, log.String(), "not Authorized")
}

func TestDialEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	require.NoError(t, err)
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			accepted <- c
			cancel()
		}
	}()
	_, err = mqtt.Dial(ctx, mqtt.Broker{URL: "tcp://" + l.Addr().String()}, "me", func(paho.Message) {}, quiet)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, (<-accepted).Close())
}

func TestDialDoesNotTryWhatCannotWork(t *testing.T) {
	_, err := mqtt.Dial(t.Context(), mqtt.Broker{URL: "http://x"}, "me", func(paho.Message) {}, quiet)
	require.ErrorIs(t, err, mqtt.ErrConfig)
}

func TestAPasswordIsNotPrinted(t *testing.T) {
	require.Equal(t, "tcp://me:xxxxx@h:1", mqtt.Broker{URL: "tcp://me:secret@h:1"}.Name())
	require.NotContains(t, mqtt.Broker{URL: "tcp://me:sec%ret@h:1"}.Name(), "sec")
}

func TestALineMakesPublishersWaitForAConnection(t *testing.T) {
	_, b := listen(t, func(p packets.ControlPacket) ([]packets.ControlPacket, bool) { return polite(p, 1), true })
	holder := mqtt.NewHolder()
	require.False(t, holder.Up())
	got := make(chan *mqtt.Conn, 1)
	go func() {
		c, _ := holder.Wait(t.Context())
		got <- c
	}()
	c := dial(t, b)
	holder.Set(c)
	require.Same(t, c, <-got)
	require.True(t, holder.Up())
	holder.Drop(dial(t, b))
	require.True(t, holder.Up(), "only the present one can be dropped")
	holder.Drop(c)
	holder.Drop(c)
	require.False(t, holder.Up())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := holder.Wait(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
