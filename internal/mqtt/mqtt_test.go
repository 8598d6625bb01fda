// SPDX-License-Identifier: Apache-2.0

package mqtt_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/internal/mqtt"
)

func TestDeviceOfReadingsIsTheInverseOfReadingsTopic(t *testing.T) {
	id, ok := mqtt.DeviceOfReadings(mqtt.ReadingsTopic("pump-7"))
	require.True(t, ok)
	require.Equal(t, "pump-7", id)
	for _, topic := range []string{
		"", "pump-7", mqtt.ReceiptsTopic("pump-7"), mqtt.ReadingsTopic(""), mqtt.ReadingsTopic("a/b"),
		"x/" + mqtt.ReadingsTopic("a"), mqtt.ReadingsTopic("a") + "/",
	} {
		_, ok := mqtt.DeviceOfReadings(topic)
		require.False(t, ok, topic)
	}
}

func TestOptionsRefusesWhatCannotWorkAndSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		broker mqtt.Broker
		want   string
	}{
		"empty":         {mqtt.Broker{}, "want for example tcp://"},
		"no scheme":     {mqtt.Broker{URL: "localhost:1883"}, "want for example tcp://"},
		"wrong scheme":  {mqtt.Broker{URL: "http://localhost:1883"}, "scheme must be"},
		"missing CA":    {mqtt.Broker{URL: "ssl://localhost:8883", CA: "nowhere.pem"}, "nowhere.pem"},
		"cert, no key":  {mqtt.Broker{URL: "ssl://localhost:8883", Cert: "c.pem"}, "go together"},
		"control chars": {mqtt.Broker{URL: "tcp://\x00"}, "want for example tcp://"},
	} {
		_, err := c.broker.Options("id")
		require.ErrorIs(t, err, mqtt.ErrConfig, name)
		require.ErrorContains(t, err, c.want, name)
	}
}
