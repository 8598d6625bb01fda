// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/internal/networktest"
	"github.com/anchorline/anchorline/chaincode/internal/rogue"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/reading/cose"
)

// oneSuffices is an endorsement policy by which one organisation suffices for a new key, so that
// only key-level policies stand in a rogue's way.
const oneSuffices = "OR('Org1MSP.peer', 'Org2MSP.peer')"

// network is a chaincode of the network that this run is on, as Fabric's own client library
// reaches it.
type network struct {
	t              *testing.T
	admin1, admin2 *client.Contract
	channel        *networktest.Channel
	reader         ledgertest.Identity
}

// newNetwork gives a test a chaincode of its own.
func newNetwork(t *testing.T) *network {
	needNetwork(t)
	return clientsOf(t, newSite(t))
}

// newRogueNetwork is newNetwork with the rogue on organisation 1's peer.
func newRogueNetwork(t *testing.T) *network {
	needNetwork(t)
	cc, err := contract.New(contract.LocalMSP("Org1MSP"))
	require.NoError(t, err)
	if *onFabric {
		inParallel(t)
		return clientsOf(t, realNet.site(t, anyOf("Org1MSP", "Org2MSP"), func(admin *networktest.Admin) {
			if admin.Identity.MSP == "Org1MSP" {
				admin.Package = serveInProcess(t, admin.Identity, rogue.New(cc))
			}
		}))
	}
	return clientsOf(t, newDevnet(t, func(cfg *devnet.Config) {
		cfg.Chaincode = rogueOf("Org1MSP")
		cfg.EndorsementPolicy = oneSuffices
	}))
}

// serveInProcess runs a chaincode as a service in this process, until the test ends, and installs
// its package on an organisation's peer of the real network.
func serveInProcess(t *testing.T, admin ledgertest.Identity, cc shim.Chaincode) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	id, err := realNet.channel.Install(admin, fmt.Sprint("in-process-", realNet.names.Add(1)), networktest.Connection{
		Address: listener.Addr().String(), DialTimeout: "10s",
	})
	require.NoError(t, err)
	server := grpc.NewServer()
	peer.RegisterChaincodeServer(server, &shim.ChaincodeServer{CCID: id, CC: cc})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return id
}

// anyOf is the policy that one peer of one of the organisations satisfies.
func anyOf(msps ...string) *common.SignaturePolicyEnvelope {
	policy := &common.SignaturePolicyEnvelope{}
	var rules []*common.SignaturePolicy
	for i, id := range msps {
		role, _ := proto.Marshal(&msp.MSPRole{MspIdentifier: id, Role: msp.MSPRole_PEER})
		policy.Identities = append(policy.Identities, &msp.MSPPrincipal{PrincipalClassification: msp.MSPPrincipal_ROLE, Principal: role})
		rules = append(rules, &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)}})
	}
	policy.Rule = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{
		NOutOf: &common.SignaturePolicy_NOutOf{N: 1, Rules: rules},
	}}
	return policy
}

// clientsOf connects the admins of both organisations, and waits until each one's peer knows that
// the other's has the chaincode too: on a real network gossip tells it, within seconds.
func clientsOf(t *testing.T, s site) *network {
	n := &network{
		t: t, channel: s.channel, reader: s.org1.Client(t, "reader"),
		admin1: contractFor(t, s.profile("Org1MSP", "Admin")), admin2: contractFor(t, s.profile("Org2MSP", "Admin")),
	}
	for _, as := range []*client.Contract{n.admin1, n.admin2} {
		require.Eventually(t, func() bool {
			p, err := as.NewProposal("roles:WhoAmI", client.WithEndorsingOrganizations("Org1MSP", "Org2MSP"))
			if err == nil {
				_, err = p.Endorse()
			}
			return err == nil
		}, time.Minute, 100*time.Millisecond, "the peers do not find each other's chaincode")
	}
	return n
}

// contractFor is the chaincode of a profile, as the real SDK reaches it.
func contractFor(t testing.TB, p devnet.Profile) *client.Contract {
	t.Helper()
	return gatewayFor(t, p).GetNetwork(p.Channel).GetContract(p.Chaincode)
}

