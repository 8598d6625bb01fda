// SPDX-License-Identifier: Apache-2.0

package fabric_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// script is the path of one of the scripts, from this package's folder.
func script(name string) string {
	return filepath.Join("..", "..", "test-network-scripts", name)
}

// say runs a script without Fabric's programs in reach and returns what it said.
func say(t *testing.T, name string, arguments ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), script(name), arguments...)
	command.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir()}
	output, err := command.CombinedOutput()
	return string(output), err
}

func scripts(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(script("*.sh"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

func TestEveryScriptExplainsItself(t *testing.T) {
	for _, path := range scripts(t) {
		name := filepath.Base(path)
		said, err := say(t, name, "--help")
		require.NoError(t, err, said)
		require.True(t, strings.HasPrefix(said, name+":"), "%s --help says %q", name, said)
		require.NotContains(t, said, "set -euo")

		said, err = say(t, name, "--no-such-option")
		require.Error(t, err)
		require.Contains(t, said, "unknown argument --no-such-option")
	}
}

func TestMissingProgramsAreNamedWithWhereToGetThem(t *testing.T) {
	if _, err := exec.LookPath("/usr/bin/orderer"); err == nil {
		t.Skip("SKIPPED: Fabric is installed in /usr/bin, nothing is missing")
	}
	said, err := say(t, "up.sh", "--dir", filepath.Join(t.TempDir(), "network"))
	require.Error(t, err)
	require.Contains(t, said, "peer orderer cryptogen configtxgen osnadmin")
	require.Contains(t, said, "FABRIC_BIN")
	require.Contains(t, said, "https://github.com/hyperledger/fabric/releases")
}

func TestUpRefusesWhatItCannotBuild(t *testing.T) {
	for _, arguments := range [][]string{
		{"--orderers", "2"},
		{"--orderers"},
		{"--orgs", "4"},
		{"--base-port", "80"},
		{"--base-port", "65530"},
		{"--channel", "My Channel"},
	} {
		said, err := say(t, "up.sh", arguments...)
		require.Error(t, err, arguments)
		require.Contains(t, said, arguments[0])
	}
}

// pretend runs a script with programs that only say to be of Fabric 2.5, for what is decided before
// one of them is needed for more.
func pretend(t *testing.T, name string, arguments ...string) (string, error) {
	t.Helper()
	return pretendVersion(t, "v2.5.16", nil, name, arguments...)
}

func pretendVersion(t *testing.T, version string, env []string, name string, arguments ...string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	for _, program := range []string{"peer", "orderer", "cryptogen", "configtxgen", "osnadmin"} {
		put(t, filepath.Join(bin, program), "#!/bin/sh\necho ' Version: "+version+"'\n")
		require.NoError(t, os.Chmod(filepath.Join(bin, program), 0o755))
	}
	command := exec.CommandContext(t.Context(), script(name), arguments...)
	command.Env = append([]string{"PATH=/usr/bin:/bin", "FABRIC_BIN=" + bin,
		"TEST_NETWORK=" + os.Getenv("TEST_NETWORK"), "NANO_BASH=" + os.Getenv("NANO_BASH")}, env...)
	output, err := command.CombinedOutput()
	return string(output), err
}

func TestUpWantsToKnowWhichFabricItStarts(t *testing.T) {
	for _, version := range []string{"latest", "", "v", "3"} {
		dir := filepath.Join(t.TempDir(), "network")
		said, err := pretendVersion(t, version, nil, "up.sh", "--dir", dir)
		require.Error(t, err, said)
		require.Contains(t, said, `says to be version "`+version+`", which is none`)
		require.Contains(t, said, "export FABRIC_MAJOR=3")
		found, err := os.ReadDir(dir)
		require.True(t, errors.Is(err, fs.ErrNotExist) || len(found) == 0, "nothing is left behind: %v", found)
	}
}

func TestTheTimeWindowIsCheckedWhereFabricKnowsHow(t *testing.T) {
	for version, env := range map[string][]string{"v3.1.5": nil, "v2.5.16": nil, "latest": {"FABRIC_MAJOR=3"}, "v2.5.17": {"FABRIC_MAJOR=3"}} {
		dir := t.TempDir()
		for _, org := range []string{"org1", "org2"} { // keys that are there are not made
			put(t, filepath.Join(dir, "crypto", "peerOrganizations", org+".example.com", "peers", "peer0."+org+".example.com", "msp", "config.yaml"), "")
		}
		said, err := pretendVersion(t, version, env, "up.sh", "--dir", dir, "--base-port", strconv.Itoa(freePorts(t)))
		require.Error(t, err, "the programs do nothing")
		template, err := os.ReadFile(filepath.Join(dir, "config", "core-template.yaml"))
		require.NoError(t, err, said)
		require.Equal(t, !strings.HasPrefix(version, "v2"), strings.Contains(string(template), "TimeWindowCheck"), version)
	}
}

func TestABusyPortLeavesNothingSoThatAnotherBasePortWorks(t *testing.T) {
	dir, base := t.TempDir(), freePorts(t)
	for _, offset := range []int{0, 4, 11, 16} { // of an orderer, of peers, of chaincode
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+offset))
		require.NoError(t, err)
		said, err := pretend(t, "up.sh", "--dir", dir, "--base-port", strconv.Itoa(base))
		require.Error(t, err, said)
		require.Contains(t, said, fmt.Sprintf("port %d is in use; choose others with --base-port", base+offset))
		found, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, found)
		require.NoError(t, listener.Close())
	}
	_, err := pretend(t, "up.sh", "--dir", dir, "--base-port", strconv.Itoa(freePorts(t)))
	require.Error(t, err, "the programs do nothing")
	require.FileExists(t, filepath.Join(dir, "settings"), "the advice works")
}

