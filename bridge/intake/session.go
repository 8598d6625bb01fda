// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"context"
	"fmt"
	"log/slog"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/anchorline/anchorline/internal/mqtt"
)

// A Session is the bridge's persistent MQTT session, which receives readings, and beside it a
// connection that publishes receipts. There are two because mochi (v2.7.9) takes a PUBLISH of ours
// for the acknowledgement of a message to us that happens to have the same packet id.
type Session struct {
	broker   mqtt.Broker
	clientID string
	logger   *slog.Logger
	current  *mqtt.Holder
}

// NewSession describes a session; Intake.Run opens it. The client id MUST stay the same over
// restarts, and MUST be used by one bridge only.
func NewSession(b mqtt.Broker, clientID string, logger *slog.Logger) (*Session, error) {
	if _, err := b.Options(clientID); err != nil {
		return nil, err
	}
	return &Session{broker: b, clientID: clientID, logger: logger, current: mqtt.NewHolder()}, nil
}

// Connected reports whether messages can flow.
func (s *Session) Connected() bool { return s.current.Up() }

// Publish sends a message with QoS 1 and returns when the broker acknowledged it, waiting for a
// connection first. An error means that it may or may not have arrived.
func (s *Session) Publish(ctx context.Context, topic string, payload []byte) error {
	conn, err := s.current.Wait(ctx)
	if err != nil {
		return err
	}
	if err := conn.Publish(topic, payload)(ctx); err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	return nil
}

// A link is the two connections; either of them ends both.
type link struct{ in, out *mqtt.Conn }

// PublisherSuffix is added to the client id of the session for the connection that publishes.
const PublisherSuffix = "-receipts"

// dial connects; handle is called for every message as mqtt.Dial says. What was not acknowledged
// before, the broker delivers again at once.
func (s *Session) dial(ctx context.Context, handle func(paho.Message)) (*link, error) {
	out, err := mqtt.Dial(ctx, s.broker, s.clientID+PublisherSuffix, nil, s.logger)
	if err != nil {
		return nil, fmt.Errorf("intake: %w", err)
	}
	in, err := mqtt.Dial(ctx, s.broker, s.clientID, handle, s.logger)
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("intake: %w", err)
	}
	return &link{in: in, out: out}, nil
}

// subscribe asks for the readings, and opens the way for publishers. Subscribing on every
// connection costs nothing and heals a broker that forgot.
func (s *Session) subscribe(ctx context.Context, l *link) error {
	if err := l.in.Subscribe(ctx, mqtt.ReadingsFilter); err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	s.current.Set(l.out)
	s.logger.Info("receiving readings", "broker", s.broker.Name(), "filter", mqtt.ReadingsFilter)
	return nil
}

// close ends a link; what was not acknowledged stays with the broker.
func (s *Session) close(l *link) {
	s.current.Drop(l.out)
	l.in.Close()
	l.out.Close()
}
