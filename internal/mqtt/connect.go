// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Broker says how to reach one. URL is tcp://, mqtt://, ssl://, tls://, mqtts://, ws:// or
// wss:// with host and port; the files are PEM and only used with TLS.
type Broker struct {
	URL      string `json:"url" yaml:"url"`
	Username string `json:"username,omitempty" yaml:"username"`
	Password string `json:"password,omitempty" yaml:"password"`
	CA       string `json:"ca,omitempty" yaml:"ca"`
	Cert     string `json:"cert,omitempty" yaml:"cert"`
	Key      string `json:"key,omitempty" yaml:"key"`
}

// Name is the URL without a password, for logs and messages.
func (b Broker) Name() string {
	u, err := url.Parse(b.URL)
	if err != nil {
		return "?"
	}
	return u.Redacted()
}

// ErrConfig is wrapped by every error that trying again cannot mend.
var ErrConfig = errors.New("mqtt: configuration")

// connectTimeout bounds one attempt to connect, writeTimeout one write to the socket: a broker
// that hangs must not hang us.
const (
	connectTimeout = 10 * time.Second
	writeTimeout   = 5 * time.Second
	keepAlive      = 30 * time.Second
)

// Options returns client options for a persistent session under clientID: the broker keeps
// what arrives while we are away. MQTT 3.1.1 is spoken, which every broker understands.
func (b Broker) Options(clientID string) (*paho.ClientOptions, error) {
	u, err := url.Parse(b.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%w: broker URL %q: want for example tcp://127.0.0.1:1883", ErrConfig, b.URL)
	}
	switch u.Scheme {
	case "tcp", "mqtt", "ssl", "tls", "mqtts", "ws", "wss":
	default:
		return nil, fmt.Errorf("%w: broker URL %q: scheme must be tcp, mqtt, tls, ssl, mqtts, ws or wss", ErrConfig, b.URL)
	}
	o := paho.NewClientOptions().
		AddBroker(b.URL).
		SetClientID(clientID).
		SetProtocolVersion(4).
		SetCleanSession(false).
		SetUsername(b.Username).
		SetPassword(b.Password).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(writeTimeout).
		SetKeepAlive(keepAlive).
		SetAutoReconnect(true).
		SetConnectRetry(true).
		SetConnectRetryInterval(time.Second).
		SetMaxReconnectInterval(10 * time.Second)
	cfg, err := b.tls()
	if err != nil {
		return nil, err
	}
	if cfg != nil {
		o.SetTLSConfig(cfg)
	}
	return o, nil
}

func (b Broker) tls() (*tls.Config, error) {
	if b.CA == "" && b.Cert == "" && b.Key == "" {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if b.CA != "" {
		pem, err := os.ReadFile(b.CA)
		if err != nil {
			return nil, fmt.Errorf("%w: broker CA: %w", ErrConfig, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: broker CA %s holds no PEM certificate", ErrConfig, b.CA)
		}
	}
	if (b.Cert == "") != (b.Key == "") {
		return nil, fmt.Errorf("%w: a client certificate and its key go together: set both or neither", ErrConfig)
	}
	if b.Cert != "" {
		pair, err := tls.LoadX509KeyPair(b.Cert, b.Key)
		if err != nil {
			return nil, fmt.Errorf("%w: broker client certificate: %w", ErrConfig, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