func TestUpRefusesSmartBFTOnFabric2AndLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "network")
	said, err := pretend(t, "up.sh", "--orderers", "bft", "--dir", dir)
	require.Error(t, err)
	require.Contains(t, said, "SmartBFT needs Fabric 3; these programs are version v2.5.16")
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, found, "the folder would be taken for a SmartBFT network")
}

func TestDeployRefusesADescriptionThatCannotWork(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "ca.pem"), "")
	for _, part := range []string{"signcerts/cert.pem", "keystore/key", "cacerts/ca.pem", "config.yaml"} {
		put(t, filepath.Join(dir, "msp", part), "")
	}
	put(t, filepath.Join(dir, "bare", "signcerts", "cert.pem"), "")
	for _, part := range []string{"signcerts/cert.pem", "keystore/key", "cacerts/ca.pem"} {
		put(t, filepath.Join(dir, "casmsp", part), "")
	}
	well := "CHANNEL=c\nORDERER_ADDRESS=o:1\nORDERER_TLS_CA=" + dir + "/ca.pem\nORGS=A\nA_MSP_ID=AMSP\nA_PEER_ADDRESS=p:1\n" +
		"A_TLS_CA=" + dir + "/ca.pem\nA_ADMIN_MSP=" + dir + "/msp\nA_CHAINCODE_ADDRESS=c:1\n"
	for change, complaint := range map[string]string{
		"A_MSP_ID=":                                  "does not set A_MSP_ID",
		"OTHERS=B":                                   "does not set B_MSP_ID",
		"A_TLS_CA=" + dir + "/gone.pem":              "A_TLS_CA names " + dir + "/gone.pem, which is not there",
		"CONSORTIUM_OTHERS=one":                      "CONSORTIUM_OTHERS is a number of organisations, not one",
		"A_USERS=U":                                  "A_USERS names U, but A_U_MSP is not set",
		"A_ADMIN_MSP=" + dir + "/bare":               "no keystore in",
		"A_ADMIN_MSP=" + dir + "/casmsp":             "no config.yaml in",
		"A_CHAINCODE_CLIENT_CERT=" + dir + "/ca.pem": "belong together",
	} {
		file := filepath.Join(t.TempDir(), "network.env")
		put(t, file, well+change+"\n")
		said, err := pretend(t, "deploy.sh", "--env", file, "--dir", filepath.Join(dir, "deploy"))
		require.Error(t, err, change)
		require.Contains(t, said, complaint, change)
	}
}

