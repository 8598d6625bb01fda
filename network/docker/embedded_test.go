// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// findMosquitto looks where Debian puts it, which is on the PATH of root only.
func findMosquitto() (string, error) {
	if path, err := exec.LookPath("mosquitto"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/mosquitto")
}

// startMosquitto starts a broker with the configuration of the container, with only the port and
// the folder replaced, and returns its address.
func startMosquitto(t *testing.T) string {
	t.Helper()
	program, err := findMosquitto()
	if err != nil {
		t.Skip("SKIPPED, NOT TESTED: mosquitto is not installed, its configuration cannot be tried")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	dir := t.TempDir()
	config := strings.NewReplacer(
		"/mosquitto/data/", dir+"/",
		"\nlistener 1883\n", fmt.Sprintf("\nlistener %d 127.0.0.1\n", listener.Addr().(*net.TCPAddr).Port),
	).Replace(read(t, "network", "docker", "mosquitto.conf"))
	file := filepath.Join(dir, "mosquitto.conf")
	// Mosquitto gives up root for a user of its own, who has to read and write here.
	require.NoError(t, os.Chmod(dir, 0o777))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(config), 0o644))
	var said bytes.Buffer
	command := exec.CommandContext(t.Context(), program, "-c", file)
	command.Stdout, command.Stderr = &said, &said
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		require.NoError(t, command.Process.Kill())
		_ = command.Wait() // it was killed
		require.NotContains(t, said.String(), "Error")
		require.NotContains(t, said.String(), "recommended to replace")
	})
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", address)
		return err == nil && connection.Close() == nil
	}, 10*time.Second, 20*time.Millisecond)
	return address
}

func TestTheEmbeddedServiceRunsOnItsEnvironmentAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED: runs the embedded network for seconds, left out by -short")
	}
	address := startMosquitto(t)
	dir := t.TempDir()
	binary := filepath.Join(dir, "anchorline")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, root+"/cmd/anchorline").CombinedOutput()
	require.NoError(t, err, string(output))

	embedded := parse(t).Services["embedded"]
	command := exec.CommandContext(t.Context(), binary, append(embedded.Command, "--for", "2s")...)
	command.Dir = dir
	// As in the image: no PATH, no home, no folder for temporary files.
	command.Env = []string{"TMPDIR=/nonexistent"}
	for _, variable := range environment(embedded) {
		command.Env = append(command.Env, strings.NewReplacer(
			"mosquitto:1883", address, "=/data", "="+filepath.Join(dir, "data")).Replace(variable))
	}
	output, err = command.CombinedOutput()
	require.NoError(t, err, string(output))
	require.Contains(t, string(output), "anchored")
}
