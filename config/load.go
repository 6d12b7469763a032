package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"

	"bizbridge/config/yamlfile"
)

// Load reads and checks a configuration file. The error is Problems when the
// file could be read. It returns a Config only when there is no problem.
func Load(path string, types []ConnectorType) (*Config, error) {
	return LoadWithout(path, types, nil)
}

// LoadWithout is Load, but for the values at some paths: they count as absent
// where they are ${file:…}, and their files need not exist. It is for who is
// about to write them.
func LoadWithout(path string, types []ConnectorType, absent func(path string) bool) (*Config, error) {
	data, err := readBounded(path)
	if err != nil && !errors.Is(err, errTooLarge) { // what is too large is a problem of the file, told by Parse
		return nil, fmt.Errorf("config: %w", err)
	}
	resolve := systemResolver(filepath.Dir(path))
	resolve.absent = absent
	return parse(path, data, types, resolve)
}

// Parse is Load for text that has been read already. The name stands in
// problems; ${file:…} is relative to its folder.
func Parse(name string, data []byte, types []ConnectorType) (*Config, error) {
	return parse(name, data, types, systemResolver(filepath.Dir(name)))
}

func parse(name string, data []byte, types []ConnectorType, resolve resolver) (*Config, error) {
	source := &yamlfile.File{Name: name, Format: format}
	root := source.Read(data)
	if root == nil {
		return nil, source.Problems.Sorted()
	}
	d, whole := build(source, root, resolve)
	if !whole {
		return nil, source.Problems.Sorted()
	}
	if err := checkStructure(d, types); err != nil {
		return nil, err
	}
	c := d.decode(types)
	c.Dir = filepath.Dir(name)
	c.Files = d.files
	checkRules(d, c)
	if len(source.Problems) > 0 {
		return nil, source.Problems.Sorted()
	}
	return c, nil
}

// decode fills a Config. What the structural check has removed keeps its default.
func (d *document) decode(types []ConnectorType) *Config {
	c := Default()
	root, _ := d.root.(object)
	for key, value := range root {
		if err := decodeInto(object{key: value}, c); err != nil {
			d.add(key, key+" has a value that does not fit", "")
		}
	}
	connectors, _ := root["connectors"].(object)
	for name, connector := range c.Connectors {
		if connector.Delivery == "" {
			connector.Delivery = c.Delivery.Mode
		}
		i := slices.IndexFunc(types, func(t ConnectorType) bool { return t.Name == connector.Type })
		if keys, ok := connectors[name].(object); ok && i >= 0 {
			connector.Settings = d.settings(yamlfile.KeyPath("connectors", name), keys, types[i])
		}
		c.Connectors[name] = connector
	}
	return c
}

// settings fills a connector's own settings, one key at a time, so that a value
// that its types refuse is reported at its line. The types' errors are not
// quoted: they may hold the value, and the value may be a secret.
func (d *document) settings(path string, keys object, t ConnectorType) any {
	settings := t.New()
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if key == "type" || slices.Contains(commonKeys, key) {
			continue
		}
		if err := decodeInto(object{key: keys[key]}, settings); err != nil {
			full := yamlfile.KeyPath(path, key)
			d.add(full, full+" has a value that does not fit", "")
		}
	}
	return settings
}

func decodeInto(value object, target any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.NewDecoder(bytes.NewReader(data)).Decode(target)
}

// UnmarshalJSON takes networks and single addresses.
func (n *Network) UnmarshalJSON(data []byte) error {
	var text struct {
		AllowPrivate   []string `json:"allow_private"`
		TrustedProxies []string `json:"trusted_proxies"`
	}
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	n.AllowPrivate, n.TrustedProxies = prefixes(text.AllowPrivate), prefixes(text.TrustedProxies)
	return nil
}

// prefixes leaves out what the structural check has reported.
func prefixes(texts []string) []netip.Prefix {
	var parsed []netip.Prefix
	for _, text := range texts {
		if prefix, err := parseNetwork(text); err == nil {
			parsed = append(parsed, prefix)
		}
	}
	return parsed
}
