// SPDX-License-Identifier: Apache-2.0

// Package docker_test checks docker-compose.yaml and what it builds from without a Docker engine:
// by parsing, and by running the same programs with the same environment.
package docker_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// compose is what the tests read of docker-compose.yaml.
type compose struct {
	Services map[string]service `yaml:"services"`
	Networks map[string]any     `yaml:"networks"`
	Volumes  map[string]any     `yaml:"volumes"`
}

type service struct {
	Profiles    []string          `yaml:"profiles"`
	Image       string            `yaml:"image"`
	Build       *build            `yaml:"build"`
	User        string            `yaml:"user"`
	ReadOnly    bool              `yaml:"read_only"`
	CapDrop     []string          `yaml:"cap_drop"`
	SecurityOpt []string          `yaml:"security_opt"`
	Restart     string            `yaml:"restart"`
	StopGrace   string            `yaml:"stop_grace_period"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Networks    yaml.Node         `yaml:"networks"`
	Healthcheck *struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
	DependsOn map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Privileged bool `yaml:"privileged"`
}

type build struct {
	Context    string `yaml:"context"`
	Dockerfile string `yaml:"dockerfile"`
	Target     string `yaml:"target"`
}

// root is the folder of docker-compose.yaml, from this package's.
const root = "../.."

func read(t *testing.T, elements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, elements...)...))
	require.NoError(t, err)
	return string(text)
}

func parse(t *testing.T) compose {
	t.Helper()
	var c compose
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "docker-compose.yaml")), &c))
	require.NotEmpty(t, c.Services)
	return c
}

func TestComposeIsAcceptedByDocker(t *testing.T) {
	docker, err := exec.LookPath("docker")
	if err != nil || exec.CommandContext(t.Context(), docker, "compose", "version").Run() != nil {
		t.Skip("SKIPPED: no docker compose here; the file is parsed by the other tests only")
	}
	for _, profile := range []string{"fabric", "embedded"} {
		command := exec.CommandContext(t.Context(), docker, "compose", "--profile", profile, "config", "--quiet")
		command.Dir = root
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
	}
}

func TestNoServiceMayMoreThanItNeeds(t *testing.T) {
	for name, s := range parse(t).Services {
		require.True(t, s.ReadOnly, "%s: root file system", name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
		require.False(t, s.Privileged, name)
		require.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, s.User, "%s: a user that is not root", name)
		require.Equal(t, "unless-stopped", s.Restart, name)
		for _, volume := range s.Volumes {
			require.NotContains(t, volume, "docker.sock", name)
		}
		for _, port := range s.Ports {
			require.Regexp(t, `:-127\.0\.0\.1:\d+\}:\d+$`, port, "%s: published beyond this machine by default", name)
		}
	}
}

func TestEverythingComposeNamesIsThere(t *testing.T) {
	c := parse(t)
	for name, s := range c.Services {
		require.NotEmpty(t, s.Profiles, name)
		for dependency := range s.DependsOn {
			other, known := c.Services[dependency]
			require.True(t, known, "%s depends on %s", name, dependency)
			for _, profile := range s.Profiles {
				require.Contains(t, other.Profiles, profile, "%s without %s", name, dependency)
			}
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			switch {
			case strings.HasPrefix(source, "${"): // the operator's
			case strings.HasPrefix(source, "."):
				require.FileExists(t, filepath.Join(root, source), name)
			default:
				require.Contains(t, c.Volumes, source, name)
			}
		}
		for _, network := range networks(t, s.Networks) {
			require.Contains(t, c.Networks, network, name)
		}
	}
}

// networks are the names of a service's networks, given as a list or as a map.
func networks(t *testing.T, node yaml.Node) []string {
	t.Helper()
	if node.Kind == yaml.SequenceNode {
		var list []string
		require.NoError(t, node.Decode(&list))
		return list
	}
	byName := map[string]any{}
	require.NoError(t, node.Decode(&byName))
	return slices.Collect(maps.Keys(byName))
}

func TestEveryBuildTargetIsStaticUnprivilegedAndKnown(t *testing.T) {
	stages := dockerfile(t)
	for name, s := range parse(t).Services {
		if s.Build == nil {
			continue
		}
		require.Equal(t, ".", s.Build.Context, name)
		require.FileExists(t, filepath.Join(root, s.Build.Dockerfile))
		stage, known := stages[s.Build.Target]
		require.True(t, known, "%s: no stage %q", name, s.Build.Target)
		require.Contains(t, stage, "FROM scratch AS ", name)
		require.Contains(t, stage, "\nUSER "+s.User+"\n", name)
	}
	require.Contains(t, stages["build"], "CGO_ENABLED=0")
	for _, folder := range regexp.MustCompile(`\./[\w/]+`).FindAllString(stages["build"], -1) {
		if folder != "./" {
			require.DirExists(t, filepath.Join(root, folder))
		}
	}
}

// dockerfile returns the stages by name.
func dockerfile(t *testing.T) map[string]string {
	t.Helper()
	stages := map[string]string{}
	name := ""
	for line := range strings.Lines(read(t, "network", "docker", "Dockerfile")) {
		if rest, found := strings.CutPrefix(line, "FROM "); found {
			_, after, named := strings.Cut(rest, " AS ")
			require.True(t, named, line)
			name = strings.TrimSpace(after)
		}
		stages[name] += line
	}
	return stages
}

// Builders but Docker's own skip a folder that is left out, whatever of it is named after that; so
// the folders themselves must be named.
func TestTheBuilderIsGivenWhatTheBuildReads(t *testing.T) {
	given := strings.Split(read(t, "network", "docker", "Dockerfile.dockerignore"), "\n")
	const files = "{{with .Module}}{{if .Main}}{{range $.GoFiles}}{{$.Dir}}/{{.}}\n{{end}}{{range $.EmbedFiles}}{{$.Dir}}/{{.}}\n{{end}}{{end}}{{end}}"
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", files, "./chaincode", "./cmd/anchorline", "./network/docker/healthcheck")
	command.Dir = root
	output, err := command.Output()
	require.NoError(t, err)
	top, err := filepath.Abs(root)
	require.NoError(t, err)
	for _, file := range strings.Fields(string(output)) {
		path, err := filepath.Rel(top, file)
		require.NoError(t, err)
		folder, _, _ := strings.Cut(path, "/")
		require.Contains(t, given, "!"+folder, "%s is left out", path)
		require.NotRegexp(t, `_test\.go$|/testdata/`, path, "left out")
	}
}

func TestServicesThatOthersWaitForHaveAHealthCheck(t *testing.T) {
	c := parse(t)
	for name, s := range c.Services {
		for dependency, on := range s.DependsOn {
			require.Equal(t, "service_healthy", on.Condition, name)
			require.NotNil(t, c.Services[dependency].Healthcheck, dependency)
		}
	}
	check := c.Services["chaincode"].Healthcheck.Test
	require.Contains(t, dockerfile(t)["chaincode"], `CMD ["`+strings.Join(check[1:], `", "`)+`"]`, "the image alone has the same")
}

// Each health check asks where the service listens, and who publishes a port listens there.
func TestHealthChecksAndPortsAreThoseThatServicesListenOn(t *testing.T) {
	c := parse(t)
	port := regexp.MustCompile(`:(\d+)(/|$)`)
	for _, name := range []string{"bridge", "api", "embedded"} {
		s := c.Services[name]
		var listens []string
		for _, value := range s.Environment {
			if strings.HasPrefix(value, "0.0.0.0:") {
				listens = append(listens, port.FindStringSubmatch(value)[1])
			}
		}
		require.NotNil(t, s.Healthcheck, name)
		require.Equal(t, []string{"CMD", "/healthcheck"}, s.Healthcheck.Test[:2], "the image has nothing else")
		require.Contains(t, listens, port.FindStringSubmatch(s.Healthcheck.Test[2])[1], name)
		require.True(t, strings.HasSuffix(s.Healthcheck.Test[2], "/readyz"), name)
		require.Equal(t, "30s", s.StopGrace, "%s: what is under way may take 10 s, which is all that Docker gives", name)
		require.NotEmpty(t, s.Ports, name)
		for _, published := range s.Ports {
			require.Contains(t, listens, port.FindStringSubmatch(published[strings.LastIndex(published, ":"):])[1], name)
		}
	}
	require.Contains(t, dockerfile(t)["anchorline"], "/out/healthcheck")
}

// Bridge and API get their whole configuration by the environment. Run with exactly that, they must
// know every variable and stop at the first thing that is not there: the operator's profile.
func TestTheBinaryUnderstandsTheEnvironmentOfItsServices(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "anchorline")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, root+"/cmd/anchorline").CombinedOutput()
	require.NoError(t, err, string(output))

	services := parse(t).Services
	for _, name := range []string{"bridge", "api"} {
		command := exec.CommandContext(t.Context(), binary, services[name].Command...)
		command.Dir, command.Env = t.TempDir(), environment(services[name])
		output, err = command.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(output), "/profile/profile.json")
		require.Contains(t, string(output), "no such file")
	}
	for _, s := range []service{services["bridge"], services["api"], services["embedded"]} {
		help, err := exec.CommandContext(t.Context(), binary, append(s.Command, "--help")...).CombinedOutput()
		require.NoError(t, err)
		for variable := range s.Environment {
			require.Contains(t, string(help), "$"+variable, "%v: no flag takes it", s.Command)
		}
	}
}

// environment is a service's environment with the defaults of its variables.
func environment(s service) []string {
	var list []string
	reference := regexp.MustCompile(`\$\{\w+:-([^}]*)\}`)
	for name, value := range s.Environment {
		list = append(list, name+"="+reference.ReplaceAllString(value, "$1"))
	}
	return list
}

func TestTheChaincodeAsksForItsPackageID(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "chaincode")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, root+"/chaincode").CombinedOutput()
	require.NoError(t, err, string(output))
	command := exec.CommandContext(t.Context(), binary)
	command.Env = environment(parse(t).Services["chaincode"])
	output, err = command.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(output), "CHAINCODE_ID")
}

func TestBothMosquittoConfigurationsHaveTheSameLimits(t *testing.T) {
	setting := func(config, key string) string {
		found := regexp.MustCompile(`(?m)^` + key + ` (.*)$`).FindStringSubmatch(config)
		require.NotNil(t, found, key)
		return found[1]
	}
	container, native := read(t, "network", "docker", "mosquitto.conf"), read(t, "network", "broker", "mosquitto.conf")
	for _, key := range []string{"persistence", "autosave_interval", "max_queued_messages", "max_queued_bytes", "max_inflight_messages", "max_packet_size"} {
		require.Equal(t, setting(native, key), setting(container, key), key)
	}
}
