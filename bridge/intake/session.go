// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/anchorline/anchorline/internal/mqtt"
)

// A Session is the bridge's persistent MQTT session: it receives readings and publishes
// receipts over one connection.
type Session struct {
	broker   mqtt.Broker
	clientID string
	logger   *slog.Logger

	mu     sync.Mutex
	client paho.Client   // nil while closed
	opened chan struct{} // closed while client is set
}

// ErrOffline is returned for a publish while there is no connection to the broker.
var ErrOffline = errors.New("intake: not connected to the broker")

// NewSession describes a session; Intake.Run opens it. The client id MUST stay the same over
// restarts, and MUST be used by one bridge only.
func NewSession(b mqtt.Broker, clientID string, logger *slog.Logger) (*Session, error) {
	if _, err := b.Options(clientID); err != nil {
		return nil, err
	}
	return &Session{broker: b, clientID: clientID, logger: logger, opened: make(chan struct{})}, nil
}

// Connected reports whether messages can flow.
func (s *Session) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client != nil && s.client.IsConnectionOpen()
}

// publishTimeout bounds the wait for one PUBACK.
const publishTimeout = 30 * time.Second

// Publish sends a message with QoS 1 and returns when the broker acknowledged it. An error means
// that it may or may not have arrived.
func (s *Session) Publish(ctx context.Context, topic string, payload []byte) error {
	s.mu.Lock()
	client, opened := s.client, s.opened
	s.mu.Unlock()
	if client == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-opened:
			return s.Publish(ctx, topic, payload)
		}
	}
	tok := client.Publish(topic, 1, false, payload)
	select {
	case <-tok.Done():
		if tok.Error() != nil {
			return fmt.Errorf("intake: publish to %s: %w", topic, tok.Error())
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(publishTimeout):
		return fmt.Errorf("%w: no PUBACK for %s within %s", ErrOffline, topic, publishTimeout)
	}
}

// open connects and subscribes, and calls handle for every message, from one goroutine, in
// order. It calls fail when the session cannot go on. The function it returns tears the
// connection down; what was not acknowledged stays with the broker.
func (s *Session) open(ctx context.Context, handle func(paho.Message), fail func(error)) (func(), error) {
	o, err := s.broker.Options(s.clientID)
	if err != nil {
		return func() {}, err
	}
	subscribed := make(chan struct{}, 1)
	handler := func(_ paho.Client, m paho.Message) { handle(m) }
	// Messages of a resumed session arrive before Subscribe returns: the default handler takes
	// them. Subscribing again on every connect costs nothing and heals a broker that forgot.
	o.SetAutoAckDisabled(true).SetOrderMatters(true).SetDefaultPublishHandler(handler).
		SetConnectionLostHandler(func(_ paho.Client, err error) {
			s.logger.Warn("connection to the broker lost; connecting again", "broker", s.broker.URL, "error", err)
		}).
		SetOnConnectHandler(func(c paho.Client) {
			if err := subscribe(c, handler); err != nil {
				fail(err)
				return
			}
			select {
			case subscribed <- struct{}{}:
			default:
			}
		})
	client := paho.NewClient(o)
	stop := func() { s.close(client) }
	client.Connect()
	select {
	case <-subscribed:
	case <-ctx.Done():
		return stop, context.Cause(ctx)
	}
	s.mu.Lock()
	s.client = client
	close(s.opened)
	s.mu.Unlock()
	s.logger.Info("receiving readings", "broker", s.broker.URL, "filter", mqtt.ReadingsFilter)
	return stop, nil
}

func (s *Session) close(client paho.Client) {
	s.mu.Lock()
	if s.client == client {
		s.client, s.opened = nil, make(chan struct{})
	}
	s.mu.Unlock()
	client.Disconnect(0)
}

func subscribe(c paho.Client, handler paho.MessageHandler) error {
	tok := c.Subscribe(mqtt.ReadingsFilter, 1, handler)
	if !tok.WaitTimeout(publishTimeout) {
		return fmt.Errorf("intake: no SUBACK within %s", publishTimeout)
	}
	if err := tok.Error(); err != nil {
		return fmt.Errorf("intake: subscribe to %s: %w", mqtt.ReadingsFilter, err)
	}
	if code := tok.(*paho.SubscribeToken).Result()[mqtt.ReadingsFilter]; code > 2 {
		return fmt.Errorf("intake: the broker refused the subscription to %s (SUBACK %#x): allow it in the broker's ACL", mqtt.ReadingsFilter, code)
	}
	return nil
}
