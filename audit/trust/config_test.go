// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/audit/fabric/fabrictest"
	"github.com/anchorline/anchorline/audit/trust"
)

const ledgerName = fabrictest.Channel + "/" + fabrictest.Chaincode

// vector reads a file of Fabric's own that lies beside the module.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "vectors", "fabric-blocks", name))
	if os.IsNotExist(err) {
		t.Skipf("SKIPPED, nothing was checked: %v", err)
	}
	require.NoError(t, err)
	return content
}

func TestTrustIsReadFromAConfigurationBlock(t *testing.T) {
	for _, consenters := range []int{0, 1, 4, 7} {
		n := fabrictest.NewNetwork(t, consenters)
		n.Trust.ConfigurationBlock = 12
		n.Trust.Organisations[0].Intermediates = []string{n.Org1.Intermediate(t, "issuing").PEM}
		n.Trust.Organisations[1].Revoked = []string{n.Org2.Revoke(t, n.Peer2)}
		read, err := trust.FromConfigBlock(n.ConfigBlock(t), ledgerName, 0)
		require.NoError(t, err)
		require.Equal(t, n.Trust, read)
		read, err = trust.FromConfigBlock(n.ConfigBlock(t), ledgerName, 1)
		require.NoError(t, err)
		require.Equal(t, 1, read.Attestations)
	}
}

func TestTrustIsReadFromFabricsOwnBFTGenesisBlock(t *testing.T) {
	read, err := trust.FromConfigBlock(vector(t, "bft-genesis.block"), ledgerName, 0)
	require.NoError(t, err)
	require.Equal(t, trust.BFT, read.Orderers.Consensus)
	require.Equal(t, 3, read.Orderers.Signatures)
	require.Len(t, read.Orderers.Consenters, 4)
	require.NotEmpty(t, read.Organisations)
	for _, o := range read.Organisations {
		require.Equal(t, "peer", o.Unit)
	}
	_, err = trust.NewVerifier(read)
	require.NoError(t, err)
}

// org1 edits the MSP of Org1MSP, or of the orderers.
func editMSP(t *testing.T, group, name string, change func(*msp.FabricMSPConfig)) func(*common.ConfigGroup) {
	return func(root *common.ConfigGroup) {
		g := root.Groups[group].Groups[name]
		config, fabric := &msp.MSPConfig{}, &msp.FabricMSPConfig{}
		require.NoError(t, proto.Unmarshal(g.Values["MSP"].GetValue(), config))
		require.NoError(t, proto.Unmarshal(config.GetConfig(), fabric))
		change(fabric)
		fabrictest.SetMSP(t, g, fabric)
	}
}

func TestAConfigurationThatTrustCannotExpressIsRefused(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	second := fabrictest.NewAuthority(t, "Org1MSP")
	org1 := func(change func(*msp.FabricMSPConfig)) func(*common.ConfigGroup) {
		return editMSP(t, "Application", "Org1MSP", change)
	}
	policy := func(kind common.Policy_PolicyType, m proto.Message) func(*common.ConfigGroup) {
		return func(root *common.ConfigGroup) {
			fabrictest.SetPolicy(t, root.Groups["Orderer"], "BlockValidation", kind, m)
		}
	}
	writers := func(m proto.Message) func(*common.ConfigGroup) {
		return func(root *common.ConfigGroup) {
			fabrictest.SetPolicy(t, root.Groups["Orderer"].Groups["OrdererMSP"], "Writers", common.Policy_SIGNATURE, m)
		}
	}
	two := fabrictest.Role(t, "OrdererMSP", msp.MSPRole_MEMBER)
	two.GetRule().GetNOutOf().N = 2
	for why, edit := range map[string]func(*common.ConfigGroup){
		"MSP is of type 1": func(root *common.ConfigGroup) {
			fabrictest.Set(t, root.Groups["Application"].Groups["Org1MSP"], "MSP", &msp.MSPConfig{Type: 1})
		},
		"certain organisational units": org1(func(f *msp.FabricMSPConfig) {
			f.OrganizationalUnitIdentifiers = []*msp.FabricOUIdentifier{{OrganizationalUnitIdentifier: "x"}}
		}),
		`hashes of family "SHA3"`: org1(func(f *msp.FabricMSPConfig) {
			f.CryptoConfig = &msp.FabricCryptoConfig{SignatureHashFamily: "SHA3"}
		}),
		"no unit for a peer": org1(func(f *msp.FabricMSPConfig) { f.FabricNodeOus.PeerOuIdentifier = nil }),
		"bound to one of 2 CAs": org1(func(f *msp.FabricMSPConfig) {
			f.RootCerts = append(f.RootCerts, []byte(second.PEM))
			f.FabricNodeOus.PeerOuIdentifier.Certificate = []byte(n.Org1.PEM)
		}),
		"root certificate 0: it is not PEM":     org1(func(f *msp.FabricMSPConfig) { f.RootCerts = [][]byte{[]byte("x")} }),
		"organisations[0].roots: there is none": org1(func(f *msp.FabricMSPConfig) { f.RootCerts = nil }),
		"organisations[0].revoked[0]":           org1(func(f *msp.FabricMSPConfig) { f.RevocationList = [][]byte{[]byte("x")} }),
		"organisations: there is none":          func(root *common.ConfigGroup) { delete(root.Groups, "Application") },
		"in a tree of width 2": func(root *common.ConfigGroup) {
			fabrictest.Set(t, root, "BlockDataHashingStructure", &common.BlockDataHashingStructure{Width: 2})
		},
		`hashed with "SHA3_256"`: func(root *common.ConfigGroup) {
			fabrictest.Set(t, root, "HashingAlgorithm", &common.HashingAlgorithm{Name: "SHA3_256"})
		},
		`consensus is "solo"`: func(root *common.ConfigGroup) {
			fabrictest.Set(t, root.Groups["Orderer"], "ConsensusType", &orderer.ConsensusType{Type: "solo"})
		},
		`consensus is ""`:                           func(root *common.ConfigGroup) { delete(root.Groups, "Orderer") },
		"BlockValidation is a policy of type 1":     policy(common.Policy_SIGNATURE, two),
		"BlockValidation is ANY Readers":            policy(common.Policy_IMPLICIT_META, &common.ImplicitMetaPolicy{SubPolicy: "Readers"}),
		"one of its orderers alone does not satisf": writers(two),
		"OrdererMSP: one of its orderers alone doe": writers(fabrictest.Role(t, "OrdererMSP", msp.MSPRole_ADMIN)),
		"ordering organisation OrdererMSP: one of ": writers(fabrictest.Role(t, "Org1MSP", msp.MSPRole_MEMBER)),
	} {
		_, err := trust.FromConfigBlock(n.ConfigBlock(t, edit), ledgerName, 0)
		require.ErrorIs(t, err, trust.ErrConfiguration, why)
		require.ErrorContains(t, err, why)
	}
}