// gatewayFor connects the real SDK by a profile.
func gatewayFor(t testing.TB, p devnet.Profile) *client.Gateway {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(readFile(t, p.TLSCA)))
	conn, err := grpc.NewClient(p.Endpoint, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, p.ServerName)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	block, _ := pem.Decode(readFile(t, p.Certificate))
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	id, err := identity.NewX509Identity(p.MSPID, certificate)
	require.NoError(t, err)
	key, err := identity.PrivateKeyFromPEM(readFile(t, p.Key))
	require.NoError(t, err)
	sign, err := identity.NewPrivateKeySign(key)
	require.NoError(t, err)
	const patience = 2 * time.Minute
	gateway, err := client.Connect(id, client.WithSign(sign), client.WithClientConnection(conn),
		client.WithEvaluateTimeout(patience), client.WithEndorseTimeout(patience),
		client.WithSubmitTimeout(patience), client.WithCommitStatusTimeout(patience))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gateway.Close()) })
	return gateway
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// submit commits a transaction that must be valid, waits until every peer has it, and returns its
// result.
func (n *network) submit(as *client.Contract, function string, request any) string {
	n.t.Helper()
	result, commit, err := as.SubmitAsync(function, client.WithArguments(text(n.t, request)))
	require.NoError(n.t, err, function)
	code, err := n.channel.Await(n.reader, commit.TransactionID())
	require.NoError(n.t, err, function)
	require.Equal(n.t, peer.TxValidationCode_VALID, code, function)
	return string(result)
}

// alone submits what one organisation's peer endorsed and returns how it was validated.
func (n *network) alone(as *client.Contract, msp string, call ...string) peer.TxValidationCode {
	n.t.Helper()
	return n.eachAlone(as, msp, call)[0]
}

// eachAlone is alone for several calls, a function and its arguments each: all are submitted before
// it waits, so that they share blocks. It waits until every peer has them.
func (n *network) eachAlone(as *client.Contract, msp string, calls ...[]string) []peer.TxValidationCode {
	n.t.Helper()
	ids, codes := make([]string, len(calls)), make([]peer.TxValidationCode, len(calls))
	for i, call := range calls {
		_, commit, err := as.SubmitAsync(call[0], client.WithArguments(call[1:]...), client.WithEndorsingOrganizations(msp))
		require.NoError(n.t, err, "%q", call)
		ids[i] = commit.TransactionID()
	}
	for i, id := range ids {
		var err error
		codes[i], err = n.channel.Await(n.reader, id)
		require.NoError(n.t, err, "%q", calls[i])
	}
	return codes
}

// agree sets up the consortium and gives the admins of organisation 1 the role bridge.
func (n *network) agree() {
	terms := object{"organisations": []string{"Org1MSP", "Org2MSP"}, "others": 1}
	n.submit(n.admin1, "consortium:Approve", terms)
	n.submit(n.admin2, "consortium:Approve", terms)
	n.submit(n.admin1, "roles:Grant", object{"role": "bridge", "unit": "admin"})
}

// registration is a valid request to register a device.
func (n *network) registration(id, msp string) (object, cose.Signer) {
	signer := newSigner(n.t, "EdDSA")
	return object{"id": id, "key": signer.Key().Text(), "proof": possession(n.t, signer, id, msp, "mychannel")}, signer
}

// backDoors are calls of all that the rogue can do to a key.
func backDoors(key string) [][]string {
	return [][]string{{"rogue:Write", key, `{"forged":1}`}, {"rogue:Guard", key}, {"rogue:Delete", key}}
}

