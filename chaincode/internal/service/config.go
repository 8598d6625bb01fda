// SPDX-License-Identifier: Apache-2.0

package service

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// Names in the environment, as Fabric's samples and operators use them.
const (
	addressVariable     = "CHAINCODE_SERVER_ADDRESS"
	idVariable          = "CHAINCODE_ID"
	launchedIDVariable  = "CORE_CHAINCODE_ID_NAME"
	tlsDisabledVariable = "CHAINCODE_TLS_DISABLED"
	tlsKeyVariable      = "CHAINCODE_TLS_KEY"
	tlsCertVariable     = "CHAINCODE_TLS_CERT"
	clientCAVariable    = "CHAINCODE_CLIENT_CA_CERT"
)

// config is where and as what the chaincode serves.
type config struct {
	// address is host:port to listen on; empty when a peer launched the process.
	address string
	// id is the package id that the peer knows the chaincode by.
	id  string
	tls shim.TLSProperties
}

// readConfig reads the configuration from the environment. TLS is off unless
// CHAINCODE_TLS_DISABLED is false, or is not set while a key, a certificate or a client CA is
// named; it is mutual when a client CA is named.
func readConfig(getenv func(string) string, readFile func(string) ([]byte, error)) (config, error) {
	c := config{address: getenv(addressVariable), id: getenv(idVariable)}
	if c.address == "" {
		return c, nil
	}
	if c.id == "" {
		c.id = getenv(launchedIDVariable)
	}
	if c.id == "" {
		return config{}, fmt.Errorf("%s is not set; give the package id that the peer's lifecycle printed", idVariable)
	}
	var err error
	c.tls, err = readTLS(getenv, readFile)
	return c, err
}

// readTLS reads the TLS part of the configuration.
func readTLS(getenv func(string) string, readFile func(string) ([]byte, error)) (shim.TLSProperties, error) {
	key, cert, clientCA := getenv(tlsKeyVariable), getenv(tlsCertVariable), getenv(clientCAVariable)
	disabled := key == "" && cert == "" && clientCA == ""
	if text := getenv(tlsDisabledVariable); text != "" {
		var err error
		if disabled, err = strconv.ParseBool(text); err != nil {
			return shim.TLSProperties{}, fmt.Errorf("%s is %q; use true or false", tlsDisabledVariable, text)
		}
	}
	if disabled {
		return shim.TLSProperties{Disabled: true}, nil
	}
	if key == "" || cert == "" {
		return shim.TLSProperties{}, fmt.Errorf("TLS needs %s and %s", tlsKeyVariable, tlsCertVariable)
	}
	var tls shim.TLSProperties
	var keyErr, certErr, caErr error
	tls.Key, keyErr = readFile(key)
	tls.Cert, certErr = readFile(cert)
	if clientCA != "" {
		tls.ClientCACerts, caErr = readFile(clientCA)
	}
	return tls, errors.Join(keyErr, certErr, caErr)
}
