// SPDX-License-Identifier: Apache-2.0

package system

import (
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

// sequence is that of the one chaincode definition.
const sequence = 1

// errUnsupported says that a function would change what this network cannot change.
var errUnsupported = errors.New("this network has no lifecycle transactions")

// undefined is an error that a client sees as status 404.
type undefined string

func (u undefined) Error() string { return fmt.Sprintf("namespace %s is not defined", string(u)) }

// function is a function of the life cycle: who may call it, and what it does.
type function struct {
	admins bool // of the peer's organisation, else the channel's writers
	call   func(c *Chaincodes, content []byte, p *wire.Proposal) (proto.Message, error)
}

// functions are the functions of _lifecycle by name; those that change something are refused.
func functions() map[string]function {
	refused := func(*Chaincodes, []byte, *wire.Proposal) (proto.Message, error) { return nil, errUnsupported }
	return map[string]function{
		"InstallChaincode":                   {true, refused},
		"GetInstalledChaincodePackage":       {true, decoded("GetInstalledChaincodePackage", (*Chaincodes).installPackage)},
		"QueryInstalledChaincode":            {true, decoded("QueryInstalledChaincode", (*Chaincodes).installed)},
		"QueryInstalledChaincodes":           {true, decoded("QueryInstalledChaincodes", (*Chaincodes).allInstalled)},
		"ApproveChaincodeDefinitionForMyOrg": {true, refused},
		"QueryApprovedChaincodeDefinition":   {true, decoded("QueryApprovedChaincodeDefinition", (*Chaincodes).approved)},
		"QueryApprovedChaincodeDefinitions":  {true, decoded("QueryApprovedChaincodeDefinitions", (*Chaincodes).allApproved)},
		"CommitChaincodeDefinition":          {false, refused},
		"QueryChaincodeDefinition":           {false, decoded("QueryChaincodeDefinition", (*Chaincodes).defined)},
		"QueryChaincodeDefinitions":          {false, decoded("QueryChaincodeDefinitions", (*Chaincodes).allDefined)},
		"CheckCommitReadiness":               {false, decoded("CheckCommitReadiness", (*Chaincodes).ready)},
	}
}

// message is a request: a pointer to M.
type message[M any] interface {
	*M
	proto.Message
}

// decoded makes a function of one that takes its decoded argument.
func decoded[M any, P message[M], R proto.Message](name string, call func(*Chaincodes, P, *wire.Proposal) (R, error)) func(*Chaincodes, []byte, *wire.Proposal) (proto.Message, error) {
	return func(c *Chaincodes, content []byte, p *wire.Proposal) (proto.Message, error) {
		request := P(new(M))
		if err := proto.Unmarshal(content, request); err != nil {
			return nil, fmt.Errorf("could not decode input arg for *lifecycle.Invocation.%s: %w", name, err)
		}
		return call(c, request, p)
	}
}

// lifecycle is _lifecycle: it tells about the one chaincode.
func (c *Chaincodes) lifecycle(args [][]byte, p *wire.Proposal) *peer.Response {
	switch len(args) {
	case 0:
		return shim.Error("lifecycle scc must be invoked with arguments")
	case 2:
	default:
		return shim.Error(fmt.Sprintf("lifecycle scc operations require exactly two arguments but received %d", len(args)))
	}
	name := string(args[0])
	f, known := functions()[name]
	var denied error
	switch {
	case !known:
		denied = fmt.Errorf("Unmapped policy for _lifecycle/%s", name) //nolint:staticcheck // Fabric's words
	case f.admins:
		denied = c.Members.Admin(c.MSPID, signed(p))
	default:
		denied = c.Members.Application(p.Channel.GetChannelId(), member.Writers, signed(p))
	}
	if denied != nil {
		return shim.Error(fmt.Sprintf("Failed to authorize invocation due to failed ACL check: %s", denied))
	}
	result, err := f.call(c, args[1], p)
	if missing := undefined(""); errors.As(err, &missing) {
		return &peer.Response{Status: 404, Message: err.Error()}
	}
	return answer(result, err, "failed to invoke backing implementation of '%s': %s", name)
}

// parameter is the chaincode's endorsement policy as a definition holds it.
func (c *Chaincodes) parameter() ([]byte, error) {
	return proto.Marshal(&peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_SignaturePolicy{SignaturePolicy: c.Policy}})
}

// defined is the one definition, approved by all.
func (c *Chaincodes) defined(query *lifecycle.QueryChaincodeDefinitionArgs, _ *wire.Proposal) (*lifecycle.QueryChaincodeDefinitionResult, error) {
	if query.GetName() != c.Chaincode {
		return nil, undefined(query.GetName())
	}
	policy, err := c.parameter()
	return &lifecycle.QueryChaincodeDefinitionResult{
		Sequence: sequence, Version: c.Version, EndorsementPlugin: "escc", ValidationPlugin: "vscc",
		ValidationParameter: policy, Collections: &peer.CollectionConfigPackage{}, Approvals: c.all(true),
	}, err
}

// all says the same of every organisation.
func (c *Chaincodes) all(approve bool) map[string]bool {
	approvals := make(map[string]bool, len(c.Organisations))
	for _, mspID := range c.Organisations {
		approvals[mspID] = approve
	}
	return approvals
}

func (c *Chaincodes) allDefined(*lifecycle.QueryChaincodeDefinitionsArgs, *wire.Proposal) (*lifecycle.QueryChaincodeDefinitionsResult, error) {
	policy, err := c.parameter()
	return &lifecycle.QueryChaincodeDefinitionsResult{
		ChaincodeDefinitions: []*lifecycle.QueryChaincodeDefinitionsResult_ChaincodeDefinition{{
			Name: c.Chaincode, Sequence: sequence, Version: c.Version, EndorsementPlugin: "escc",
			ValidationPlugin: "vscc", ValidationParameter: policy, Collections: &peer.CollectionConfigPackage{},
		}},
	}, err
}

// ready tells who approves the definition that would follow: nobody.
func (c *Chaincodes) ready(query *lifecycle.CheckCommitReadinessArgs, _ *wire.Proposal) (*lifecycle.CheckCommitReadinessResult, error) {
	next := int64(1)
	if query.GetName() == c.Chaincode {
		next = sequence + 1
	}
	if query.GetSequence() != next {
		return nil, fmt.Errorf("requested sequence is %d, but new definition must be sequence %d", query.GetSequence(), next)
	}
	mismatches := make(map[string]*lifecycle.CheckCommitReadinessResult_Mismatches)
	for _, mspID := range c.Organisations {
		mismatches[mspID] = &lifecycle.CheckCommitReadinessResult_Mismatches{Items: []string{"ChaincodeParameters"}}
	}
	return &lifecycle.CheckCommitReadinessResult{Approvals: c.all(false), Mismatches: mismatches}, nil
}
