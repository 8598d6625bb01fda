// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	fabricidentity "github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/anchorline/anchorline/network/devnet"
)

// greeter is somebody's chaincode.
type greeter struct{}

func (greeter) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (greeter) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	_, args := stub.GetFunctionAndParameters()
	if err := stub.PutState("greeted", []byte(args[0])); err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success([]byte("hello, " + args[0]))
}

// Any Go chaincode can be tested with Fabric's real client, without Docker.
func ExampleStart() {
	if err := run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: hello, world
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "devnet-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cfg := devnet.Default(dir)
	cfg.Chaincode = devnet.Everywhere(greeter{})
	n, err := devnet.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = n.Close() }()
	return greet(n.Profile("Org1MSP", "User1"))
}

// greet is what any client of Fabric does.
func greet(p devnet.Profile) error {
	creds, err := credentials.NewClientTLSFromFile(p.TLSCA, p.ServerName)
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(p.Endpoint, grpc.WithTransportCredentials(creds))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	id, sign, err := user(p)
	if err != nil {
		return err
	}
	g, err := client.Connect(id, client.WithSign(sign), client.WithClientConnection(conn))
	if err != nil {
		return err
	}
	defer func() { _ = g.Close() }()
	answer, err := g.GetNetwork(p.Channel).GetContract(p.Chaincode).SubmitTransaction("greet", "world")
	fmt.Println(string(answer))
	return err
}

func user(p devnet.Profile) (*fabricidentity.X509Identity, fabricidentity.Sign, error) {
	certPEM, err := os.ReadFile(p.Certificate)
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(certPEM)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, err
	}
	keyPEM, err := os.ReadFile(p.Key)
	if err != nil {
		return nil, nil, err
	}
	key, err := fabricidentity.PrivateKeyFromPEM(keyPEM)
	if err != nil {
		return nil, nil, err
	}
	id, err := fabricidentity.NewX509Identity(p.MSPID, cert)
	if err != nil {
		return nil, nil, err
	}
	sign, err := fabricidentity.NewPrivateKeySign(key)
	return id, sign, err
}
