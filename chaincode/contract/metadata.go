// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/json"
	"reflect"

	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"
)

// release is the version of the contracts that the metadata states.
const release = "1.0.0"

// metadataFunction is the query by which Fabric's tooling asks for the metadata. It is answered
// here because what contract-api reflects has no names for parameters and no descriptions.
const metadataFunction = "org.hyperledger.fabric:GetMetadata"

// info is what the metadata says about a contract.
func info(contract string) metadata.InfoMetadata {
	titles := map[string]string{
		devicesName:    "Devices: identities, keys and status",
		anchorsName:    "Anchors: streams and their chains of batches",
		rolesName:      "Roles: who may do what inside an organisation",
		policiesName:   "Policies: who may access an organisation's devices",
		accessName:     "Access: decisions, asked for and on record",
		consortiumName: "Consortium: how the organisations sign each other's changes",
	}
	return metadata.InfoMetadata{
		Title: titles[contract], Version: release,
		License: &metadata.LicenseMetadata{Name: "Apache-2.0"},
	}
}

// describe returns the metadata of the whole chaincode as JSON.
func describe() ([]byte, error) {
	contracts := map[string]metadata.ContractMetadata{}
	for _, f := range Functions() {
		c, known := contracts[f.Contract]
		if !known {
			about := info(f.Contract)
			c = metadata.ContractMetadata{Name: f.Contract, Info: &about}
		}
		tx, err := transactionMetadata(f)
		if err != nil {
			return nil, err
		}
		c.Transactions = append(c.Transactions, tx)
		contracts[f.Contract] = c
	}
	return json.Marshal(metadata.ContractChaincodeMetadata{
		Info: &metadata.InfoMetadata{
			Title: "Anchorline", Version: release,
			Description: "Devices, access policies and anchored batches of signed readings.",
			License:     &metadata.LicenseMetadata{Name: "Apache-2.0"},
		},
		Contracts: contracts,
	})
}

// transactionMetadata describes one transaction: strings in, one string out.
func transactionMetadata(f Function) (metadata.TransactionMetadata, error) {
	tx := metadata.TransactionMetadata{Name: f.Transaction, Tag: []string{"submit", "SUBMIT"}}
	if f.Reads {
		tx.Tag = []string{"evaluate", "EVALUATE"}
	}
	returns, err := metadata.GetSchema(reflect.TypeFor[string](), &metadata.ComponentMetadata{})
	if err != nil {
		return tx, err
	}
	returns.Description = f.Description
	tx.Returns = metadata.ReturnMetadata{Schema: returns}
	for _, name := range f.Parameters {
		schema, err := metadata.GetSchema(reflect.TypeFor[string](), &metadata.ComponentMetadata{})
		if err != nil {
			return tx, err
		}
		tx.Parameters = append(tx.Parameters, metadata.ParameterMetadata{
			Name: name, Description: parameterDescription(name), Schema: schema,
		})
	}
	return tx, nil
}

// parameterDescription says what goes into the parameter of this name.
func parameterDescription(name string) string {
	return map[string]string{
		"request":  "JSON object; its fields are in docs/chaincode.md",
		"anchor":   "the anchor in canonical JSON (RFC 8785)",
		"id":       "id of the transaction that recorded the decision",
		"device":   "name of the device, owner/id",
		"policy":   "name of the policy, owner/id",
		"stream":   "name of the stream, owner/id",
		"number":   "number of the batch in decimal",
		"time":     "time in milliseconds since 1970, in decimal",
		"revision": "number of the revision in decimal",
		"text":     "one policy in the Cedar language",
		"reading":  "the reading's bytes in base64url without padding",
		"proof":    "a receipt, or the inclusion proof in it, in base64url without padding",
	}[name]
}
