// SPDX-License-Identifier: Apache-2.0

// Package api is the room for what shows the ledger over HTTP: the API (api/rest), and, not built
// yet, the read model that is built from ledger events (api/index) and the auditors' web console
// (api/console).
package api
