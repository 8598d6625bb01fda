// SPDX-License-Identifier: Apache-2.0

package mqtt_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading/name"
)

func TestDeviceOfReadingsIsTheInverseOfReadingsTopic(t *testing.T) {
	for _, device := range []name.Name{name.New("Org1MSP", "pump-7"), name.New("a.b_c-d", "devices:readings"), name.New("devices", "devices")} {
		got, ok := mqtt.DeviceOfReadings(mqtt.ReadingsTopic(device))
		require.True(t, ok, device)
		require.Equal(t, device, got)
	}
	require.Equal(t, "anchorline/v1/Org1MSP/devices/pump-7/readings", mqtt.ReadingsTopic(name.New("Org1MSP", "pump-7")))
	require.Equal(t, "anchorline/v1/Org1MSP/devices/pump-7/receipts", mqtt.ReceiptsTopic(name.New("Org1MSP", "pump-7")))
	good := mqtt.ReadingsTopic(name.New("o", "a"))
	for _, topic := range []string{
		"", "pump-7", "Org1MSP/pump-7", mqtt.ReceiptsTopic(name.New("o", "a")), "x/" + good, good + "/",
		mqtt.ReadingsTopic(name.New("o", "")), mqtt.ReadingsTopic(name.New("", "a")), mqtt.ReadingsTopic(name.New("o", "a/b")),
		mqtt.ReadingsTopic(name.New("o/p", "a")), mqtt.ReadingsTopic(name.New("+", "a")), mqtt.ReadingsTopic(name.New("o", "#")),
		"anchorline/v1/devices/a/readings", "anchorline/v1/o/devices/a", "anchorline/v2/o/devices/a/readings",
	} {
		_, ok := mqtt.DeviceOfReadings(topic)
		require.False(t, ok, topic)
	}
}

// Owner and id are one level each, so the filter of all devices, and that of one owner's, take
// readings in only.
func TestTheFilterMatchesReadingsOfEveryOwner(t *testing.T) {
	filter := strings.Split(mqtt.ReadingsFilter, "/")
	topic := strings.Split(mqtt.ReadingsTopic(name.New("Org1MSP", "pump-7")), "/")
	require.Len(t, topic, len(filter))
	for i, level := range filter {
		if level != "+" {
			require.Equal(t, level, topic[i])
		}
	}
}

func TestOptionsRefusesWhatCannotWorkAndSaysWhy(t *testing.T) {
	for title, c := range map[string]struct {
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
		require.ErrorIs(t, err, mqtt.ErrConfig, title)
		require.ErrorContains(t, err, c.want, title)
	}
}
