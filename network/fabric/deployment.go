// SPDX-License-Identifier: Apache-2.0

package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Deployment says which chaincode to deploy; the zero value is ours, as deploy.sh does it.
type Deployment struct {
	// Name of the chaincode on the channel; "anchorline" when empty.
	Name string
	// Version of the definition; another one than the committed is an upgrade.
	Version string
	// Policy is the endorsement policy; a peer of each organisation when empty.
	Policy string
	// Source is the folder of the chaincode's main package; ours when empty.
	Source string
	// Sources are folders of main packages by MSP ID, of the organisations that run other code.
	Sources map[string]string
	// Addresses are host:port by MSP ID, where organisations' chaincode serves instead of at the
	// network's port for it: a second chaincode on one network needs its own.
	Addresses map[string]string
	// Like is the name of another chaincode that was deployed as a service: its packages are taken,
	// and its processes serve this one too.
	Like string
	// Package is a file from package-chaincode.sh that the peers build and run themselves; when
	// empty the chaincode is a service, built from Source.
	Package string
	// Probe is the call, as `peer chaincode query -c` takes it, that proves the chaincode is
	// reached; when empty, the metadata that every contract-api chaincode has.
	Probe string
}

// name is the chaincode's name, given or not.
func (d Deployment) name() string {
	if d.Name == "" {
		return "anchorline"
	}
	return d.Name
}

// Deploy installs, approves, commits and starts a chaincode on the network, and returns when the
// peers answered the probe. Of ours, all organisations have then approved the terms, that one other
// signs each change, and the users have their roles. What is as wanted is left alone.
func (n *Network) Deploy(ctx context.Context, deployment Deployment) error {
	arguments := []string{"--name", deployment.name()}
	for _, option := range [...]struct{ flag, value string }{
		{"--version", deployment.Version},
		{"--policy", deployment.Policy},
		{"--source", deployment.Source},
		{"--package", deployment.Package},
		{"--like", deployment.Like},
		{"--probe", deployment.Probe},
	} {
		if option.value != "" {
			arguments = append(arguments, option.flag, option.value)
		}
	}
	for _, option := range [...]struct {
		flag   string
		values map[string]string
	}{{"--source-of", deployment.Sources}, {"--address-of", deployment.Addresses}} {
		for _, mspID := range slices.Sorted(maps.Keys(option.values)) {
			arguments = append(arguments, option.flag, mspID+"="+option.values[mspID])
		}
	}
	return n.run(ctx, "deploy.sh", arguments...)
}

// ErrNoProcess means that a chaincode's process is not one that Deploy started, or is gone.
var ErrNoProcess = errors.New("no such chaincode process")

// KillChaincode kills the process of an organisation's chaincode, as a crash would; Deploy starts it
// again. chaincode is the name it was deployed by, "anchorline" when empty. The process is gone when
// it returns.
func (n *Network) KillChaincode(ctx context.Context, mspID, chaincode string) error {
	name := "chaincode-" + Deployment{Name: chaincode}.name() + "-" + mspID
	content, err := os.ReadFile(filepath.Join(n.config.Dir, "run", name+".pid"))
	if err != nil {
		return fmt.Errorf("%s: %w: %w", name, ErrNoProcess, err)
	}
	text, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s: %w: pid %q", name, ErrNoProcess, text)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("%s: %w: %w", name, ErrNoProcess, err)
	}
	for !n.down(ctx, name) {
		select {
		case <-time.After(deathPause):
		case <-ctx.Done():
			return fmt.Errorf("%s does not end: %w", name, ctx.Err())
		}
	}
	return nil
}

// deathPause is between two looks at a process that was killed.
const deathPause = 50 * time.Millisecond

// down tells whether status.sh says that a process does not run.
func (n *Network) down(ctx context.Context, name string) bool {
	err := n.Status(ctx)
	return err != nil && regexp.MustCompile("(?m)^"+regexp.QuoteMeta(name)+" +down$").MatchString(err.Error())
}

// Profile is what a client needs to act as one identity on the network; the file of it is the
// argument of `anchorline --fabric`. Paths are absolute.
type Profile struct {
	Endpoint    string `json:"endpoint"`
	ServerName  string `json:"serverName"`
	TLSCA       string `json:"tlsCa"`
	MSPID       string `json:"mspId"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Channel     string `json:"channel"`
	Chaincode   string `json:"chaincode"`
}

// Profile reads the profile of an identity and returns it and the path of its file. mspID is
// Org1MSP, Org2MSP or Org3MSP, user Admin, User1, User2 or User3; chaincode is the name it was deployed by,
// "anchorline" when empty.
func (n *Network) Profile(mspID, user, chaincode string) (Profile, string, error) {
	organisation := strings.ToLower(strings.TrimSuffix(mspID, "MSP"))
	file := filepath.Join(n.config.Dir, "profiles", chaincode,
		fmt.Sprintf("profile-%s-%s.json", organisation, strings.ToLower(user)))
	if chaincode == "anchorline" {
		file = filepath.Join(n.config.Dir, "profiles", filepath.Base(file))
	}
	var profile Profile
	content, err := os.ReadFile(file)
	if err != nil {
		return profile, file, fmt.Errorf("profile of %s of %s (is the chaincode deployed?): %w", user, mspID, err)
	}
	if err := json.Unmarshal(content, &profile); err != nil {
		return profile, file, fmt.Errorf("profile %s: %w", file, err)
	}
	return profile, file, nil
}

// Smoke takes one reading all the way: it registers a device, publishes over MQTT, waits for the
// anchor and verifies it with Fabric's peer command alone. Our chaincode must be deployed. The
// broker is an MQTT URL; when empty, the one that is embedded in anchorline.
func (n *Network) Smoke(ctx context.Context, broker string) error {
	if broker == "" {
		return n.run(ctx, "smoke.sh")
	}
	return n.run(ctx, "smoke.sh", "--broker", broker)
}
