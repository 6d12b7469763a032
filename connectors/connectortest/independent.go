package connectortest

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Independent checks that a fake's package shares no code with what is tested against it: neither with the connector,
// nor with the bridge's own idea of Apple's protocol, of attachments and of signatures. Both sides would otherwise
// agree on the same mistake.
func Independent(t testing.TB, fakePackage, connectorPackage string) {
	t.Helper()
	listed, err := exec.Command("go", "list", "-deps", fakePackage).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	forbidden := []string{"bizbridge/bridge/apple", "bizbridge/bridge/attachment", "bizbridge/bridge/signature", connectorPackage}
	for dependency := range strings.Lines(string(listed)) {
		if dependency = strings.TrimSpace(dependency); slices.Contains(forbidden, dependency) {
			t.Errorf("%s imports %s; write the fake from the protocol alone", fakePackage, dependency)
		}
	}
}