func TestOtherBFTRulesThanFabricsAreRefused(t *testing.T) {
	n := fabrictest.NewNetwork(t, 4)
	weaker := func(root *common.ConfigGroup) {
		rule := &common.SignaturePolicyEnvelope{}
		require.NoError(t, proto.Unmarshal(root.Groups["Orderer"].Policies["BlockValidation"].GetPolicy().GetValue(), rule))
		rule.GetRule().GetNOutOf().N = 1
		fabrictest.SetPolicy(t, root.Groups["Orderer"], "BlockValidation", common.Policy_SIGNATURE, rule)
	}
	any := func(root *common.ConfigGroup) {
		fabrictest.SetPolicy(t, root.Groups["Orderer"], "BlockValidation", common.Policy_IMPLICIT_META, &common.ImplicitMetaPolicy{SubPolicy: "Writers"})
	}
	for _, edit := range []func(*common.ConfigGroup){weaker, any} {
		_, err := trust.FromConfigBlock(n.ConfigBlock(t, edit), ledgerName, 0)
		require.ErrorIs(t, err, trust.ErrConfiguration)
		require.ErrorContains(t, err, "BlockValidation")
	}
}

func TestAUnitBoundToTheOnlyIssuingCAIsFine(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	_, err := trust.FromConfigBlock(n.ConfigBlock(t, editMSP(t, "Application", "Org1MSP", func(f *msp.FabricMSPConfig) {
		f.FabricNodeOus.PeerOuIdentifier.Certificate = []byte("a note above\n" + n.Org1.PEM)
	})), ledgerName, 0)
	require.NoError(t, err)
	// Without NodeOUs there is no unit, whatever the configuration still names.
	read, err := trust.FromConfigBlock(n.ConfigBlock(t, editMSP(t, "Orderer", "OrdererMSP", func(f *msp.FabricMSPConfig) {
		f.FabricNodeOus.Enable = false
	})), ledgerName, 0)
	require.NoError(t, err)
	require.Empty(t, read.Orderers.Organisations[0].Unit)
}

func TestOnlyAConfigurationBlockOfTheChannelIsTaken(t *testing.T) {
	n := fabrictest.NewNetwork(t, 0)
	config := n.ConfigBlock(t)
	ordinary := n.Block(t, 1, [][]byte{n.Envelope(t, fabrictest.Call{}, n.Peer1)}, n.Orderers[0])
	for why, try := range map[string]struct {
		block  []byte
		ledger string
		wanted int
	}{
		"not a block":            {[]byte("x"), ledgerName, 0},
		"it has 0 transactions":  {nil, ledgerName, 0},
		"transaction is of type": {ordinary, ledgerName, 0},
		`is of channel`:          {config, "other/anchorline", 0},
		"ledger:":                {config, fabrictest.Channel, 0},
		"attestations: it is 3":  {config, ledgerName, 3},
		"attestations: it is -1": {config, ledgerName, -1},
	} {
		_, err := trust.FromConfigBlock(try.block, try.ledger, try.wanted)
		require.ErrorIs(t, err, trust.ErrConfiguration, why)
		require.ErrorContains(t, err, why)
	}
}

func FuzzFromConfigBlock(f *testing.F) {
	for _, consenters := range []int{0, 4} {
		f.Add(fabrictest.NewNetwork(f, consenters).ConfigBlock(f))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		read, err := trust.FromConfigBlock(block, ledgerName, 0)
		if err != nil {
			require.ErrorIs(t, err, trust.ErrConfiguration)
			return
		}
		_, err = trust.NewVerifier(read)
		require.NoError(t, err)
	})
}