// everyKind writes a record of every kind, and an entry of every index, and returns their keys.
func (n *network) everyKind() []string {
	theirs, _ := n.registration("theirs", "Org2MSP")
	n.submit(n.admin2, "devices:Register", theirs)
	ours, _ := n.registration("ours", "Org1MSP")
	ours["type"], ours["attributes"] = "pump", object{"site": "plant-7"}
	device := decode[record.Device](n.t, n.submit(n.admin1, "devices:Register", ours))
	n.submit(n.admin1, "devices:AddManufacturer", object{"name": "maker", "certificate": newMaker(n.t, "maker", nil).text()})
	signer := newSigner(n.t, "EdDSA")
	n.submit(n.admin1, "anchors:OpenStream", object{
		"id": "stream", "key": signer.Key().Text(), "proof": streamPossession(n.t, signer, "stream", "Org1MSP", "mychannel"),
	})
	first := anchor("stream", 1, record.ZeroHash)
	n.submit(n.admin1, "anchors:Anchor", canonical(n.t, first))
	other := first
	other.Size, other.Counts = 3, map[string]uint64{record.DeviceSigned: 3}
	report := decode[record.EquivocationReport](n.t, n.submit(n.admin1, "anchors:ReportEquivocation", object{"anchor": canonical(n.t, other)}))
	n.submit(n.admin1, "policies:Put", object{"id": "share", "text": `permit(principal, action == Action::"read", resource);`})
	access := decode[record.Access](n.t, n.submit(n.admin2, "access:Request", readOf("Org1MSP/ours")))
	return append(record.DeviceIndexKeys(device),
		record.DeviceKey(their("theirs")), record.StopKey(their("theirs")), record.DeviceKey(our("ours")), record.ManufacturerKey("Org1MSP", "maker"),
		record.StreamKey(our("stream")), record.HeadKey(our("stream")), record.AnchorKey(our("stream"), 1), record.AnchorDayKey(first), record.EquivocationKey(report),
		record.PolicyKey("Org1MSP", "share"), record.RevisionKey("Org1MSP", "share", 1), record.AccessKey(access.ID),
		record.ConsortiumKey(), record.ApprovalKey("Org2MSP"), record.GrantKey("Org1MSP", record.Bridge, record.Subject{Unit: "admin"}),
	)
}

func TestARogueOnOneOrganisationsPeerChangesNothing(t *testing.T) {
	n := newRogueNetwork(t)
	const failure = peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
	before, _ := n.registration("before", "Org2MSP")
	n.submit(n.admin2, "devices:Register", before)
	for _, call := range backDoors(record.DeviceKey(their("before"))) {
		require.Equal(t, peer.TxValidationCode_VALID, n.alone(n.admin1, "Org1MSP", call...),
			"without terms one organisation suffices here: the rogue works by %q", call)
	}
	_, err := n.admin2.EvaluateTransaction("devices:Get", "Org2MSP/before")
	require.Error(t, err, "the rogue deleted it")

	n.agree()
	var calls [][]string
	for _, key := range n.everyKind() {
		calls = append(calls, backDoors(key)...)
	}
	for i, code := range n.eachAlone(n.admin1, "Org1MSP", calls...) {
		require.Equal(t, failure, code, "%q", calls[i])
	}
	// An organisation alone can write its approval, but not approve for another by it.
	forged := `{"type":"approval","version":1,"msp":"Org2MSP","terms":{"organisations":["Org1MSP","Org2MSP"],"others":0},"updated":1}`
	require.Equal(t, peer.TxValidationCode_VALID, n.alone(n.admin1, "Org1MSP", "rogue:Write", record.ApprovalKey("Org1MSP"), forged))
	n.submit(n.admin1, "consortium:Approve", object{"organisations": []string{"Org1MSP", "Org2MSP"}, "others": 0})
	require.Equal(t, 1, decode[consortium](t, n.evaluate("consortium:Get")).Terms.Others)
	// Our own code on one peer does not suffice either, but to stop our own device; on both it does.
	ours := text(t, object{"id": "ours"})
	require.Equal(t, failure, n.alone(n.admin1, "Org1MSP", "devices:Offer", text(t, object{"id": "ours", "to": "Org2MSP"})))
	require.Equal(t, peer.TxValidationCode_VALID, n.alone(n.admin1, "Org1MSP", "devices:Suspend", ours))
	require.Equal(t, record.Suspended, decode[record.Device](t, n.evaluate("devices:Get", "Org1MSP/ours")).Status)
	require.Equal(t, failure, n.alone(n.admin1, "Org1MSP", "devices:Resume", ours))
	n.submit(n.admin1, "devices:Resume", object{"id": "ours"})
	require.Equal(t, record.Active, decode[record.Device](t, n.evaluate("devices:Get", "Org1MSP/ours")).Status)
}

// evaluate queries as organisation 2 and returns the result.
func (n *network) evaluate(function string, args ...string) string {
	n.t.Helper()
	result, err := n.admin2.EvaluateTransaction(function, args...)
	require.NoError(n.t, err, function)
	return string(result)
}

