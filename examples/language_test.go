// SPDX-License-Identifier: Apache-2.0

package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// A language is one example. Its command returns how to call the device program, or skips the test and
// says what is missing.
type language struct {
	name    string
	command func(t *testing.T) []string
}

func languages() []language {
	return []language{{"node", nodeDevice}, {"python", pythonDevice}, {"c", cDevice}, {"shell", shellDevice}}
}

func example(t *testing.T, path ...string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(path...))
	require.NoError(t, err)
	return file
}

// needs skips the test unless a program is installed.
func needs(t *testing.T, program, howTo string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: %s is not installed (%s)", program, howTo)
	}
}

func nodeDevice(t *testing.T) []string {
	t.Helper()
	needs(t, "node", "install Node.js 20 or later")
	if _, err := os.Stat(filepath.Join("node", "node_modules", "mqtt")); err != nil {
		t.Skip("SKIPPED, NOT TESTED: the npm package mqtt is not installed (run npm ci in examples/node)")
	}
	return []string{"node", example(t, "node", "device.mjs")}
}

// pythonDevice takes the first Python that has the packages: another than Debian's may come first.
func pythonDevice(t *testing.T) []string {
	t.Helper()
	for _, python := range []string{os.Getenv("PYTHON"), "python3", "/usr/bin/python3"} {
		if python == "" {
			continue
		}
		if err := exec.CommandContext(t.Context(), python, "-c", "import paho.mqtt.client, cbor2, cryptography").Run(); err == nil {
			return []string{python, example(t, "python", "device.py")}
		}
	}
	t.Skip("SKIPPED, NOT TESTED: no Python with paho-mqtt, cbor2 and cryptography " +
		"(apt-get install python3-paho-mqtt python3-cbor2 python3-cryptography)")
	return nil
}

func cDevice(t *testing.T) []string {
	t.Helper()
	const howTo = "apt-get install gcc libmosquitto-dev libssl-dev"
	needs(t, "gcc", howTo)
	dir := t.TempDir()
	probe := filepath.Join(dir, "probe.c")
	require.NoError(t, os.WriteFile(probe, []byte("#include <mosquitto.h>\n#include <openssl/evp.h>\n"), 0o600))
	if err := exec.CommandContext(t.Context(), "gcc", "-fsyntax-only", probe).Run(); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: the headers of libmosquitto or OpenSSL are not installed (%s)", howTo)
	}
	program := filepath.Join(dir, "device")
	must(t, ".", "gcc", "-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror", filepath.Join("c", "device.c"), "-o", program, "-lmosquitto", "-lcrypto")
	return []string{program}
}

func shellDevice(t *testing.T) []string {
	t.Helper()
	for program, howTo := range map[string]string{
		"bash": "apt-get install bash", "xxd": "apt-get install xxd", "openssl": "apt-get install openssl",
		"mosquitto_pub": "apt-get install mosquitto-clients", "mosquitto_sub": "apt-get install mosquitto-clients",
	} {
		needs(t, program, howTo)
	}
	version := must(t, ".", "openssl", "version")
	if !regexp.MustCompile(`^OpenSSL ([3-9]|\d\d)`).MatchString(version) {
		t.Skipf("SKIPPED, NOT TESTED: %s signs no Ed25519 from a shell; install OpenSSL 3", version)
	}
	return []string{"bash", example(t, "shell", "device.sh")}
}
