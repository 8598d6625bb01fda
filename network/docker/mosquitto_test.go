// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading/name"
)

// findMosquitto looks where Debian puts it, which is on the PATH of root only.
func findMosquitto() (string, error) {
	if path, err := exec.LookPath("mosquitto"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/mosquitto")
}

// A mosquitto is a running broker.
type mosquitto struct {
	*process
	address string
}

// stop ends the broker, which must have had nothing to complain of.
func (m *mosquitto) stop() {
	m.t.Helper()
	_ = m.cmd.Process.Kill() // unless it has ended
	<-m.done
	require.NotContains(m.t, m.output(), "Error")
	require.NotContains(m.t, m.output(), "recommended to replace")
}

// startMosquitto starts a broker with the configuration of a folder of network, with only the
// address and the folder for its data replaced, and what changes are given.
func startMosquitto(t *testing.T, folder string, changes ...string) *mosquitto {
	t.Helper()
	program, err := findMosquitto()
	if err != nil {
		t.Skip("SKIPPED, NOT TESTED: mosquitto is not installed, its configuration cannot be tried")
	}
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	dir := t.TempDir()
	listener := "\nlistener " + port + " 127.0.0.1\n"
	config := strings.NewReplacer("/mosquitto/data/", dir+"/", "/var/lib/mosquitto/", dir+"/",
		"\nlistener 1883\n", listener, "\nlistener 1883 127.0.0.1\n", listener,
	).Replace(read(t, "network", folder, "mosquitto.conf"))
	require.Contains(t, config, listener)
	config = strings.NewReplacer(changes...).Replace(config)
	file := filepath.Join(dir, "mosquitto.conf")
	// Mosquitto gives up root for a user of its own, who has to read and write here.
	require.NoError(t, os.Chmod(dir, 0o777))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(config), 0o644))
	m := &mosquitto{start(t, exec.CommandContext(t.Context(), program, "-c", file)), address}
	t.Cleanup(m.stop)
	m.await(func() error {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return connection.Close()
	})
	return m
}

// What the configuration tells operators to add for devices elsewhere must work as it stands there:
// with it, the bridge goes on and a device has its own topics and no other.
func TestDevicesElsewhereHaveAListenerOfTheirOwn(t *testing.T) {
	text := read(t, "network", "docker", "mosquitto.conf")
	dir, address := t.TempDir(), freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	authority := newAuthority(t, filepath.Join(dir, "ca.pem"))
	authority.issue(t, filepath.Join(dir, "server"), "broker")
	authority.issue(t, filepath.Join(dir, "d"), "d")
	var acl string
	for _, line := range regexp.MustCompile(`"(pattern [^"]+)"`).FindAllStringSubmatch(text, -1) {
		acl += line[1] + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "acl"), []byte(acl), 0o644))
	require.NoError(t, os.Chmod(dir, 0o755))
	require.Contains(t, text, "\n#   listener 8883\n")
	broker := startMosquitto(t, "docker", "#   listener 8883\n", "listener "+port+" 127.0.0.1\n", "#   ", "", "/mosquitto/config", dir)

	dial := func(b mqtt.Broker, id string) (*mqtt.Conn, <-chan string) {
		topics := make(chan string, 9)
		c, err := mqtt.Dial(t.Context(), b, id, func(m paho.Message) {
			topics <- m.Topic()
			m.Ack()
		}, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		t.Cleanup(c.Close)
		return c, topics
	}
	bridge, readings := dial(mqtt.Broker{URL: "tcp://" + broker.address}, "bridge")
	require.NoError(t, bridge.Subscribe(t.Context(), mqtt.ReadingsFilter))
	own := mqtt.Broker{
		URL: "tls://" + address, CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "d.pem"), Key: filepath.Join(dir, "d.key"),
	}
	mine := name.New("Org1MSP", "d")
	others := []name.Name{name.New("Org1MSP", "e"), name.New("Org2MSP", "d")}
	for _, other := range others {
		intruder, _ := dial(own, "intruder")
		_ = intruder.Publish(mqtt.ReadingsTopic(other), []byte("x"))(t.Context()) // some versions cut the connection for it
	}
	device, receipts := dial(own, "d")
	require.NoError(t, device.Publish(mqtt.ReadingsTopic(mine), []byte("x"))(t.Context()))
	for _, who := range append(others, mine) {
		require.NoError(t, device.Subscribe(t.Context(), mqtt.ReceiptsTopic(who)))
	}
	for _, who := range append(others, mine) {
		require.NoError(t, bridge.Publish(mqtt.ReceiptsTopic(who), []byte("x"))(t.Context()))
	}
	require.Equal(t, mqtt.ReadingsTopic(mine), first(t, readings))
	require.Equal(t, mqtt.ReceiptsTopic(mine), first(t, receipts))
}

// first is the first topic that a message came under.
func first(t *testing.T, topics <-chan string) string {
	t.Helper()
	select {
	case topic := <-topics:
		return topic
	case <-time.After(patience):
		require.FailNow(t, "nothing arrives")
		return ""
	}
}

// An authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, file string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ca := authority{key: key, certificate: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}}
	ca.write(t, file, ca.certificate, key)
	return ca
}

// issue writes a certificate of a name, for 127.0.0.1, and its key.
func (ca authority) issue(t *testing.T, path, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ca.write(t, path+".pem", &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	// Mosquitto reads it as a user of its own.
	require.NoError(t, os.WriteFile(path+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o644))
}

func (ca authority) write(t *testing.T, file string, certificate *x509.Certificate, key *ecdsa.PrivateKey) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, certificate, ca.certificate, key.Public(), ca.key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
}
