// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/api/rest"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

// tokenFile writes a token to a file.
func tokenFile(t *testing.T, name, secret string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
	return file
}

func TestEveryFailureOfTheLedgerHasItsStatus(t *testing.T) {
	refuse := func(kind error, code record.Code) error {
		return &ledger.Error{Step: "evaluate", Kind: kind, Err: record.Errorf(code, "because")}
	}
	fail := func(kind error) error {
		return &ledger.Error{Step: "evaluate", Kind: kind, Err: errors.New("peer0.org1.example.com:7051 said so")}
	}
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{refuse(ledger.ErrNotFound, record.NotFound), 404, "NOT_FOUND"},
		{refuse(ledger.ErrForbidden, record.Forbidden), 403, "FORBIDDEN"},
		{refuse(ledger.ErrInvalidArgument, record.InvalidArgument), 400, "INVALID_ARGUMENT"},
		{refuse(ledger.ErrAlreadyExists, record.AlreadyExists), 409, "ALREADY_EXISTS"},
		{refuse(ledger.ErrConflict, record.Conflict), 409, "CONFLICT"},
		{refuse(ledger.ErrEquivocation, record.Equivocation), 409, "EQUIVOCATION"},
		{refuse(ledger.ErrTooLarge, record.TooLarge), 502, "TOO_LARGE"},
		{refuse(ledger.ErrChaincode, record.Internal), 502, "INTERNAL"},
		{fail(ledger.ErrChaincode), 502, "INTERNAL"},
		{fail(ledger.ErrUnavailable), 503, "UNAVAILABLE"},
		{fail(ledger.ErrDenied), 502, "LEDGER_REFUSED"},
		{fail(ledger.ErrConfig), 502, "LEDGER_REFUSED"},
		{errors.New("peer0.org1.example.com: of no kind"), 502, "INTERNAL"},
	} {
		log := &journal{}
		url := serveLogging(t, &stub{err: c.err}, log.logger())
		for _, path := range []string{"/v1/consortium", "/v1/devices", "/v1/streams/Org1MSP/s/head", "/v1/ledger"} {
			r := get(t, url+path)
			p := r.isProblem(t, c.status, c.code)
			require.NotContains(t, p.Detail, "peer0", "the network's own words are for the log")
			if c.status >= 500 {
				line := log.line(t, "request="+r.header.Get("X-Request-Id"))
				require.Contains(t, line, "level=WARN")
				require.Contains(t, line, "error=", "the network's own words")
			}
		}
	}
}

func TestTheLogSaysWhyAServiceIsNotReadyOnce(t *testing.T) {
	log := &journal{}
	url := serveLogging(t, &stub{err: &ledger.Error{Step: "evaluate", Kind: ledger.ErrUnavailable, Err: errors.New("peer0 is away")}}, log.logger())
	require.Equal(t, http.StatusServiceUnavailable, get(t, url+"/readyz").status)
	get(t, url+"/v1/nothing") // whose line comes after that of the probe, if it had one
	log.line(t, "path=/v1/nothing")
	require.Contains(t, log.line(t, "the ledger does not answer"), "peer0 is away")
	require.NotContains(t, log.String(), "path=/readyz")
}

func TestWhatFailsInTheServerIsInTheLog(t *testing.T) {
	log := &journal{}
	cert, key, _ := certificate(t)
	url := serveLogging(t, &stub{}, log.logger(), func(c *rest.Config) { c.TLSCert, c.TLSKey = cert, key })
	_, err := tls.Dial("tcp", url[len("https://"):], &tls.Config{MinVersion: tls.VersionTLS12})
	require.ErrorContains(t, err, "certificate")
	require.Contains(t, log.line(t, "TLS handshake error"), "level=WARN")
}

func TestALedgerThatAnswersNonsenseIsABadGateway(t *testing.T) {
	url := serve(t, &stub{evaluate: func(context.Context, string, ...string) ([]byte, error) { return []byte("<html>"), nil }})
	get(t, url+"/v1/devices").isProblem(t, http.StatusBadGateway, "INTERNAL")
}