// The descriptions of fabric-samples' networks name what those networks have, and nothing is missing
// in them: past its check of them, deploy.sh asks the peer, which only pretends here.
func TestDeployTakesTheDescriptionsOfFabricSamples(t *testing.T) {
	for sample, crypto := range map[string][]string{
		"TEST_NETWORK=fabric-samples.env": {
			"organizations/ordererOrganizations/example.com/tlsca/tlsca.example.com-cert.pem",
			"organizations/peerOrganizations/ORG.example.com/tlsca/tlsca.ORG.example.com-cert.pem",
			"organizations/peerOrganizations/ORG.example.com/users/USER@ORG.example.com/msp",
		},
		"NANO_BASH=nano-bash.env": {
			"crypto-config/ordererOrganizations/example.com/orderers/orderer.example.com/tls/ca.crt",
			"crypto-config/peerOrganizations/ORG.example.com/peers/peer0.ORG.example.com/tls/ca.crt",
			"crypto-config/peerOrganizations/ORG.example.com/users/USER@ORG.example.com/msp",
		},
	} {
		variable, file, _ := strings.Cut(sample, "=")
		tree := filepath.Join(t.TempDir(), "sample")
		put(t, filepath.Join(tree, crypto[0]), "")
		for _, org := range []string{"org1", "org2"} {
			put(t, filepath.Join(tree, strings.ReplaceAll(crypto[1], "ORG", org)), "")
			for _, user := range []string{"Admin", "User1"} {
				msp := filepath.Join(tree, strings.NewReplacer("ORG", org, "USER", user).Replace(crypto[2]))
				for _, part := range []string{"signcerts/cert.pem", "keystore/key", "cacerts/ca.pem", "config.yaml"} {
					put(t, filepath.Join(msp, part), "")
				}
			}
		}
		t.Setenv(variable, tree)
		dir := t.TempDir()
		description, err := filepath.Abs(filepath.Join("env", file))
		require.NoError(t, err)
		said, _ := pretend(t, "deploy.sh", "--env", description, "--dir", dir)
		require.NotContains(t, said, file, "it complains of the description")
		require.FileExists(t, filepath.Join(dir, "deploy", "core.yaml"), said)
	}
}

func TestDownEndsOnlyWhatTheScriptsStarted(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "run"), 0o755))
	// The pid of a process that lives, this one, with a start time that is not its own: a pid
	// that the system gave to somebody else after a reboot looks like that.
	stale := strconv.Itoa(os.Getpid()) + "\n1\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "run", "orderer1.pid"), []byte(stale), 0o600))

	said, err := say(t, "down.sh", "--dir", dir)
	require.NoError(t, err, said)
	require.NoFileExists(t, filepath.Join(dir, "run", "orderer1.pid"))
}

func TestAProcessThatEndedAndNobodyWaitedForIsNotAlive(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("SKIPPED, NOT TESTED HERE: there is no /proc")
	}
	ended := exec.Command("true")
	require.NoError(t, ended.Start())
	t.Cleanup(func() { _ = ended.Wait() })
	alive := func(pid int) string {
		said, err := exec.CommandContext(t.Context(), "bash", "-c", `source "$0" && born "$1" || echo none`, script("lib/common.sh"), strconv.Itoa(pid)).CombinedOutput()
		require.NoError(t, err)
		return strings.TrimSpace(string(said))
	}
	require.Regexp(t, `^\d+$`, alive(os.Getpid()))
	require.Eventually(t, func() bool { return alive(ended.Process.Pid) == "none" }, time.Minute, 10*time.Millisecond)
}

func TestDownRemovesOnlyNetworks(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	require.NoError(t, os.WriteFile(precious, nil, 0o600))
	said, err := say(t, "down.sh", "--purge", "--dir", dir)
	require.Error(t, err)
	require.Contains(t, said, "was not made by up.sh")
	require.FileExists(t, precious)
}

func TestABundledProfileHoldsAllItNames(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "msp", "cert.pem"), "certificate")
	put(t, filepath.Join(dir, "msp", "key_sk"), "secret")
	put(t, filepath.Join(dir, "ca.crt"), "ca")
	profile := filepath.Join(dir, "profiles", "profile.json")
	put(t, profile, `{
  "endpoint": "localhost:7051",
  "serverName": "peer0",
  "tlsCa": "`+filepath.Join(dir, "ca.crt")+`",
  "mspId": "Org1MSP",
  "certificate": "../msp/cert.pem",
  "key": "../msp/key_sk",
  "channel": "mychannel",
  "chaincode": "anchorline"
}`)
	bundle := filepath.Join(dir, "bundle")
	said, err := say(t, "bundle-profile.sh", profile, bundle, "--endpoint", "peer0:7051")
	require.NoError(t, err, said)
	require.JSONEq(t, `{"endpoint":"peer0:7051","serverName":"peer0","tlsCa":"ca.pem","mspId":"Org1MSP",
		"certificate":"certificate.pem","key":"key.pem","channel":"mychannel","chaincode":"anchorline"}`,
		string(content(t, filepath.Join(bundle, "profile.json"))))
	require.Equal(t, "secret", string(content(t, filepath.Join(bundle, "key.pem"))))
	info, err := os.Stat(filepath.Join(bundle, "key.pem"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestScriptsPassShellcheck(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("SKIPPED: shellcheck is not installed, the shell scripts are not checked")
	}
	files := scripts(t)
	for _, pattern := range []string{script("lib/*.sh"), "builders/*/bin/*"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found)
		files = append(files, found...)
	}
	output, err := exec.CommandContext(t.Context(), shellcheck, append([]string{"-x"}, files...)...).CombinedOutput()
	require.NoError(t, err, string(output))
}
