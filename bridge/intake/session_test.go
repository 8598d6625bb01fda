// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"context"
	"log/slog"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/intake"
	"github.com/anchorline/anchorline/internal/mqtt"
)

func TestWhatTheBridgePublishesArrives(t *testing.T) {
	onEach(t, func(t *testing.T, s *service) {
		d := newDevice(t, s)
		got := make(chan string, 1)
		d.done(d.c.Subscribe(mqtt.ReceiptsTopic(pump), 1, func(_ paho.Client, m paho.Message) { got <- string(m.Payload()) }))
		r := run(t, s, checker(good), &store{})
		require.NoError(t, r.session.Publish(t.Context(), mqtt.ReceiptsTopic(pump), []byte("receipt")), "it waits for the connection")
		require.Equal(t, "receipt", <-got)
		r.stop()
	})
}

func TestPublishWaitsNoLongerThanItsContext(t *testing.T) {
	session, err := intake.NewSession(mqtt.Broker{URL: "tcp://" + freeAddress(t)}, clientID, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- session.Publish(ctx, "t", nil) }()
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
}

func TestASessionOfABrokerThatCannotBeIsRefused(t *testing.T) {
	_, err := intake.NewSession(mqtt.Broker{URL: "http://x"}, clientID, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, mqtt.ErrConfig)
}
