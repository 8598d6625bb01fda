// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAServiceThatListensIsWell(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "tcp://" + listener.Addr().String()
	require.NoError(t, run(t.Context(), []string{address}))

	require.NoError(t, listener.Close())
	require.Error(t, run(t.Context(), []string{address}))
}

func TestOnlyStatus200IsWell(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/well" {
			http.Error(w, "stalled", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	require.NoError(t, run(t.Context(), []string{server.URL + "/well"}))
	require.ErrorContains(t, run(t.Context(), []string{server.URL + "/stalled"}), "503 Service Unavailable: stalled")
}

func TestAnythingElseIsRefused(t *testing.T) {
	for _, args := range [][]string{nil, {""}, {"127.0.0.1:9999"}, {"https://127.0.0.1"}, {"tcp://a", "tcp://b"}} {
		require.Error(t, run(t.Context(), args), strings.Join(args, " "))
	}
}
