// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/internal/mqtt"
)

func TestWhatStrangersWroteDoesNotSteerTheTerminal(t *testing.T) {
	var out strings.Builder
	require.NoError(t, showQuarantine(&out, []quarantine.Message{
		{ID: 7, Last: 1769860800000, Count: 2, Topic: "a\x1b[2Jb\tc\r\nd", Size: 3, Reason: "malformed", Detail: "\u009b31m°C"},
	}))
	require.Equal(t, unindent(`
		ID  LAST RECEIVED         COUNT  TOPIC        BYTES  REASON     DETAIL
		7   2026-01-31T12:00:00Z  2      a�[2Jb�c��d  3      malformed  �31m°C
		`), out.String())
	out.Reset()
	require.NoError(t, details(&out, field{"reason", "a\x07\nb"}, field{"empty", ""}))
	require.Equal(t, "reason  a��b\n", out.String())
}

func TestAListOfNothingSaysSo(t *testing.T) {
	var out strings.Builder
	require.NoError(t, showQuarantine(&out, nil))
	require.Equal(t, "no messages in quarantine\n", out.String())
}

func TestTheBridgesFlagsHaveTheDefaultsOfItsConfiguration(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Name("anchorline"))
	require.NoError(t, err)
	_, err = parser.Parse([]string{"bridge", "run", "--fabric", "f", "--broker", "tcp://b:1"})
	require.NoError(t, err)
	set, ok := parser.Model.Target.Interface().(cli)
	require.True(t, ok)
	want := bridge.Default()
	want.Dir, want.Stream, want.Broker = "anchorline-bridge", "bridge-1", mqtt.Broker{URL: "tcp://b:1"}
	require.Equal(t, want, set.Bridge.Run.config())
}
