// SPDX-License-Identifier: Apache-2.0

// Package api is the room for the HTTP API (api/rest), the read model that is built from ledger
// events (api/index) and the auditors' web console (api/console). None of them is built yet.
package api
