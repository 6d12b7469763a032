package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"bizbridge/connectors/registry"
)

// TestGeneratedFilesAreFresh has the files in the repository be what the types
// and their comments say today.
func TestGeneratedFilesAreFresh(t *testing.T) {
	files, err := generateAll()
	if err != nil {
		t.Fatal(err)
	}
	again, err := generateAll()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./config", filepath.Base(path))
		}
		if !bytes.Equal(again[path], want) {
			t.Errorf("%s is another one each time", filepath.Base(path))
		}
	}
}

// TestEveryKeyIsDescribed has no key without a comment.
func TestEveryKeyIsDescribed(t *testing.T) {
	g, err := newGenerator()
	if err != nil {
		t.Fatal(err)
	}
	core, err := coreSchema(g)
	if err != nil {
		t.Fatal(err)
	}
	core.Definitions["Core"] = core
	for _, factory := range registry.Factories {
		if core.Definitions[factory.Type], err = g.generate(factory.NewConfig()); err != nil {
			t.Fatal(err)
		}
	}
	for name, definition := range core.Definitions {
		for pair := definition.Properties.Oldest(); pair != nil; pair = pair.Next() {
			if pair.Value.Description == "" {
				t.Errorf("%s.%s has no comment", name, pair.Key)
			}
		}
	}
}
