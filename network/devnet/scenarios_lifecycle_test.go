// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// lifecycleQueries asks a peer what is installed, approved and ready to be committed.
func lifecycleQueries() scenario {
	return scenario{name: "what is installed and approved", run: func(t *testing.T, n target) []seen {
		t.Helper()
		var all []seen
		for _, user := range []string{"Admin", "User1"} {
			q := newQuerier(t, n, user)
			installed := q.installed()
			q.approved()
			q.ready()
			q.ask("", "GetInstalledChaincodePackage", &lifecycle.GetInstalledChaincodePackageArgs{PackageId: "absent:0"}, nil)
			q.ask(q.profile.Channel, "Absent", &lifecycle.QueryInstalledChaincodesArgs{}, nil)
			require.True(t, user != "Admin" || installed != "", "an administrator sees what is installed")
			all = append(all, q.seen...)
		}
		return all
	}}
}

// sequence is the number of a definition in a text.
var sequence = regexp.MustCompile(`sequence (is )?\d+`)

// querier asks _lifecycle as one user.
type querier struct{ *direct }

func newQuerier(t *testing.T, n target, user string) *querier {
	p := n.profile("Org1MSP", user)
	id, sign := credentialsOf(t, p)
	creator := encode(t, &msp.SerializedIdentity{Mspid: id.MspID(), IdBytes: id.Credentials()})
	return &querier{&direct{actor: newActor(t, p), conn: dial(t, p), creator: creator, sign: sign}}
}

// ask calls a function and tells its answer, without which network it is of. tell is nil for one that
// is not expected to succeed.
func (q *querier) ask(channel, function string, args proto.Message, tell func(content []byte) string) {
	q.t.Helper()
	signed := q.proposal(channel, "_lifecycle", function, string(encode(q.t, args)))
	response, err := peer.NewEndorserClient(q.conn).ProcessProposal(q.t.Context(), signed)
	if err != nil {
		q.saw(failure(err))
		return
	}
	answer := response.GetResponse()
	s := seen{Error: mask(fmt.Sprintf("status %d %s", answer.GetStatus(), answer.GetMessage()))}
	s.Error = sequence.ReplaceAllString(s.Error, "sequence N") // a network may have been used before
	if answer.GetStatus() == 200 {
		require.NotNil(q.t, tell, "%s succeeds", function)
		s.Result = mask(tell(answer.GetPayload()))
	}
	q.saw(s)
}

// installed returns the package id of the probe, "" when it is not told.
func (q *querier) installed() (id string) {
	told := func(content []byte) string {
		text := ""
		for _, c := range decode(q.t, content, &lifecycle.QueryInstalledChaincodesResult{}).GetInstalledChaincodes() {
			id = c.GetPackageId()
			text += fmt.Sprintf("%s %s", c.GetLabel(), c.GetPackageId())
			for _, channel := range slices.Sorted(maps.Keys(c.GetReferences())) {
				text += fmt.Sprintf(" on %s %v", channel, namesOf(c.GetReferences()[channel].GetChaincodes()))
			}
		}
		return text
	}
	q.ask("", "QueryInstalledChaincodes", &lifecycle.QueryInstalledChaincodesArgs{}, told)
	q.ask(q.profile.Channel, "QueryInstalledChaincodes", &lifecycle.QueryInstalledChaincodesArgs{}, told)
	for _, packageID := range []string{id, "absent:0"} {
		q.ask("", "QueryInstalledChaincode", &lifecycle.QueryInstalledChaincodeArgs{PackageId: packageID}, func(content []byte) string {
			c := decode(q.t, content, &lifecycle.QueryInstalledChaincodeResult{})
			return fmt.Sprintf("%s %s %d references", c.GetLabel(), c.GetPackageId(), len(c.GetReferences()))
		})
	}
	return id
}

func namesOf(chaincodes []*lifecycle.QueryInstalledChaincodesResult_Chaincode) (names []string) {
	for _, c := range chaincodes {
		names = append(names, c.GetName()+" "+c.GetVersion())
	}
	return names
}

func (q *querier) approved() {
	for _, args := range []*lifecycle.QueryApprovedChaincodeDefinitionArgs{
		{Name: q.profile.Chaincode}, {Name: q.profile.Chaincode, Sequence: 99}, {Name: "absent"}, {Name: "absent", Sequence: 1}, {},
	} {
		q.ask(q.profile.Channel, "QueryApprovedChaincodeDefinition", args, func(content []byte) string {
			d := decode(q.t, content, &lifecycle.QueryApprovedChaincodeDefinitionResult{})
			return fmt.Sprintf("%t %s %s %s %x %t %t %s", d.GetSequence() > 0, d.GetVersion(), d.GetEndorsementPlugin(), d.GetValidationPlugin(),
				d.GetValidationParameter(), d.GetInitRequired(), d.GetCollections() != nil, d.GetSource().GetLocalPackage().GetPackageId())
		})
	}
	q.ask("", "QueryApprovedChaincodeDefinition", &lifecycle.QueryApprovedChaincodeDefinitionArgs{Name: q.profile.Chaincode}, nil)
	q.ask(q.profile.Channel, "QueryApprovedChaincodeDefinitions", &lifecycle.QueryApprovedChaincodeDefinitionsArgs{}, func(content []byte) string {
		names := map[string]bool{} // one entry for each sequence
		for _, d := range decode(q.t, content, &lifecycle.QueryApprovedChaincodeDefinitionsResult{}).GetApprovedChaincodeDefinitions() {
			names[fmt.Sprintf("%s %s %s", d.GetName(), d.GetVersion(), d.GetSource().GetLocalPackage().GetPackageId())] = true
		}
		return fmt.Sprint(slices.Sorted(maps.Keys(names)))
	})
}

// ready asks about the definition that is committed, the next one, and one after that.
func (q *querier) ready() {
	response, err := peer.NewEndorserClient(q.conn).ProcessProposal(q.t.Context(), q.proposal(q.profile.Channel, "_lifecycle", "QueryChaincodeDefinition",
		string(encode(q.t, &lifecycle.QueryChaincodeDefinitionArgs{Name: q.profile.Chaincode}))))
	require.NoError(q.t, err)
	now := decode(q.t, response.GetResponse().GetPayload(), &lifecycle.QueryChaincodeDefinitionResult{})
	for _, args := range []*lifecycle.CheckCommitReadinessArgs{
		{Name: q.profile.Chaincode, Sequence: now.GetSequence(), Version: now.GetVersion(), ValidationParameter: now.GetValidationParameter()},
		{Name: q.profile.Chaincode, Sequence: now.GetSequence() + 1, Version: "9", ValidationParameter: now.GetValidationParameter()},
		{Name: q.profile.Chaincode, Sequence: now.GetSequence() + 2, Version: "9"},
		{Name: "absent", Sequence: 1, Version: "1"},
		{Name: "absent", Sequence: 2, Version: "1"},
		{},
	} {
		q.ask(q.profile.Channel, "CheckCommitReadiness", args, func(content []byte) string {
			r := decode(q.t, content, &lifecycle.CheckCommitReadinessResult{})
			text := fmt.Sprint(r.GetApprovals())
			for _, mspID := range slices.Sorted(maps.Keys(r.GetMismatches())) {
				text += fmt.Sprintf(" %s %v", mspID, r.GetMismatches()[mspID].GetItems())
			}
			return text
		})
	}
}
