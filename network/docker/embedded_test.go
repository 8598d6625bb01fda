// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// programs builds the binary and the health check into a folder, as the image has them.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/", root+"/cmd/anchorline", root+"/chaincode", "./healthcheck").CombinedOutput()
	require.NoError(t, err, string(output))
	return dir
}

// check makes a service's health check as a container engine would, at the address that takes the
// place of its own.
func check(t *testing.T, dir string, s service, addresses *strings.Replacer) error {
	t.Helper()
	require.NotNil(t, s.Healthcheck)
	test := s.Healthcheck.Test
	require.Equal(t, "CMD", test[0])
	args := make([]string, len(test)-2)
	for i, arg := range test[2:] {
		args[i] = addresses.Replace(arg)
	}
	output, err := exec.CommandContext(t.Context(), filepath.Join(dir, test[1]), args...).CombinedOutput()
	if err != nil {
		return errors.Join(err, errors.New(string(output)))
	}
	return nil
}

// run starts a service's program with its environment and nothing else: as in the image there is no
// PATH, no home and no folder for temporary files.
func run(t *testing.T, dir string, s service, addresses *strings.Replacer) *process {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(dir, "anchorline"), s.Command...)
	command.Dir = t.TempDir()
	command.Env = []string{"TMPDIR=/nonexistent"}
	for _, variable := range environment(s) {
		command.Env = append(command.Env, addresses.Replace(variable))
	}
	return start(t, command)
}

func TestTheEmbeddedServiceRunsOnItsEnvironmentAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED: runs the embedded network for seconds, left out by -short")
	}
	mosquitto, dir := startMosquitto(t, "docker"), programs(t)
	api, ops := freeAddress(t), freeAddress(t)
	addresses := strings.NewReplacer("mosquitto:1883", mosquitto.address, "=/data", "="+filepath.Join(t.TempDir(), "data"),
		"0.0.0.0:8080", api, "0.0.0.0:9101", ops, "127.0.0.1:9101", ops)
	s := parse(t).Services["embedded"]
	p := run(t, dir, s, addresses)
	p.until("msg=anchored")
	p.healthy(func() error { return check(t, dir, s, addresses) })
	require.Contains(t, fetch(t, "http://"+api+"/v1/streams"), `"id":"bridge-1"`)
	require.Contains(t, fetch(t, "http://"+ops+"/metrics"), "anchorline_bridge_connected 1")
	require.NoError(t, p.interrupt(), "a stop is no fault")
}

func TestTheChaincodeServesOnItsEnvironmentAlone(t *testing.T) {
	dir, address := programs(t), freeAddress(t)
	s := parse(t).Services["chaincode"]
	s.Environment["CHAINCODE_ID"] = "anchorline_1.0:" + strings.Repeat("0", 64)
	addresses := strings.NewReplacer("0.0.0.0:9999", address, "127.0.0.1:9999", address)
	check := func() error { return check(t, dir, s, addresses) }
	require.Error(t, check(), "nothing runs yet")
	command := exec.CommandContext(t.Context(), filepath.Join(dir, "chaincode"))
	for _, variable := range environment(s) {
		command.Env = append(command.Env, addresses.Replace(variable))
	}
	p := start(t, command)
	p.healthy(check)
	require.Error(t, p.interrupt(), "it keeps nothing: a signal just ends it")
	require.Error(t, check())
}

func TestTheServicesOnFabricRunOnTheirEnvironmentAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED: runs a network for seconds, left out by -short")
	}
	dir, data := programs(t), t.TempDir()
	anchorline := filepath.Join(dir, "anchorline")
	network := start(t, exec.CommandContext(t.Context(), anchorline, "network", "devnet", "--data", data, "--listen", "127.0.0.1:0"))
	network.until("Ctrl-C to stop")
	profile := func(user string) string { return filepath.Join(data, "profile-Org1MSP-"+user+".json") }
	output, err := exec.CommandContext(t.Context(), anchorline, "role", "grant", "bridge", "--unit", "client", "--profile", profile("Admin")).CombinedOutput()
	require.NoError(t, err, string(output))

	mosquitto := startMosquitto(t, "docker")
	api, ops := freeAddress(t), freeAddress(t)
	addresses := strings.NewReplacer("mosquitto:1883", mosquitto.address, "/profile/profile.json", profile("User1"),
		"=/data", "="+filepath.Join(t.TempDir(), "data"),
		"0.0.0.0:8080", api, "127.0.0.1:8080", api, "0.0.0.0:9101", ops, "127.0.0.1:9101", ops)
	services := parse(t).Services
	bridge, view := run(t, dir, services["bridge"], addresses), run(t, dir, services["api"], addresses)
	bridgeCheck := func() error { return check(t, dir, services["bridge"], addresses) }
	bridge.healthy(bridgeCheck)
	view.healthy(func() error { return check(t, dir, services["api"], addresses) })
	require.Contains(t, fetch(t, "http://"+api+"/v1/streams"), `"id":"bridge-1"`)

	mosquitto.stop()
	bridge.unhealthy(bridgeCheck, `"name":"broker","ok":false`)
	require.NoError(t, network.interrupt())
	bridge.unhealthy(bridgeCheck, `"name":"ledger","ok":false`)
	view.unhealthy(func() error { return check(t, dir, services["api"], addresses) }, `"name":"ledger","ok":false`)
	require.NoError(t, bridge.interrupt())
	require.NoError(t, view.interrupt())
}

// fetch returns what an address answers with 200.
func fetch(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, errors.Join(err, response.Body.Close()))
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
	return string(body)
}

func TestTheNativeMosquittoConfigurationStarts(t *testing.T) {
	startMosquitto(t, "broker")
}
