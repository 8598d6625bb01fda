// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/receipt"
)

type verification struct {
	OK        bool         `json:"ok"`
	Steps     []audit.Step `json:"steps"`
	Proven    []string     `json:"proven"`
	NotProven []string     `json:"notProven"`
	Statement struct {
		Device      string `json:"device"`
		Sequence    uint64 `json:"sequence"`
		ContentType string `json:"contentType"`
		Payload     []byte `json:"payload"`
		Number      uint64 `json:"number"`
	} `json:"statement"`
	Pins     audit.Pins `json:"pins"`
	Evidence *struct {
		Anchor record.AnchorEntry `json:"anchor"`
		Block  uint64             `json:"block"`
	} `json:"evidence"`
}

func (w *world) statementsAreVerified(t *testing.T) {
	for _, data := range w.statements {
		r := w.verify(data)
		require.Equal(t, http.StatusOK, r.status)
		require.Equal(t, "no-store", r.header.Get("Cache-Control"))
		var v verification
		r.decode(t, &v)
		require.True(t, v.OK, string(r.body))
		require.Equal(t, audit.StepLedger, v.Steps[len(v.Steps)-1].Name)
		s, err := receipt.ParseStatement(data)
		require.NoError(t, err)
		require.Equal(t, s.Reading.Claims().Device, v.Statement.Device)
		require.Equal(t, s.Reading.Claims().Sequence, v.Statement.Sequence)
		require.Equal(t, s.Reading.Payload(), v.Statement.Payload)
		require.Equal(t, "application/senml+json", v.Statement.ContentType)
		require.Equal(t, s.Receipt.Claims.Number, v.Evidence.Anchor.Anchor.Number)
		require.Equal(t, s.Receipt.Claims.Block, v.Evidence.Block)

		// What it returns as pins proves the statement again, offline.
		text, err := json.Marshal(v.Pins)
		require.NoError(t, err)
		pins, err := audit.ParsePins(text)
		require.NoError(t, err)
		require.NoError(t, audit.Verify(data, pins).Err())
	}
	for at := range w.statements[0] {
		if at%37 != 0 {
			continue // every byte is tried in package audit; here, that the answer is one
		}
		data := append([]byte(nil), w.statements[0]...)
		data[at] ^= 1
		r := w.verify(data)
		require.Equal(t, http.StatusOK, r.status, "not proven is an answer")
		var v verification
		r.decode(t, &v)
		require.False(t, v.OK, "byte %d", at)
		require.Empty(t, v.Proven)
		require.Nil(t, v.Evidence)
		require.NotEmpty(t, v.NotProven)
	}
	w.verify(make([]byte, receipt.MaxStatementSize+1)).isProblem(t, http.StatusRequestEntityTooLarge, "TOO_LARGE")
	do(t, http.MethodPost, w.url+"/v1/statements/verify", w.statements[0], "Content-Type", "text/plain").
		isProblem(t, http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
}
