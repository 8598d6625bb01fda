// SPDX-License-Identifier: Apache-2.0

package ops_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/anchor"
	"github.com/anchorline/anchorline/bridge/ops"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

func TestABridgeIsReadyWhileBrokerAndLedgerAre(t *testing.T) {
	w := newWorld(t)
	w.until()
	status, body := get(t, w.url+"/readyz")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"ok":true,"checks":[{"name":"spool","ok":true},{"name":"disk","ok":true},
		{"name":"archive","ok":true},{"name":"broker","ok":true},{"name":"ledger","ok":true},{"name":"intake","ok":true},
		{"name":"anchoring","ok":true},{"name":"flow","ok":true}]}`, string(body))

	w.stopBroker()
	require.Contains(t, w.until("broker")["broker"], "not connected")
	status, _ = get(t, w.url+"/healthz")
	require.Equal(t, http.StatusOK, status, "starting the bridge anew would not bring the broker back")
	w.startBroker()
	w.until()

	require.NoError(t, w.network.Faults(t).StopPeer("Org1MSP"))
	require.NotEmpty(t, w.until("ledger")["ledger"])
	require.NoError(t, w.network.Faults(t).StartPeer(t.Context(), "Org1MSP"))
	w.until()

	require.NoError(t, w.network.Faults(t).StopChaincode())
	w.until("ledger")
	require.NoError(t, w.network.Faults(t).StartChaincode(t.Context()))
	w.until()
}

func TestABridgeThatHaltedIsNotReadyAndSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.until()
	// Somebody with the bridge's identity anchors before it: two folders write one stream.
	other := record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: stream, Number: 1, Previous: record.ZeroHash,
		Root: record.ZeroHash, Size: 1, Counts: map[string]uint64{record.DeviceSigned: 1},
	}
	data, err := other.Encode()
	require.NoError(t, err)
	prepared, err := w.ledger.PrepareAnchor(t.Context(), data)
	require.NoError(t, err)
	_, err = w.ledger.Submit(t.Context(), prepared.Bytes)
	require.NoError(t, err)

	w.publish("d", w.signed(w.register("d"), "d", 1))
	why := w.until("anchoring", "intake", "broker")["anchoring"]
	require.Contains(t, why, "two writers")
	require.Contains(t, why, "EQUIVOCATION")
	status, _ := get(t, w.url+"/healthz")
	require.Equal(t, http.StatusOK, status, "starting it anew would not help")
	require.Subset(t, ours(t, w.url), map[string]float64{"halted": 1, "readings_pending": 1, "intake_stopped": 1, "connected": 0})
}

func TestAFullDiskIsNotReadyUntilThereIsRoomAgainAndNoReasonToRestart(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: a full disk needs %s: %v", full, err)
	}
	dir := folder(t)
	require.NoError(t, os.Symlink(full, filepath.Join(dir, ".ops-probe")))
	url := listen(t, ops.Config{Dir: dir, Stream: stream}, &stub{status: bridge.Status{Connected: true}}, &stub{})
	status, _ := wrong(t, url+"/healthz")
	require.Equal(t, http.StatusOK, status)
	status, faults := wrong(t, url+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, faults["disk"], "no space left")
	// The probe took the full device away with it; what follows is written to a disk with room.
	require.Eventually(t, func() bool {
		status, _ := wrong(t, url+"/readyz")
		return status == http.StatusOK
	}, patience, 20*time.Millisecond)
	left, err := filepath.Glob(filepath.Join(dir, ".ops*"))
	require.NoError(t, err)
	require.Empty(t, left, "a probe leaves nothing behind")
}

// stub is a bridge and a ledger in the state that a test wants.
type stub struct {
	status bridge.Status
	err    error
	asked  atomic.Int64
	hang   bool
}

// Status returns the status.
func (s *stub) Status() (bridge.Status, error) { return s.status, s.err }

// Head answers, or does not until ctx ends.
func (s *stub) Head(ctx context.Context, _ name.Name) (record.Head, error) {
	s.asked.Add(1)
	if s.hang {
		<-ctx.Done()
		return record.Head{}, ctx.Err()
	}
	return record.Head{}, s.err
}

// folder is a data folder.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "archive"), 0o750))
	return dir
}

func TestABridgeWhoseReadingsWaitTooLongIsNotReadyAndSaysWhy(t *testing.T) {
	status := bridge.Status{
		Connected: true,
		Snapshot:  spool.Snapshot{OldestPending: time.Now().Add(-3 * time.Minute).UnixMilli(), Books: spool.Books{Accepted: 7}},
		Anchoring: anchor.Condition{Kind: anchor.Passing, Err: errors.New("no endorser")},
	}
	url := listen(t, ops.Config{Dir: folder(t), Stream: stream}, &stub{status: status}, &stub{})
	code, faults := wrong(t, url+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Len(t, faults, 1)
	require.Regexp(t, `the oldest of 7 pending readings has waited for 3m\ds?.*no endorser`, faults["flow"])
	code, _ = wrong(t, url+"/healthz")
	require.Equal(t, http.StatusOK, code)
	url = listen(t, ops.Config{Dir: folder(t), Stream: stream, MaxAge: time.Hour}, &stub{status: status}, &stub{})
	code, _ = wrong(t, url+"/readyz")
	require.Equal(t, http.StatusOK, code)
}

func TestABridgeThatAcceptsNothingOrLacksItsArchiveIsNotReady(t *testing.T) {
	url := listen(t, ops.Config{Dir: t.TempDir(), Stream: stream},
		&stub{status: bridge.Status{Connected: true, Intake: bridge.ErrDiskReserve}}, &stub{})
	code, faults := wrong(t, url+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Len(t, faults, 2)
	require.Equal(t, bridge.ErrDiskReserve.Error(), faults["intake"])
	require.NotEmpty(t, faults["archive"])
}

func TestALedgerThatHangsHoldsUpNoProbe(t *testing.T) {
	url := listen(t, ops.Config{Dir: folder(t), Stream: stream}, &stub{status: bridge.Status{Connected: true}}, &stub{hang: true})
	began := time.Now()
	status, faults := wrong(t, url+"/readyz")
	require.Less(t, time.Since(began), 10*time.Second)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Len(t, faults, 1)
	require.NotEmpty(t, faults["ledger"])
}

func TestManyProbesAreFewQuestions(t *testing.T) {
	l := &stub{}
	url := listen(t, ops.Config{Dir: folder(t), Stream: stream}, &stub{status: bridge.Status{Connected: true}}, l)
	began := time.Now()
	var probes sync.WaitGroup
	for range 50 {
		probes.Go(func() {
			if status, _ := get(t, url+"/readyz"); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
		})
	}
	probes.Wait()
	require.LessOrEqual(t, l.asked.Load(), 1+int64(time.Since(began)/time.Second), "one a second at most")
}

func TestASpoolThatCannotBeReadIsNotHealthyAndGivesNoNumbers(t *testing.T) {
	url := listen(t, ops.Config{Dir: folder(t), Stream: stream}, &stub{err: errors.New("torn page")}, &stub{})
	status, faults := wrong(t, url+"/healthz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, map[string]string{"spool": "torn page"}, faults)
	status, body := get(t, url+"/metrics")
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, string(body), "torn page")
}

func TestNothingCanBeWrittenThroughTheListener(t *testing.T) {
	url := listen(t, ops.Config{Dir: folder(t), Stream: stream}, &stub{}, &stub{})
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		response, err := http.Post(url+path, "text/plain", nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
	}
	status, _ := get(t, url+"/debug/pprof/")
	require.Equal(t, http.StatusNotFound, status)
}

func TestAnAddressInUseIsAnErrorAtOnce(t *testing.T) {
	url := listen(t, ops.Config{Dir: folder(t), Stream: stream}, &stub{}, &stub{})
	_, err := ops.Listen(t.Context(), ops.Config{Listen: url[len("http://"):]}, &stub{}, &stub{}, quiet)
	require.ErrorContains(t, err, "address already in use")
}