func TestALedgerThatHangsIsAGatewayTimeout(t *testing.T) {
	hang := func(ctx context.Context, _ string, _ ...string) ([]byte, error) {
		<-ctx.Done()
		return nil, &ledger.Error{Step: "evaluate", Kind: ledger.ErrUnavailable, Err: ctx.Err()}
	}
	url := serve(t, &stub{evaluate: hang}, func(c *rest.Config) { c.Timeout = 50 * time.Millisecond })
	get(t, url+"/v1/consortium").isProblem(t, http.StatusGatewayTimeout, "TIMEOUT")
	require.Equal(t, http.StatusServiceUnavailable, get(t, url+"/readyz").status)
	require.Equal(t, http.StatusOK, get(t, url+"/healthz").status)
}

func TestMoreRequestsThanThereIsRoomForAreToldToComeAgain(t *testing.T) {
	entered, leave := make(chan struct{}, rest.MaxAsking), make(chan struct{})
	hold := func(context.Context, string, ...string) ([]byte, error) {
		entered <- struct{}{}
		<-leave
		return []byte("{}"), nil
	}
	url := serve(t, &stub{evaluate: hold})
	var all sync.WaitGroup
	for range rest.MaxAsking {
		all.Go(func() {
			response, err := http.Get(url + "/v1/consortium")
			if err == nil {
				err = response.Body.Close()
			}
			if err != nil || response.StatusCode != http.StatusOK {
				t.Errorf("%v, %v", response, err)
			}
		})
	}
	for range rest.MaxAsking {
		<-entered
	}
	r := get(t, url+"/v1/consortium")
	r.isProblem(t, http.StatusServiceUnavailable, "BUSY")
	require.Equal(t, "1", r.header.Get("Retry-After"))
	close(leave)
	all.Wait()
	require.Equal(t, http.StatusOK, get(t, url+"/v1/consortium").status)
}

// post opens a connection, announces a body on it and waits until it is asked for.
func post(t *testing.T, url, header string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", url[len("http://"):])
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /v1/access/decide HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n%s\r\n\r\n", header)
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
	return conn
}

func TestWhoIsSlowToSendHoldsUpNobodyElse(t *testing.T) {
	url := serve(t, &stub{})
	senders := make([]net.Conn, rest.MaxReading)
	for i := range senders {
		senders[i] = post(t, url, "Content-Length: 1")
	}
	require.Equal(t, http.StatusOK, get(t, url+"/v1/consortium").status)
	send := func() reply {
		return do(t, http.MethodPost, url+"/v1/access/decide", []byte("{}"), "Content-Type", "application/json")
	}
	send().isProblem(t, http.StatusServiceUnavailable, "BUSY") // the memory for bodies has a limit too
	for _, s := range senders {
		require.NoError(t, s.Close())
	}
	require.Eventually(t, func() bool { return send().status == http.StatusOK }, patience, time.Millisecond)
}

func TestABodyThatDoesNotArriveIsTheCallersFault(t *testing.T) {
	conn := post(t, serve(t, &stub{}), "Transfer-Encoding: chunked")
	_, err := conn.Write([]byte("no chunk\r\n"))
	require.NoError(t, err)
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(answer), "HTTP/1.1 400 Bad Request")
	require.Contains(t, string(answer), "INVALID_ARGUMENT")

	for err, want := range map[error]int{os.ErrDeadlineExceeded: http.StatusRequestTimeout, io.ErrUnexpectedEOF: http.StatusBadRequest} {
		request := httptest.NewRequest(http.MethodPost, "http://localhost/v1/statements/verify", iotest.ErrReader(err))
		request.Header.Set("Content-Type", "application/cose")
		recorder := httptest.NewRecorder()
		rest.Handler(&stub{}).ServeHTTP(recorder, request)
		require.Equal(t, want, recorder.Code, err)
	}
}

