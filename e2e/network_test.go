// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/fabric"
)

// fabricPorts is where the real network of this suite listens, away from those of others.
const fabricPorts = 23050

// fabricProfile is the connection profile of the real network; empty on the embedded one.
var fabricProfile string

// startFabric starts the real network and deploys our chaincode, when -fabric asks for it.
func startFabric(dir string) (stop func(), err error) {
	if !*onFabric {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n, err := fabric.Start(ctx, fabric.Config{Dir: filepath.Join(dir, "fabric"), BasePort: fabricPorts, Output: os.Stderr})
	if err != nil {
		return nil, err
	}
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := n.Purge(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "real network:", err)
		}
	}
	if err := n.Deploy(ctx, fabric.Deployment{}); err != nil {
		stop()
		return nil, err
	}
	if _, fabricProfile, err = n.Profile("Org1MSP", "User1", ""); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// A setting is a broker to run the suite on.
type setting struct {
	name   string
	broker func(t *testing.T) string // URL of an external broker, or empty
}

// settings are the embedded broker and mosquitto.
func settings() []setting {
	return []setting{
		{"embedded broker", func(*testing.T) string { return "" }},
		{"mosquitto", startMosquitto},
	}
}

// startMosquitto runs a mosquitto that keeps its sessions on disk and drops nothing.
func startMosquitto(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto" // where Debian puts it, outside a user's PATH
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("SKIPPED, NOT TESTED: mosquitto is not installed (apt-get install mosquitto)")
	}
	dir, addr := t.TempDir(), freeAddress(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	conf := filepath.Join(dir, "mosquitto.conf")
	template, err := os.ReadFile(filepath.Join("..", "network", "broker", "mosquitto.conf"))
	require.NoError(t, err)
	text := strings.NewReplacer("listener 1883", "listener "+port, "/var/lib/mosquitto/", dir+"/").Replace(string(template))
	require.NoError(t, os.WriteFile(conf, []byte(text+"\nuser root\n"), 0o600))
	cmd := exec.Command(program, "-c", conf)
	logs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	go func() {
		_, _ = io.Copy(io.Discard, logs) // or mosquitto would wait for a reader
	}()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, patience, 10*time.Millisecond, "mosquitto does not listen")
	return "tcp://" + addr
}

// upArgs are the arguments of `up` on the suite's network and the given broker.
func upArgs(t *testing.T, broker string, more ...string) []string {
	t.Helper()
	args := []string{"up", "--data", "data"}
	if broker == "" {
		args = append(args, "--listen", freeAddress(t))
	} else {
		args = append(args, "--broker", broker)
	}
	if fabricProfile != "" {
		args = append(args, "--fabric", fabricProfile)
	}
	return append(args, more...)
}

// profileOf is the connection profile for the commands beside `up`.
func profileOf() string {
	if fabricProfile != "" {
		return fabricProfile
	}
	return filepath.Join("data", "profile.json")
}
