// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/api/rest"
	"github.com/anchorline/anchorline/internal/testnet"
	"github.com/anchorline/anchorline/ledger"
)

func TestMain(m *testing.M) { testnet.Main(m) }

const patience = 30 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// stub is a ledger that says what a test wants.
type stub struct {
	evaluate func(ctx context.Context, function string, args ...string) ([]byte, error)
	err      error // of everything else
}

// Evaluate answers.
func (s *stub) Evaluate(ctx context.Context, function string, args ...string) ([]byte, error) {
	if s.evaluate == nil {
		return []byte("{}"), s.err
	}
	return s.evaluate(ctx, function, args...)
}

// Height answers.
func (s *stub) Height(context.Context) (uint64, error) { return 1, s.err }

// BlockOf answers.
func (s *stub) BlockOf(context.Context, string) ([]byte, error) { return nil, s.err }

// EndorseOnly answers.
func (s *stub) EndorseOnly(context.Context, []string, string, ...string) (envelope, result []byte, err error) {
	return nil, nil, s.err
}

// ConfigBlock answers with what is none.
func (s *stub) ConfigBlock(context.Context) ([]byte, error) { return nil, s.err }

// serve runs the API until the test ends and returns its URL.
func serve(t *testing.T, l rest.Ledger, change ...func(*rest.Config)) string {
	t.Helper()
	return serveLogging(t, l, quiet, change...)
}

func serveLogging(t *testing.T, l rest.Ledger, logger *slog.Logger, change ...func(*rest.Config)) string {
	t.Helper()
	cfg := rest.Default()
	cfg.Listen, cfg.Name = "127.0.0.1:0", "mychannel/anchorline"
	for _, c := range change {
		c(&cfg)
	}
	s, err := rest.Listen(t.Context(), cfg, l, logger)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		served.Wait()
	})
	return s.URL()
}

// reply is an answer of the API.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) decode(t *testing.T, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(r.body, v), string(r.body))
}

// problem is an error of the API.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
}

// isProblem requires that a reply is an error in its one form.
func (r reply) isProblem(t *testing.T, status int, code string) problem {
	t.Helper()
	require.Equal(t, status, r.status, string(r.body))
	require.Equal(t, "application/problem+json", r.header.Get("Content-Type"))
	require.Equal(t, "no-store", r.header.Get("Cache-Control"))
	var p problem
	r.decode(t, &p)
	require.Equal(t, "about:blank", p.Type)
	require.Equal(t, http.StatusText(status), p.Title)
	require.Equal(t, status, p.Status)
	require.Equal(t, code, p.Code)
	require.NotEmpty(t, p.Detail)
	return p
}

// do sends a request; header is pairs of name and value.
func do(t *testing.T, method, url string, body []byte, header ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	require.NoError(t, err)
	for pair := range slices.Chunk(header, 2) {
		request.Header.Set(pair[0], pair[1])
		if pair[0] == "Host" {
			request.Host = pair[1]
		}
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	data, err := io.ReadAll(response.Body)
	require.NoError(t, errors.Join(err, response.Body.Close()))
	require.NotEmpty(t, response.Header.Get("X-Request-Id"))
	require.Empty(t, response.Header.Get("Access-Control-Allow-Origin"), "no other origin may read this")
	return reply{response.StatusCode, response.Header, data}
}

func get(t *testing.T, url string, header ...string) reply {
	t.Helper()
	return do(t, http.MethodGet, url, nil, header...)
}

// world is a network on which a real bridge anchored readings of simulated devices: both run in
// the built binary, since a bridge has no place in this room.
type world struct {
	t          *testing.T
	network    *testnet.Network
	ledger     *ledger.Client
	url        string
	statements [][]byte
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, network: testnet.Start(t)}
	for _, step := range []struct{ msp, function, request string }{
		{"Org1MSP", "policies:Put", `{"id":"readers","text":"permit (principal in Organisation::\"Org1MSP\", action == Action::\"read\", resource);"}`},
		{"Org1MSP", "policies:Put", `{"id":"old","text":"forbid (principal, action, resource) when { context has purpose && context.purpose == \"marketing\" };"}`},
		{"Org1MSP", "policies:Revoke", `{"id":"old","reason":"over & <done>"}`},
		{"Org2MSP", "policies:Put", `{"id":"readers","text":"forbid (principal, action, resource);"}`},
	} {
		w.network.Transact(step.msp, step.function, step.request)
	}
	w.ledger = w.network.Connect("Org1MSP", "User1")
	w.anchor()
	w.url = serve(t, w.ledger, func(c *rest.Config) { c.Name = w.ledger.Profile().Ledger() })
	return w
}

// anchor has a bridge and devices work for a second, and takes the statements they leave.
func (w *world) anchor() {
	w.t.Helper()
	dir := w.t.TempDir()
	binary := filepath.Join(dir, "anchorline")
	said, err := exec.CommandContext(w.t.Context(), "go", "build", "-o", binary, "../../cmd/anchorline").CombinedOutput()
	require.NoError(w.t, err, string(said))
	profile, err := json.Marshal(w.network.Profile("Org1MSP", "User1"))
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(filepath.Join(dir, "profile.json"), profile, 0o600))
	command := exec.CommandContext(w.t.Context(), binary, "up", "--fabric", "profile.json", "--listen", "127.0.0.1:0",
		"--stream", "s", "--devices", "3", "--rate", "20/s", "--linger", "20ms", "--for", "1s")
	command.Dir = dir
	said, err = command.CombinedOutput()
	require.NoError(w.t, err, string(said))
	files, err := filepath.Glob(filepath.Join(dir, "anchorline-data", "statements", "*.cose"))
	require.NoError(w.t, err)
	require.NotEmpty(w.t, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(w.t, err)
		w.statements = append(w.statements, data)
	}
}

// transact writes as the identity of the API.
func (w *world) transact(function, request string) []byte {
	w.t.Helper()
	result, _, err := w.ledger.Transact(w.t.Context(), function, request)
	require.NoError(w.t, err, function)
	return result
}

// verify asks for a report on a statement.
func (w *world) verify(statement []byte) reply {
	w.t.Helper()
	return do(w.t, http.MethodPost, w.url+"/v1/statements/verify", statement, "Content-Type", "application/cose")
}

// A journal is a log that a test reads. A request's line comes after its answer.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds a line.
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// line waits for a line with this text and returns it.
func (j *journal) line(t *testing.T, text string) string {
	t.Helper()
	var found string
	require.Eventually(t, func() bool {
		for line := range strings.Lines(j.String()) {
			if strings.Contains(line, text) {
				found = line
				return true
			}
		}
		return false
	}, patience, time.Millisecond, "%s is not in the log", text)
	return found
}
