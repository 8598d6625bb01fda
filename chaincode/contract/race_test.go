// SPDX-License-Identifier: Apache-2.0

//go:build race

package contract_test

// fleet is the number of devices in the largest list. The race detector makes the test ten
// times as slow, and what is linear to 10,000 is what it looks for.
const fleet = 10_000

// fleetOnNetwork is the number of devices that a network gets, unless -devices says otherwise.
const fleetOnNetwork = 200

// raceDetector is on: what tests by volume alone is left to the ledger in memory.
const raceDetector = true
