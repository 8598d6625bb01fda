// SPDX-License-Identifier: Apache-2.0

package networktest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
)

// lifecycleName is the system chaincode that knows which chaincodes there are.
const lifecycleName = "_lifecycle"

// defaultPolicy is what Fabric takes when a definition names no endorsement policy: on our
// networks a majority, which of two organisations is both.
const defaultPolicy = "/Channel/Application/Endorsement"

// Admin is an organisation's administrator and the package that its peer has of a chaincode.
type Admin struct {
	Identity ledgertest.Identity
	Package  string
}

// Define agrees on a chaincode definition: a new name for packages that are installed, and so a
// state of its own. policy is nil for the channel's own. There is an admin for each organisation.
func (c *Channel) Define(name string, policy *common.SignaturePolicyEnvelope, admins ...Admin) error {
	parameter, err := endorsementPolicy(policy)
	if err != nil {
		return err
	}
	failures := make([]error, len(admins))
	var all sync.WaitGroup
	for i, admin := range admins {
		all.Go(func() { failures[i] = c.approve(name, parameter, admin) })
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("approve %s: %w", name, err)
	}
	definition := &lifecycle.CommitChaincodeDefinitionArgs{Sequence: 1, Name: name, Version: "1.0", ValidationParameter: parameter}
	if err := c.transact(admins[0].Identity, "CommitChaincodeDefinition", definition, c.Organisations()...); err != nil {
		return fmt.Errorf("commit %s: %w", name, err)
	}
	return nil
}

func (c *Channel) approve(name string, parameter []byte, admin Admin) error {
	return c.transact(admin.Identity, "ApproveChaincodeDefinitionForMyOrg", &lifecycle.ApproveChaincodeDefinitionForMyOrgArgs{
		Sequence: 1, Name: name, Version: "1.0", ValidationParameter: parameter,
		Source: &lifecycle.ChaincodeSource{Type: &lifecycle.ChaincodeSource_LocalPackage{
			LocalPackage: &lifecycle.ChaincodeSource_Local{PackageId: admin.Package},
		}},
	}, admin.Identity.MSP)
}

func endorsementPolicy(policy *common.SignaturePolicyEnvelope) ([]byte, error) {
	if policy == nil {
		return proto.Marshal(&peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_ChannelConfigPolicyReference{
			ChannelConfigPolicyReference: defaultPolicy,
		}})
	}
	return proto.Marshal(&peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_SignaturePolicy{SignaturePolicy: policy}})
}

// transact commits a transaction of the life cycle.
func (c *Channel) transact(as ledgertest.Identity, function string, args proto.Message, msps ...string) error {
	answers, p, err := c.lifecycle(c.name, as, function, args, msps...)
	if err != nil {
		return err
	}
	code, err := c.order(p, answers)
	if err == nil && code != peer.TxValidationCode_VALID {
		err = fmt.Errorf("%s is %s", function, code)
	}
	return err
}

// lifecycle has the peers of some organisations simulate a function of the life cycle.
func (c *Channel) lifecycle(channel string, as ledgertest.Identity, function string, args proto.Message, msps ...string) ([]*peer.ProposalResponse, *proposal, error) {
	content, err := proto.Marshal(args)
	if err != nil {
		return nil, nil, err
	}
	p, err := propose(channel, lifecycleName, as, time.Now(), [][]byte{[]byte(function), content})
	if err != nil {
		return nil, nil, err
	}
	answers, err := c.ask(p, msps...)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range answers {
		if r := a.GetResponse(); r.GetStatus() >= 400 {
			return nil, nil, fmt.Errorf("%s: %s", function, r.GetMessage())
		}
	}
	return answers, p, nil
}

// Installed returns the id of the package with a label on the peer of an administrator.
func (c *Channel) Installed(admin ledgertest.Identity, label string) (string, error) {
	answers, _, err := c.lifecycle("", admin, "QueryInstalledChaincodes", &lifecycle.QueryInstalledChaincodesArgs{}, admin.MSP)
	if err != nil {
		return "", err
	}
	result := &lifecycle.QueryInstalledChaincodesResult{}
	if err := proto.Unmarshal(answers[0].GetResponse().GetPayload(), result); err != nil {
		return "", err
	}
	for _, installed := range result.GetInstalledChaincodes() {
		if installed.GetLabel() == label {
			return installed.GetPackageId(), nil
		}
	}
	return "", fmt.Errorf("no package %q is installed on the peer of %s", label, admin.MSP)
}

// Connection is what connection.json tells a peer about a chaincode that is a service.
type Connection struct {
	Address     string `json:"address"`
	DialTimeout string `json:"dial_timeout"`
	TLS         bool   `json:"tls_required"`
	ClientAuth  bool   `json:"client_auth_required,omitempty"`
	// Certificates and the key are PEM.
	ClientKey  string `json:"client_key,omitempty"`
	ClientCert string `json:"client_cert,omitempty"`
	RootCert   string `json:"root_cert,omitempty"`
}

// Install installs a package that says where a chaincode serves on the peer of an administrator
// and returns its id.
func (c *Channel) Install(admin ledgertest.Identity, label string, connection Connection) (string, error) {
	where, err := json.Marshal(connection)
	if err != nil {
		return "", err
	}
	code, err := archive(file{"connection.json", where})
	if err != nil {
		return "", err
	}
	about, err := json.Marshal(map[string]string{"type": "ccaas", "label": label})
	if err != nil {
		return "", err
	}
	whole, err := archive(file{"metadata.json", about}, file{"code.tar.gz", code})
	if err != nil {
		return "", err
	}
	answers, _, err := c.lifecycle("", admin, "InstallChaincode", &lifecycle.InstallChaincodeArgs{ChaincodeInstallPackage: whole}, admin.MSP)
	if err != nil {
		return "", err
	}
	result := &lifecycle.InstallChaincodeResult{}
	err = proto.Unmarshal(answers[0].GetResponse().GetPayload(), result)
	return result.GetPackageId(), err
}

// file is a file of an archive.
type file struct {
	name    string
	content []byte
}

// archive packs files.
func archive(files ...file) ([]byte, error) {
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	writer := tar.NewWriter(compressed)
	for _, f := range files {
		if err := writer.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content))}); err != nil {
			return nil, err
		}
		if _, err := writer.Write(f.content); err != nil {
			return nil, err
		}
	}
	err := errors.Join(writer.Close(), compressed.Close())
	return packed.Bytes(), err
}
