// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/spool"
)

func TestWhatStrangersWroteDoesNotSteerTheTerminal(t *testing.T) {
	var out strings.Builder
	require.NoError(t, showQuarantine(&out, []spool.QuarantinedMessage{
		{Received: 1769860800000, Topic: "a\x1b[2Jb\tc\r\nd", Size: 3, Reason: "malformed", Detail: "\u009b31m°C"},
	}))
	require.Equal(t, unindent(`
		RECEIVED              TOPIC        BYTES  REASON     DETAIL
		2026-01-31T12:00:00Z  a�[2Jb�c��d  3      malformed  �31m°C
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
