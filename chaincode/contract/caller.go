// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"github.com/anchorline/anchorline/chaincode/record"
)

// caller is the identity that signed the proposal. The peer has verified its signature and its
// certificate before the chaincode is asked.
type caller struct {
	// MSP is the ID of the caller's organisation.
	MSP string
	// Identity is SHA-256, in hexadecimal, over "x509::subject::issuer": who the caller is,
	// across renewals of the certificate.
	Identity string
}

// readCaller reads the caller from the proposal. An identity without an X.509 certificate is
// refused: roles could not be told from it.
func readCaller(stub shim.ChaincodeStubInterface) (caller, error) {
	client, err := cid.New(stub)
	if err != nil {
		return caller{}, record.Errorf(record.Forbidden, "the caller's identity cannot be read: %v", err)
	}
	msp, err := client.GetMSPID()
	if err != nil {
		return caller{}, record.Errorf(record.Forbidden, "the caller's MSP ID cannot be read: %v", err)
	}
	encoded, err := client.GetID()
	if err != nil {
		return caller{}, record.Errorf(record.Forbidden, "the caller has no X.509 certificate: %v", err)
	}
	id, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return caller{}, record.Errorf(record.Internal, "the caller's id cannot be decoded: %v", err)
	}
	digest := sha256.Sum256(id)
	return caller{MSP: msp, Identity: hex.EncodeToString(digest[:])}, nil
}
