// SPDX-License-Identifier: Apache-2.0

package system

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"

	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// installed tells about the one package, by its id.
func (c *Chaincodes) installed(query *lifecycle.QueryInstalledChaincodeArgs, _ *wire.Proposal) (*lifecycle.QueryInstalledChaincodeResult, error) {
	if query.GetPackageId() != c.PackageID {
		return nil, fmt.Errorf("could not find chaincode with package id '%s'", query.GetPackageId())
	}
	return &lifecycle.QueryInstalledChaincodeResult{
		Label: c.label(), PackageId: c.PackageID,
		References: map[string]*lifecycle.QueryInstalledChaincodeResult_References{c.Name: {
			Chaincodes: []*lifecycle.QueryInstalledChaincodeResult_Chaincode{{Name: c.Chaincode, Version: c.Version}},
		}},
	}, nil
}

func (c *Chaincodes) label() string { return c.Chaincode + "_" + c.Version }

func (c *Chaincodes) allInstalled(*lifecycle.QueryInstalledChaincodesArgs, *wire.Proposal) (*lifecycle.QueryInstalledChaincodesResult, error) {
	return &lifecycle.QueryInstalledChaincodesResult{InstalledChaincodes: []*lifecycle.QueryInstalledChaincodesResult_InstalledChaincode{{
		Label: c.label(), PackageId: c.PackageID,
		References: map[string]*lifecycle.QueryInstalledChaincodesResult_References{c.Name: {
			Chaincodes: []*lifecycle.QueryInstalledChaincodesResult_Chaincode{{Name: c.Chaincode, Version: c.Version}},
		}},
	}}}, nil
}

// installPackage has no package to give: what runs was never packed.
func (c *Chaincodes) installPackage(query *lifecycle.GetInstalledChaincodePackageArgs, _ *wire.Proposal) (*lifecycle.GetInstalledChaincodePackageResult, error) {
	return nil, fmt.Errorf("could not load cc install package: chaincode install package '%s' not found", query.GetPackageId())
}

// approved is the definition as the peer's organisation approved it.
func (c *Chaincodes) approved(query *lifecycle.QueryApprovedChaincodeDefinitionArgs, p *wire.Proposal) (*lifecycle.QueryApprovedChaincodeDefinitionResult, error) {
	if p.Channel.GetChannelId() == "" {
		key := "namespaces/fields/" + query.GetName() + "/Sequence"
		return nil, fmt.Errorf("could not get current sequence: could not get state for key %s: GET_STATE failed: transaction ID: %s: no ledger context", key, p.Channel.GetTxId())
	}
	if query.GetName() != c.Chaincode || (query.GetSequence() != 0 && query.GetSequence() != sequence) {
		return nil, fmt.Errorf("could not fetch approved chaincode definition (name: '%s', sequence: '%d') on channel '%s'", query.GetName(), query.GetSequence(), c.Name)
	}
	policy, err := c.parameter()
	return &lifecycle.QueryApprovedChaincodeDefinitionResult{
		Sequence: sequence, Version: c.Version, EndorsementPlugin: "escc", ValidationPlugin: "vscc",
		ValidationParameter: policy, Collections: &peer.CollectionConfigPackage{}, Source: c.source(),
	}, err
}

func (c *Chaincodes) source() *lifecycle.ChaincodeSource {
	return &lifecycle.ChaincodeSource{Type: &lifecycle.ChaincodeSource_LocalPackage{
		LocalPackage: &lifecycle.ChaincodeSource_Local{PackageId: c.PackageID},
	}}
}

func (c *Chaincodes) allApproved(*lifecycle.QueryApprovedChaincodeDefinitionsArgs, *wire.Proposal) (*lifecycle.QueryApprovedChaincodeDefinitionsResult, error) {
	policy, err := c.parameter()
	return &lifecycle.QueryApprovedChaincodeDefinitionsResult{
		ApprovedChaincodeDefinitions: []*lifecycle.QueryApprovedChaincodeDefinitionsResult_ApprovedChaincodeDefinition{{
			Name: c.Chaincode, Sequence: sequence, Version: c.Version, EndorsementPlugin: "escc", ValidationPlugin: "vscc",
			ValidationParameter: policy, Collections: &peer.CollectionConfigPackage{}, Source: c.source(),
		}},
	}, err
}
