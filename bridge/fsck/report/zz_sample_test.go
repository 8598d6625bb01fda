package report_test

import (
	"os"
	"testing"
	"time"
	"fmt"

	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/bridge/fsck/report"
	"github.com/anchorline/anchorline/reading/name"
)

func TestSample(t *testing.T) {
	os.MkdirAll("/tmp/page", 0o755)
	d := document()
	d.Findings.Unchecked = []string{
		"What the ledger holds is taken as the peer at peer0.org1.example.com:7051 hands it out. What the organisations signed themselves is not verified here but by 'anchorline audit verify'.",
		"Messages that a bridge refused are not in its archive: their number is the bridge's word.",
		"When a bridge received a reading is its own clock's word; so is what a device's clock says.",
	}
	d.Findings.Streams[0].Head = "6f1c0a57d9e1f0b8a2c4d6e8f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3"
	os.WriteFile("/tmp/page/good.html", []byte(page(t, d)), 0o644)
	d.Findings.Streams = append(d.Findings.Streams, fsck.StreamReport{Stream: name.New("Org2MSP", "line-with-a-rather-long-name"), Batches: fsck.Range{From: 1, To: 4031}, Readings: 99812, Quarantined: 17, Head: "6f1c0a57d9e1f0b8a2c4d6e8f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3", Unreceipted: 4031})
	for i := range 9 {
		d.Findings.Faults = append(d.Findings.Faults, fsck.Fault{Stream: stream, Batches: fsck.Range{From: uint64(3+i*20), To: uint64(12+i*20)}, Device: pump, Readings: 2000, Numbers: []fsck.Range{{From: 7, To: 106},{From: 200, To: 906}}, What: "the readings are not signed by key 1f2e3d4c5b6a7988, which they name"})
		d.Findings.Devices = append(d.Findings.Devices, fsck.DeviceReport{Device: name.New("Org1MSP", fmt.Sprintf("boiler-house-sensor-%d", i)), Readings: 10231, Highest: 10250, Missing: 19, Listed: []fsck.Range{{From: 7, To: 8},{From: 70, To: 80},{From: 90, To: 95}}})
	}
	d.Findings.Faults = append(d.Findings.Faults, fsck.Fault{Stream: stream, Batches: fsck.Range{From: 400, To: 400}, What: "the root of the archive's readings is 6f1c0a57d9e1f0b8a2c4d6e8f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3, the ledger's is 0000000000000000000000000000000000000000000000000000000000000000"})
	d.Findings.Devices[2].Repudiated = 400
	d.Findings.Devices[2].Why = "Org1MSP said on 2026-02-14T22:13:29.000Z that nothing since 2026-02-01T00:00:00.000Z is to be trusted: the seal was broken"
	d.Findings.Undecided = []string{"Whether the missing numbers that stream Org1MSP/line-1 states are right from batch 400 on: the readings of that batch are not those that were anchored."}
	d.Ended = d.Began.Add(30*time.Hour)
	os.WriteFile("/tmp/page/bad.html", []byte(page(t, d)), 0o644)
	_ = report.Type
}