func TestDevicesAndStreamsDoNotConflictOnTheLedger(t *testing.T) {
	n := newNetwork(t)
	n.agree()
	const streams, anchors, devices = 6, 5, 40
	var all sync.WaitGroup
	failures := make(chan error, streams+devices)
	// An endorsement may fail while the other organisation's peer is a block behind; no transaction
	// that was ordered may be invalid.
	submit := func(function, request string) error {
		for {
			_, err := n.admin1.SubmitTransaction(function, request)
			var behind *client.EndorseError
			if !errors.As(err, &behind) || t.Context().Err() != nil {
				return err
			}
		}
	}
	for i := range streams {
		id := fmt.Sprint("stream-", i)
		signer := newSigner(t, "EdDSA")
		open := text(t, object{"id": id, "key": signer.Key().Text(), "proof": streamPossession(t, signer, id, "Org1MSP", "mychannel")})
		all.Go(func() {
			err := submit("anchors:OpenStream", open)
			previous := record.ZeroHash
			for number := uint64(1); number <= anchors && err == nil; number++ {
				a := anchor(id, number, previous)
				previous = hashOf(t, a)
				data, _ := a.Encode()
				err = submit("anchors:Anchor", string(data))
			}
			failures <- err
		})
	}
	for i := range devices {
		request, _ := n.registration(fmt.Sprint("device-", i), "Org1MSP")
		register := text(t, request)
		all.Go(func() { failures <- submit("devices:Register", register) })
	}
	all.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	for i := range streams {
		require.Eventually(t, func() bool { // organisation 2's peer may be a block behind
			head := decode[record.Head](t, n.evaluate("anchors:Head", fmt.Sprint("Org1MSP/stream-", i)))
			return head.Number == anchors
		}, time.Minute, 10*time.Millisecond)
	}
	require.Eventually(t, func() bool {
		return len(decode[deviceList](t, n.evaluate("devices:List", `{"owner":"Org1MSP"}`)).Devices) == devices
	}, time.Minute, 10*time.Millisecond)
}

func TestTheWholeLifeOfADeviceOnTheLedger(t *testing.T) {
	n := newNetwork(t)
	n.agree()
	request, old := n.registration("pump-1", "Org1MSP")
	n.submit(n.admin1, "devices:Register", request)
	next := newSigner(t, "ES256")
	n.submit(n.admin1, "devices:RotateKey", object{
		"id": "pump-1", "key": next.Key().Text(), "proof": possession(t, next, "pump-1", "Org1MSP", "mychannel"),
		"authorization": authorization(t, old, next, "pump-1", "Org1MSP", "mychannel"),
	})
	n.submit(n.admin1, "devices:Offer", object{"id": "pump-1", "to": "Org2MSP"})
	moved := newSigner(t, "EdDSA")
	n.submit(n.admin2, "devices:Accept", object{
		"from": "Org1MSP/pump-1", "key": moved.Key().Text(), "proof": possession(t, moved, "pump-1", "Org2MSP", "mychannel"),
	})
	n.submit(n.admin2, "policies:Put", object{"id": "share", "text": `permit(principal in Organisation::"Org1MSP", action == Action::"read", resource);`})
	access := decode[record.Access](t, n.submit(n.admin1, "access:Request", readOf("Org2MSP/pump-1")))
	require.True(t, access.Decision.Allowed)
	require.Equal(t, "Org2MSP", access.Decision.Devices[0].Device.Owner)
	d := decode[record.Device](t, n.submit(n.admin2, "devices:Revoke", object{"id": "pump-1", "reason": "stolen"}))
	require.Equal(t, record.Revoked, d.Status)
	require.Equal(t, []string{"pump-1"}, idsOf(t, n.evaluate("devices:List", `{"status":"revoked","owner":"Org2MSP"}`)))
	former := decode[record.Device](t, n.evaluate("devices:Get", "Org1MSP/pump-1"))
	require.Equal(t, record.Transferred, former.Status)
	require.Equal(t, d.Name(), former.TransferredTo)
	require.Contains(t, n.evaluate("devices:KeyAt", "Org1MSP/pump-1", strconv.FormatInt(former.Registered.Time, 10)), old.Key().ID().String())
	var history struct {
		Changes []struct {
			TxID   string        `json:"txId"`
			Time   int64         `json:"time"`
			Device record.Device `json:"device"`
		} `json:"changes"`
		After string `json:"after"`
	}
	require.NoError(t, record.Decode([]byte(n.evaluate("devices:History", `{"device":"Org1MSP/pump-1"}`)), &history))
	require.Len(t, history.Changes, 4)
}

// idsOf lists the ids of a page of devices.
func idsOf(t *testing.T, page string) (ids []string) {
	for _, d := range decode[deviceList](t, page).Devices {
		ids = append(ids, d.ID)
	}
	return ids
}
