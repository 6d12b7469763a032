package message

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	businessID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	customerID = "urn:mbid:AQAAYwG2ZUKZPdu//LTRt0G/RchWT+YhFnTqjOFSrO8="
)

// sendBody is a valid body with one content.
func sendBody(content string) string {
	return `{"type":"message.send","timestamp":"2026-01-01T00:00:00Z","data":{"id":"order-7","business_id":"` + businessID +
		`","customer_id":"` + customerID + `","context":"c","sender":{"kind":"bot","name":"Ada"},"content":` + content + `}}`
}

// faultsOf lists the faults of a refused body as "pointer rule".
func faultsOf(t *testing.T, body string) []string {
	t.Helper()
	out, err := DecodeSend([]byte(body))
	failure, ok := errors.AsType[*Failure](err)
	if !ok || failure.Class != Invalid || failure.SenderCode() != CodeInvalid {
		t.Fatalf("DecodeSend = %v, %v; want a failure of class invalid", out, err)
	}
	var faults []string
	for _, fault := range failure.Faults {
		if fault.Message == "" || strings.Contains(failure.Error(), "%!") {
			t.Errorf("the fault at %s has no proper words: %q", fault.Pointer, failure.Error())
		}
		faults = append(faults, fault.Pointer+" "+fault.Rule)
	}
	return faults
}

// golden compares with a file of testdata, or writes it under -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update writes it:\n%s", name, diff)
	}
}
