// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/record"
)

// self is what roles:WhoAmI answers.
type self struct {
	MSP         string            `json:"msp"`
	Identity    string            `json:"identity"`
	Certificate string            `json:"certificate"`
	Units       []string          `json:"units"`
	Attributes  map[string]string `json:"attributes"`
	Roles       []record.Role     `json:"roles"`
}

func (w *world) whoAmI(as ledgertest.Identity) self {
	w.t.Helper()
	return decode[self](w.t, w.query(as, "roles:WhoAmI"))
}

func TestARoleIsGrantedByCertificateUnitOrAttribute(t *testing.T) {
	w := newWorld(t)
	clerk := w.org1.Member(t, "clerk", []string{"client", "sales"}, map[string]string{"job": "clerk"})
	digest := sha256.Sum256(clerk.Certificate.Raw)
	for name, subject := range map[string]object{
		"certificate": {"certificate": hex.EncodeToString(digest[:])},
		"unit":        {"unit": "sales"},
		"attribute":   {"attribute": object{"name": "job", "value": "clerk"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, w.whoAmI(clerk).Roles)
			grant := subject.with("role", "registrar")
			w.submit(w.admin1, "roles:Grant", grant)
			require.Equal(t, []record.Role{record.Registrar}, w.whoAmI(clerk).Roles)
			require.Empty(t, w.whoAmI(w.org1.Client(t, "other")).Roles)
			w.submit(w.admin1, "roles:Revoke", grant)
			require.Empty(t, w.whoAmI(clerk).Roles)
		})
	}
}

func TestANodeAdminIsAdminOfItsOwnOrganisationWithoutAGrant(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, []record.Role{record.Admin, record.Registrar}, w.whoAmI(w.admin1).Roles)
	require.Equal(t, []record.Role{record.Admin, record.Registrar}, w.whoAmI(w.admin2).Roles)
}

func TestAGrantInOneOrganisationMeansNothingInAnother(t *testing.T) {
	w := newWorld(t)
	w.submit(w.admin1, "roles:Grant", object{"role": "registrar", "unit": "sales"})
	w.submit(w.admin1, "roles:Grant", object{"role": "admin", "unit": "sales"})
	stranger := w.org2.Member(t, "clerk", []string{"client", "sales"}, nil)
	require.Empty(t, w.whoAmI(stranger).Roles)
	w.refused(record.Forbidden, stranger, "roles:Grant", object{"role": "admin", "unit": "sales"})
	w.refused(record.InvalidArgument, w.admin2, "roles:Grant", object{"role": "admin", "unit": "sales", "msp": "Org1MSP"})
}

func TestOnlyAdminsGrantAndAGrantedAdminDoesToo(t *testing.T) {
	w := newWorld(t)
	deputy := w.org1.Member(t, "deputy", []string{"client", "deputies"}, nil)
	grant := object{"role": "auditor", "unit": "auditors"}
	w.refused(record.Forbidden, deputy, "roles:Grant", grant)
	w.submit(w.admin1, "roles:Grant", object{"role": "admin", "unit": "deputies"})
	w.submit(deputy, "roles:Grant", grant)
	w.submit(w.admin1, "roles:Revoke", object{"role": "admin", "unit": "deputies"})
	w.refused(record.Forbidden, deputy, "roles:Revoke", grant)
}

func TestGrantingAndRevokingTwiceChangesNothing(t *testing.T) {
	w := newWorld(t)
	grant := object{"role": "auditor", "unit": "auditors"}
	w.refused(record.NotFound, w.admin1, "roles:Revoke", grant)
	for _, function := range []string{"roles:Grant", "roles:Revoke", "roles:Grant"} {
		first := w.submit(w.admin1, function, grant)
		p := w.ledger.Propose(w.cc, w.admin1, function, text(t, grant))
		require.Equal(t, first, string(p.Response.GetPayload()))
		require.Empty(t, p.Stub.Writes)
	}
}

func TestARequestThatNamesNoSubjectOrSeveralIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []object{
		{"role": "auditor"},
		{"role": "auditor", "unit": "a", "attribute": object{"name": "a", "value": "b"}},
		{"role": "auditor", "certificate": "xyz"},
		{"role": "auditor", "attribute": object{"value": "b"}},
		{"role": "king", "unit": "a"},
		{"unit": "a"},
	} {
		w.refused(record.InvalidArgument, w.admin1, "roles:Grant", bad)
	}
}

func TestGrantsAreListedByOrganisationAndRole(t *testing.T) {
	w := newWorld(t)
	w.submit(w.admin1, "roles:Grant", object{"role": "auditor", "unit": "a"})
	w.submit(w.admin2, "roles:Grant", object{"role": "auditor", "unit": "b"})
	type list struct {
		Grants   []record.Grant `json:"grants"`
		Bookmark string         `json:"bookmark"`
	}
	own := decode[list](t, w.query(w.admin1, "roles:List", object{}))
	require.Len(t, own.Grants, 2)
	other := decode[list](t, w.query(w.admin1, "roles:List", object{"msp": "Org2MSP", "role": "auditor"}))
	require.Len(t, other.Grants, 1)
	require.Equal(t, "b", other.Grants[0].Subject.Unit)
	require.True(t, other.Grants[0].Active)
	require.Empty(t, decode[list](t, w.query(w.admin1, "roles:List", object{"role": "registrar"})).Grants)
}

func TestAnIdentityThatCannotBeReadIsForbiddenEverything(t *testing.T) {
	inMemory(t, "a peer refuses such an identity before the chaincode sees it")
	w := newWorld(t)
	for _, creator := range [][]byte{nil, {}, []byte("x"), {0x0a, 0x01}} {
		w.refused(record.Forbidden, ledgertest.RawIdentity(creator), "roles:WhoAmI")
	}
}
