// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Service is a chaincode server that somebody else runs, as connection.json describes one to a
// peer. Certificates and the key are PEM.
type Service struct {
	Address string // host:port
	// CA issued the server's certificate, which names the host of Address. Without it the connection
	// is in the clear.
	CA []byte
	// Certificate and Key are what the peer shows to a server that asks who it is; both or none.
	Certificate, Key []byte
}

// credentials are how a peer secures its connection to the service.
func (s Service) credentials() (credentials.TransportCredentials, error) {
	if len(s.CA) == 0 {
		if len(s.Certificate)+len(s.Key) > 0 {
			return nil, errors.New("a certificate for the service is given, but no CA: there is no TLS without it")
		}
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	if !config.RootCAs.AppendCertsFromPEM(s.CA) {
		return nil, errors.New("the CA's file holds no certificate")
	}
	if len(s.Certificate)+len(s.Key) > 0 {
		certificate, err := tls.X509KeyPair(s.Certificate, s.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate and key for the service: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return credentials.NewTLS(config), nil
}