func TestNothingCanBeWritten(t *testing.T) {
	url := serve(t, &stub{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		r := do(t, method, url+"/v1/devices", nil)
		r.isProblem(t, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
		require.Equal(t, "GET, HEAD", r.header.Get("Allow"))
	}
	p := get(t, url+"/v1/statements/verify").isProblem(t, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
	require.Contains(t, p.Detail, "answers to POST only")
	do(t, http.MethodPost, url+"/v1/access/decide", make([]byte, 64<<10+1), "Content-Type", "application/json").
		isProblem(t, http.StatusRequestEntityTooLarge, "TOO_LARGE")
	do(t, http.MethodPost, url+"/v1/access/decide", []byte("{}"), "Content-Type", "application/x-www-form-urlencoded").
		isProblem(t, http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
	do(t, http.MethodPost, url+"/v1/access/decide", []byte("{}")).
		isProblem(t, http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
}

func TestOnlyWhoShowsATokenIsLetIn(t *testing.T) {
	ada, bob := strings.Repeat("a1", 16), strings.Repeat("b2", 16)
	log := &journal{}
	files := []string{tokenFile(t, "token", ada), "", tokenFile(t, "token", bob)} // as secrets are mounted, in a folder each
	url := serveLogging(t, &stub{}, log.logger(), func(c *rest.Config) { c.Tokens = files })
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic " + ada, "Bearer " + ada + "x", "Bearer " + ada[1:], ada} {
		r := get(t, url+"/v1/consortium", "Authorization", header)
		r.isProblem(t, http.StatusUnauthorized, "UNAUTHENTICATED")
		require.Contains(t, r.header.Get("WWW-Authenticate"), "Bearer realm=")
	}
	for _, header := range []string{"Bearer " + ada, "bearer " + bob} {
		require.Equal(t, http.StatusOK, get(t, url+"/v1/consortium", "Authorization", header).status)
	}
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json"} {
		require.Equal(t, http.StatusOK, get(t, url+path).status, "needs none")
	}
	for _, file := range []string{files[0], files[2]} {
		require.Contains(t, log.line(t, "token="+file), "status=200")
	}
	require.NotContains(t, log.String(), ada)
}

func TestWebPagesOfStrangersDoNotReachALocalService(t *testing.T) {
	local := serve(t, &stub{})
	get(t, local+"/v1/consortium", "Host", "rebound.example.com").isProblem(t, http.StatusMisdirectedRequest, "MISDIRECTED")
	for _, host := range []string{"localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080"} {
		require.Equal(t, http.StatusOK, get(t, local+"/v1/consortium", "Host", host).status, host)
	}
	open := serve(t, &stub{}, func(c *rest.Config) { c.Open = true })
	require.Equal(t, http.StatusOK, get(t, open+"/v1/consortium", "Host", "api.example.com").status)
}

func TestAConfigurationThatIsNotSafeIsRefused(t *testing.T) {
	good := tokenFile(t, "good", strings.Repeat("x", 32))
	for name, c := range map[string]struct {
		change func(*rest.Config)
		says   string
	}{
		"everybody":        {func(c *rest.Config) { c.Listen = "0.0.0.0:0" }, "can be reached from other machines"},
		"every interface":  {func(c *rest.Config) { c.Listen = ":0" }, "can be reached from other machines"},
		"an unset token":   {func(c *rest.Config) { c.Listen, c.Tokens = ":0", []string{""} }, "can be reached from other machines"},
		"no address":       {func(c *rest.Config) { c.Listen = "8080" }, "listen on"},
		"half of TLS":      {func(c *rest.Config) { c.TLSCert = "x" }, "both a certificate and its key"},
		"no certificate":   {func(c *rest.Config) { c.TLSCert, c.TLSKey = "missing.pem", "missing.key" }, "missing.pem"},
		"no timeout":       {func(c *rest.Config) { c.Timeout = 0 }, "timeout"},
		"a timeout beyond": {func(c *rest.Config) { c.Timeout = time.Minute }, "timeout"},
		"no token file":    {func(c *rest.Config) { c.Tokens = []string{"missing"} }, "missing"},
		"a short token":    {func(c *rest.Config) { c.Tokens = []string{tokenFile(t, "short", "secret")} }, "want one token of 32"},
		"two tokens": {func(c *rest.Config) {
			c.Tokens = []string{tokenFile(t, "two", strings.Repeat("x", 32)+"\n"+strings.Repeat("y", 32))}
		}, "want one token"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := rest.Default()
			cfg.Listen = "127.0.0.1:0"
			c.change(&cfg)
			_, err := rest.Listen(t.Context(), cfg, &stub{}, quiet)
			require.ErrorIs(t, err, rest.ErrConfig)
			require.ErrorContains(t, err, c.says)
		})
	}
	err := rest.Config{Listen: ":0", TLSKey: "x"}.Validate()
	for _, want := range []string{"other machines", "TLS", "timeout"} {
		require.ErrorContains(t, err, want, "every fault at once")
	}
	cfg := rest.Default()
	cfg.Listen, cfg.Tokens = "0.0.0.0:0", []string{good}
	require.NoError(t, cfg.Validate())
	cfg.Tokens, cfg.Open = nil, true
	require.NoError(t, cfg.Validate())

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	cfg.Listen = taken.Addr().String()
	_, err = rest.Listen(t.Context(), cfg, &stub{}, quiet)
	require.ErrorContains(t, err, "address already in use")
}

func TestTLSIsServedWithTheCertificateGiven(t *testing.T) {
	cert, key, pool := certificate(t)
	url := serve(t, &stub{}, func(c *rest.Config) { c.TLSCert, c.TLSKey = cert, key })
	require.True(t, strings.HasPrefix(url, "https://"))
	reach := func(low, high uint16) (major int, err error) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: low, MaxVersion: high}, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport}).Get(url + "/v1/consortium")
		if err != nil {
			return 0, err
		}
		require.Equal(t, http.StatusOK, response.StatusCode)
		return response.ProtoMajor, response.Body.Close()
	}
	major, err := reach(tls.VersionTLS12, tls.VersionTLS13)
	require.NoError(t, err)
	require.Equal(t, 2, major)
	_, err = reach(tls.VersionTLS10, tls.VersionTLS11)
	require.ErrorContains(t, err, "protocol version")
}

