// SPDX-License-Identifier: Apache-2.0

//go:build !race

package contract_test

// fleet is the number of devices in the largest list.
const fleet = 100_000

// fleetOnNetwork is the number of devices that a network gets, unless -devices says otherwise.
const fleetOnNetwork = 1000

// raceDetector is off.
const raceDetector = false
