// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/internal/rogue"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/fabric"
	"github.com/anchorline/anchorline/reading/cose"
)

// oneSuffices is an endorsement policy by which one organisation suffices for a new key, so that
// only key-level policies stand in a rogue's way.
const oneSuffices = "OR('Org1MSP.peer', 'Org2MSP.peer')"

// network is a network with the rogue chaincode on it, and its clients.
type network struct {
	t      *testing.T
	admin1 *client.Contract
	admin2 *client.Contract
}

// onBoth runs a test on the embedded network and, where Fabric's programs are, on a real one.
func onBoth(t *testing.T, test func(*network)) {
	t.Run("embedded", func(t *testing.T) { test(embedded(t)) })
	t.Run("real", func(t *testing.T) {
		if testing.Short() {
			t.Skip("SKIPPED, NOT TESTED ON REAL FABRIC: left out by -short")
		}
		if err := fabric.Available(); err != nil {
			t.Skipf("SKIPPED, NOT TESTED ON REAL FABRIC: %v", err)
		}
		test(onFabric(t))
	})
}

// embedded starts the embedded network.
func embedded(t *testing.T) *network {
	cc, err := contract.New()
	require.NoError(t, err)
	cfg := devnet.Default(t.TempDir())
	cfg.Chaincode = rogue.Chaincode{Chaincode: cc}
	cfg.EndorsementPolicy = oneSuffices
	cfg.BatchTimeout = 50 * time.Millisecond
	n, err := devnet.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return &network{
		t: t, admin1: contractFor(t, n.Profile("Org1MSP", "Admin")), admin2: contractFor(t, n.Profile("Org2MSP", "Admin")),
	}
}

// onFabric starts a real network in a folder of its own.
func onFabric(t *testing.T) *network {
	n, err := fabric.Start(t.Context(), fabric.Config{Dir: t.TempDir(), BasePort: freePorts(t)})
	if n != nil {
		t.Cleanup(func() { require.NoError(t, n.Purge(context.WithoutCancel(t.Context()))) })
	}
	require.NoError(t, err)
	source, err := filepath.Abs(filepath.Join("..", "internal", "rogue", "serve"))
	require.NoError(t, err)
	require.NoError(t, n.Deploy(t.Context(), fabric.Deployment{Name: "rogue", Source: source, Policy: oneSuffices}))
	clients := &network{t: t}
	for msp, c := range map[string]**client.Contract{"Org1MSP": &clients.admin1, "Org2MSP": &clients.admin2} {
		profile, _, err := n.Profile(msp, "Admin", "rogue")
		require.NoError(t, err)
		*c = contractFor(t, devnet.Profile(profile))
	}
	return clients
}

// freePorts finds forty ports in a row that nobody listens on.
func freePorts(t *testing.T) int {
	t.Helper()
	for base := 21000 + os.Getpid()%100*40; base < 25900; base += 40 {
		if allFree(base, 40) {
			return base
		}
	}
	require.FailNow(t, "no forty free ports in a row between 21000 and 25900")
	return 0
}

func allFree(base, count int) bool {
	for port := base; port < base+count; port++ {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil || listener.Close() != nil {
			return false
		}
	}
	return true
}