// certificate writes a self-signed certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "api"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile, pool = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), x509.NewCertPool()
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.True(t, pool.AppendCertsFromPEM(certPEM))
	require.NoError(t, os.WriteFile(certFile, certPEM, 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return certFile, keyFile, pool
}

func TestARequestUnderWayIsAnsweredWhenTheServiceEnds(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	l := &stub{evaluate: func(context.Context, string, ...string) ([]byte, error) {
		close(entered)
		<-leave
		return []byte(`{"late":true}`), nil
	}}
	cfg := rest.Default()
	cfg.Listen = "127.0.0.1:0"
	s, err := rest.Listen(t.Context(), cfg, l, quiet)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	answered := make(chan string, 1)
	go func() {
		response, err := http.Get(s.URL() + "/v1/consortium")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answered <- string(body)
	}()
	<-entered
	cancel()
	require.Eventually(t, func() bool {
		_, err := net.Dial("tcp", s.URL()[len("http://"):])
		return err != nil
	}, patience, time.Millisecond, "it takes no more")
	close(leave)
	require.JSONEq(t, `{"late":true}`, <-answered)
	require.NoError(t, <-ended)
}

func TestALargeHeaderIsRefused(t *testing.T) {
	url := serve(t, &stub{})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/consortium", nil)
	require.NoError(t, err)
	request.Header.Set("X-Large", strings.Repeat("x", 64<<10))
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode)
}

func FuzzNoRequestBreaksTheService(f *testing.F) {
	for _, seed := range []string{"/v1/devices?limit=1", "/v1/streams/Org1MSP/s/anchors?from=1&cursor=%00", "//", "/v1/devices/%2e%2e/x", "/v1/devices/a%2Fb/%00", "/v1/devices?attribute==", "*"} {
		f.Add(seed, []byte("{}"))
	}
	handler := rest.Handler(&stub{evaluate: func(_ context.Context, _ string, args ...string) ([]byte, error) {
		return fmt.Appendf(nil, `{"devices":[],"bookmark":%q}`, fmt.Sprint(args)), nil
	}})
	f.Fuzz(func(t *testing.T, target string, body []byte) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			request, err := http.NewRequestWithContext(t.Context(), method, "http://localhost", bytes.NewReader(body))
			require.NoError(t, err)
			if request.URL, err = request.URL.Parse(target); err != nil {
				return
			}
			request.Header.Set("Content-Type", "application/cose")
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, request)
			require.NotZero(t, recorder.Code)
			require.Less(t, recorder.Code, 599)
		}
	})
}
