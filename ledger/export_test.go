// SPDX-License-Identifier: Apache-2.0

package ledger

// Reconnecting is how a client tries a peer that is away again.
var Reconnecting = reconnecting

// AsEvent reads what the gateway delivers.
var AsEvent = asEvent