// contractFor connects the real SDK by a profile.
func contractFor(t *testing.T, p devnet.Profile) *client.Contract {
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
	return gateway.GetNetwork(p.Channel).GetContract(p.Chaincode)
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// submit commits a transaction that must be valid and returns its result.
func (n *network) submit(as *client.Contract, function string, request any) string {
	n.t.Helper()
	result, err := as.SubmitTransaction(function, text(n.t, request))
	require.NoError(n.t, err, function)
	return string(result)
}

// alone submits what one organisation's peer endorsed and returns how it was validated.
func (n *network) alone(as *client.Contract, msp, function string, args ...string) peer.TxValidationCode {
	n.t.Helper()
	_, err := as.Submit(function, client.WithArguments(args...), client.WithEndorsingOrganizations(msp))
	if err == nil {
		return peer.TxValidationCode_VALID
	}
	var commit *client.CommitError
	require.ErrorAs(n.t, err, &commit)
	return commit.Code
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

func TestARogueOnOneOrganisationsPeerChangesNothing(t *testing.T) {
	onBoth(t, aRogueOnOneOrganisationsPeerChangesNothing)
}

func aRogueOnOneOrganisationsPeerChangesNothing(n *network) {
	t := n.t
	const failure = peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
	before, _ := n.registration("before", "Org2MSP")
	n.submit(n.admin2, "devices:Register", before)
	require.Equal(t, peer.TxValidationCode_VALID, n.alone(n.admin1, "Org1MSP", "rogue:Write", record.DeviceKey("before"), `{"forged":1}`),
		"without terms one organisation suffices here: the rogue works")

	n.agree()
	theirs, _ := n.registration("theirs", "Org2MSP")
	ours, _ := n.registration("ours", "Org1MSP")
	n.submit(n.admin2, "devices:Register", theirs)
	n.submit(n.admin1, "devices:Register", ours)
	signer := newSigner(t, "EdDSA")
	n.submit(n.admin1, "anchors:OpenStream", object{
		"id": "stream", "key": signer.Key().Text(), "proof": streamPossession(t, signer, "stream", "Org1MSP", "mychannel"),
	})
	first := anchor("stream", 1, record.ZeroHash)
	n.submit(n.admin1, "anchors:Anchor", canonical(t, first))
	keys := []string{
		record.DeviceKey("theirs"), record.DeviceKey("ours"), record.StreamKey("stream"), record.HeadKey("stream"),
		record.AnchorKey("stream", 1), record.ConsortiumKey(), record.GrantKey("Org1MSP", record.Bridge, record.Subject{Unit: "admin"}),
	}
	keys = append(keys, record.DeviceIndexKeys(decode[record.Device](t, n.evaluate("devices:Get", "ours")))...)
	for _, key := range keys {
		require.Equal(t, failure, n.alone(n.admin1, "Org1MSP", "rogue:Write", key, `{"forged":1}`), "%q", key)
		require.Equal(t, failure, n.alone(n.admin1, "Org1MSP", "rogue:Guard", key), "%q", key)
		require.Equal(t, failure, n.alone(n.admin2, "Org2MSP", "rogue:Write", key, `{"forged":1}`), "%q", key)
	}
	// An organisation alone can write its approval, but not approve for another by it.
	forged := `{"type":"approval","version":1,"msp":"Org2MSP","terms":{"organisations":["Org1MSP","Org2MSP"],"others":0},"updated":1}`
	require.Equal(t, peer.TxValidationCode_VALID, n.alone(n.admin1, "Org1MSP", "rogue:Write", record.ApprovalKey("Org1MSP"), forged))
	n.submit(n.admin1, "consortium:Approve", object{"organisations": []string{"Org1MSP", "Org2MSP"}, "others": 0})
	require.Equal(t, 1, decode[consortium](t, n.evaluate("consortium:Get")).Terms.Others)
	// Our own code on one peer does not suffice either; on both it does.
	suspend := text(t, object{"id": "ours"})
	require.Equal(t, failure, n.alone(n.admin1, "Org1MSP", "devices:Suspend", suspend))
	n.submit(n.admin1, "devices:Suspend", object{"id": "ours"})
	require.Equal(t, record.Suspended, decode[record.Device](t, n.evaluate("devices:Get", "ours")).Status)
}

// evaluate queries as organisation 2 and returns the result.
func (n *network) evaluate(function string, args ...string) string {
	n.t.Helper()
	result, err := n.admin2.EvaluateTransaction(function, args...)
	require.NoError(n.t, err, function)
	return string(result)
}

func TestDevicesAndStreamsDoNotConflictOnTheLedger(t *testing.T) {
	onBoth(t, devicesAndStreamsDoNotConflictOnTheLedger)
}

func devicesAndStreamsDoNotConflictOnTheLedger(n *network) {
	t := n.t
	n.agree()
	const streams, anchors, devices = 6, 5, 40
	var all sync.WaitGroup
	failures := make(chan error, streams+devices)
	submit := func(function, request string) error {
		_, err := n.admin1.SubmitTransaction(function, request)
		return err
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
				previous = a.HashText()
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
		head := decode[record.Head](t, n.evaluate("anchors:Head", fmt.Sprint("stream-", i)))
		require.Equal(t, uint64(anchors), head.Number)
	}
	require.Len(t, decode[deviceList](t, n.evaluate("devices:List", `{"owner":"Org1MSP"}`)).Devices, devices)
}

func TestTheWholeLifeOfADeviceOnTheLedger(t *testing.T) { onBoth(t, theWholeLifeOfADeviceOnTheLedger) }

func theWholeLifeOfADeviceOnTheLedger(n *network) {
	t := n.t
	n.agree()
	request, old := n.registration("pump-1", "Org1MSP")
	n.submit(n.admin1, "devices:Register", request)
	next := newSigner(t, "ES256")
	n.submit(n.admin1, "devices:RotateKey", object{
		"id": "pump-1", "key": next.Key().Text(), "proof": possession(t, next, "pump-1", "Org1MSP", "mychannel"),
		"authorization": authorization(t, old, next, "pump-1", "Org1MSP", "mychannel"),
	})
	n.submit(n.admin1, "devices:Offer", object{"id": "pump-1", "to": "Org2MSP"})
	n.submit(n.admin2, "devices:Accept", object{"id": "pump-1"})
	n.submit(n.admin2, "policies:Put", object{"id": "share", "text": `permit(principal in Organisation::"Org1MSP", action == Action::"read", resource);`})
	access := decode[record.Access](t, n.submit(n.admin1, "access:Request", readOf("pump-1")))
	require.True(t, access.Decision.Allowed)
	require.Equal(t, "Org2MSP", access.Decision.Devices[0].Owner)
	d := decode[record.Device](t, n.submit(n.admin2, "devices:Revoke", object{"id": "pump-1", "reason": "stolen"}))
	require.Equal(t, record.Revoked, d.Status)
	require.Equal(t, []string{"pump-1"}, idsOf(t, n.evaluate("devices:List", `{"status":"revoked","owner":"Org2MSP"}`)))
	require.Contains(t, n.evaluate("devices:KeyAt", "pump-1", strconv.FormatInt(d.Registered, 10)), old.Key().ID().String())
	var history struct {
		Changes []struct {
			TxID   string        `json:"txId"`
			Time   int64         `json:"time"`
			Device record.Device `json:"device"`
		} `json:"changes"`
		After string `json:"after"`
	}
	require.NoError(t, record.Decode([]byte(n.evaluate("devices:History", `{"id":"pump-1"}`)), &history))
	require.Len(t, history.Changes, 5)
}

// idsOf lists the ids of a page of devices.
func idsOf(t *testing.T, page string) (ids []string) {
	for _, d := range decode[deviceList](t, page).Devices {
		ids = append(ids, d.ID)
	}
	return ids
}
