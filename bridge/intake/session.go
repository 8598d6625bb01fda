// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"context"
	"fmt"
	"log/slog"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/anchorline/anchorline/internal/mqtt"
)

// A Session is the bridge's persistent MQTT session: it receives readings and publishes
// receipts, over one connection after another.
type Session struct {
	broker   mqtt.Broker
	clientID string
	logger   *slog.Logger
	line     *mqtt.Line
}

// NewSession describes a session; Intake.Run opens it. The client id MUST stay the same over
// restarts, and MUST be used by one bridge only.
func NewSession(b mqtt.Broker, clientID string, logger *slog.Logger) (*Session, error) {
	if _, err := b.Options(clientID); err != nil {
		return nil, err
	}
	return &Session{broker: b, clientID: clientID, logger: logger, line: mqtt.NewLine()}, nil
}

// Connected reports whether messages can flow.
func (s *Session) Connected() bool { return s.line.Up() }

// Publish sends a message with QoS 1 and returns when the broker acknowledged it, waiting for a
// connection first. An error means that it may or may not have arrived.
func (s *Session) Publish(ctx context.Context, topic string, payload []byte) error {
	conn, err := s.line.Wait(ctx)
	if err != nil {
		return err
	}
	if err := conn.Publish(topic, payload)(ctx); err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	return nil
}

// open connects and subscribes; handle is called for every message as mqtt.Dial says. What was
// not acknowledged before, the broker delivers again, some of it before open returns.
// Subscribing on every connection costs nothing and heals a broker that forgot.
func (s *Session) open(ctx context.Context, handle func(paho.Message)) (*mqtt.Conn, error) {
	conn, err := mqtt.Dial(ctx, s.broker, s.clientID, handle, s.logger)
	if err != nil {
		return nil, fmt.Errorf("intake: %w", err)
	}
	if err := conn.Subscribe(ctx, mqtt.ReadingsFilter); err != nil {
		conn.Close()
		return nil, fmt.Errorf("intake: %w", err)
	}
	s.line.Set(conn)
	s.logger.Info("receiving readings", "broker", s.broker.Name(), "filter", mqtt.ReadingsFilter)
	return conn, nil
}

// close ends a connection; what was not acknowledged stays with the broker.
func (s *Session) close(conn *mqtt.Conn) {
	s.line.Drop(conn)
	conn.Close()
}
