// SPDX-License-Identifier: Apache-2.0

package service //nolint:testpackage // reading the environment is not for others

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

// read runs readConfig over an environment and files that exist in memory only.
func read(env, files map[string]string) (config, error) {
	return readConfig(
		func(name string) string { return env[name] },
		func(path string) ([]byte, error) {
			content, ok := files[path]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
			}
			return []byte(content), nil
		})
}

func TestWithoutAnAddressAPeerLaunchedTheProcess(t *testing.T) {
	c, err := read(map[string]string{"CORE_CHAINCODE_ID_NAME": "cc:1"}, nil)
	require.NoError(t, err)
	require.Empty(t, c.address)
}

func TestTheUsualVariablesConfigureChaincodeAsAService(t *testing.T) {
	files := map[string]string{"k": "KEY", "c": "CERT", "ca": "CA"}
	for name, test := range map[string]struct {
		env                map[string]string
		disabled           bool
		key, cert, caCerts string
	}{
		"plain":           {env: nil, disabled: true},
		"plain explicit":  {env: map[string]string{"CHAINCODE_TLS_DISABLED": "true"}, disabled: true},
		"plain overrules": {env: map[string]string{"CHAINCODE_TLS_DISABLED": "true", "CHAINCODE_TLS_KEY": "k", "CHAINCODE_TLS_CERT": "c"}, disabled: true},
		"TLS":             {env: map[string]string{"CHAINCODE_TLS_KEY": "k", "CHAINCODE_TLS_CERT": "c"}, key: "KEY", cert: "CERT"},
		"mutual TLS": {
			env: map[string]string{"CHAINCODE_TLS_DISABLED": "false", "CHAINCODE_TLS_KEY": "k", "CHAINCODE_TLS_CERT": "c", "CHAINCODE_CLIENT_CA_CERT": "ca"},
			key: "KEY", cert: "CERT", caCerts: "CA",
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"CHAINCODE_SERVER_ADDRESS": "127.0.0.1:9999", "CHAINCODE_ID": "cc:1"}
			for k, v := range test.env {
				env[k] = v
			}
			c, err := read(env, files)
			require.NoError(t, err)
			require.Equal(t, "127.0.0.1:9999", c.address)
			require.Equal(t, "cc:1", c.id)
			require.Equal(t, test.disabled, c.tls.Disabled)
			require.Equal(t, test.key, string(c.tls.Key))
			require.Equal(t, test.cert, string(c.tls.Cert))
			require.Equal(t, test.caCerts, string(c.tls.ClientCACerts))
		})
	}
}

func TestThePeersNameOfTheChaincodeIDIsAccepted(t *testing.T) {
	c, err := read(map[string]string{"CHAINCODE_SERVER_ADDRESS": ":1", "CORE_CHAINCODE_ID_NAME": "cc:2"}, nil)
	require.NoError(t, err)
	require.Equal(t, "cc:2", c.id)
}

func TestAConfigurationThatCannotServeIsRefused(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"no id":             {"CHAINCODE_ID": ""},
		"TLS but no key":    {"CHAINCODE_TLS_DISABLED": "false"},
		"certificate alone": {"CHAINCODE_TLS_CERT": "c"},
		"no boolean":        {"CHAINCODE_TLS_DISABLED": "maybe"},
	} {
		t.Run(name, func(t *testing.T) {
			full := map[string]string{"CHAINCODE_SERVER_ADDRESS": ":1", "CHAINCODE_ID": "cc:1"}
			for k, v := range env {
				full[k] = v
			}
			_, err := read(full, map[string]string{"c": "CERT"})
			require.Error(t, err)
		})
	}
	_, err := read(map[string]string{
		"CHAINCODE_SERVER_ADDRESS": ":1", "CHAINCODE_ID": "cc:1",
		"CHAINCODE_TLS_KEY": "gone", "CHAINCODE_TLS_CERT": "gone too",
	}, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
