// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/policy"
)

// signer is somebody with one role.
type signer struct {
	mspID string
	role  msp.MSPRole_MSPRoleType
}

func (s signer) Satisfies(principal *msp.MSPPrincipal) bool {
	role := &msp.MSPRole{}
	return proto.Unmarshal(principal.GetPrincipal(), role) == nil &&
		role.GetMspIdentifier() == s.mspID && (role.GetRole() == s.role || role.GetRole() == msp.MSPRole_MEMBER)
}

func TestPoliciesAreEvaluatedAsFabricDoes(t *testing.T) {
	one, two, three := signer{"Org1MSP", msp.MSPRole_PEER}, signer{"Org2MSP", msp.MSPRole_PEER}, signer{"Org3MSP", msp.MSPRole_PEER}
	admin := signer{"Org1MSP", msp.MSPRole_ADMIN}
	for _, c := range []struct {
		policy  string
		signers []signer
		ok      bool
	}{
		{"AND('Org1MSP.peer', 'Org2MSP.peer')", []signer{one, two}, true},
		{"AND('Org1MSP.peer', 'Org2MSP.peer')", []signer{two, one}, true},
		{"AND('Org1MSP.peer', 'Org2MSP.peer')", []signer{one}, false},
		{"AND('Org1MSP.peer', 'Org2MSP.peer')", []signer{one, three}, false},
		{"AND('Org1MSP.peer', 'Org2MSP.peer')", nil, false},
		{"OR('Org1MSP.peer', 'Org2MSP.peer')", []signer{two}, true},
		{"OR('Org1MSP.peer', 'Org2MSP.peer')", []signer{three}, false},
		{"OutOf(2, 'Org1MSP.peer', 'Org2MSP.peer', 'Org3MSP.peer')", []signer{one, three}, true},
		{"OutOf(2, 'Org1MSP.peer', 'Org2MSP.peer', 'Org3MSP.peer')", []signer{one}, false},
		{"OutOf(0, 'Org1MSP.peer')", nil, true},
		{"AND('Org1MSP.member', 'Org1MSP.admin')", []signer{one, admin}, true},
		{"AND('Org1MSP.admin', 'Org1MSP.peer')", []signer{one, one}, false},
		{"AND('Org1MSP.member', 'Org1MSP.member')", []signer{one}, false}, // a signer counts once
		{"AND('Org1MSP.member', 'Org1MSP.member')", []signer{one, admin}, true},
		{"OR('Org3MSP.peer', AND('Org1MSP.peer', 'Org2MSP.peer'))", []signer{one, two}, true},
		{`or("Org1MSP.peer","Org2MSP.peer")`, []signer{one}, true},
	} {
		parsed, err := policy.Parse(c.policy)
		require.NoError(t, err, c.policy)
		content, err := proto.Marshal(parsed)
		require.NoError(t, err)
		decoded, err := policy.Decode(content)
		require.NoError(t, err, c.policy)
		if err := policy.Evaluate(decoded, c.signers); c.ok {
			require.NoError(t, err, "%s %v", c.policy, c.signers)
		} else {
			require.ErrorIs(t, err, policy.ErrUnsatisfied, "%s %v", c.policy, c.signers)
		}
	}
}

func TestMalformedPoliciesAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "AND", "AND(", "AND()", "XOR('A.peer')", "'A'", "'.peer'", "'A.king'", "'A.peer", "AND('A.peer'",
		"AND('A.peer',)", "AND('A.peer' 'B.peer')", "OutOf('A.peer')", "OutOf(5, 'A.peer')", "OutOf(-1, 'A.peer')",
		"AND('A.peer') x", strings.Repeat("AND(", 1000),
	} {
		_, err := policy.Parse(text)
		require.Error(t, err, text)
	}
}

func TestAPolicyThatPointsNowhereIsRefused(t *testing.T) {
	by := func(index int32) *common.SignaturePolicy {
		return &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: index}}
	}
	deep := by(0)
	for range 100 {
		deep = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: &common.SignaturePolicy_NOutOf{N: 1, Rules: []*common.SignaturePolicy{deep}}}}
	}
	for name, p := range map[string]*common.SignaturePolicyEnvelope{
		"beyond the principals": {Rule: by(1), Identities: []*msp.MSPPrincipal{{}}},
		"before the principals": {Rule: by(-1), Identities: []*msp.MSPPrincipal{{}}},
		"no rule":               {},
		"a later version":       {Version: 1, Rule: by(0), Identities: []*msp.MSPPrincipal{{}}},
		"too deep":              {Rule: deep, Identities: []*msp.MSPPrincipal{{}}},
	} {
		content, err := proto.Marshal(p)
		require.NoError(t, err)
		_, err = policy.Decode(content)
		require.Error(t, err, name)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AND('Org1MSP.peer', OutOf(1, 'Org2MSP.member'))")
	f.Add(`OR("A.peer")`)
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := policy.Parse(text)
		if err != nil {
			return
		}
		content, err := proto.Marshal(parsed)
		if err != nil {
			return // a name that is not UTF-8
		}
		decoded, err := policy.Decode(content)
		require.NoError(t, err, "what was parsed can be decoded")
		_ = policy.Evaluate[signer](decoded, nil)
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(_ *testing.T, content []byte) {
		if decoded, err := policy.Decode(content); err == nil {
			_ = policy.Evaluate(decoded, []signer{{"Org1MSP", msp.MSPRole_PEER}})
		}
	})
}
