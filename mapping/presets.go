package mapping

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"bizbridge/config/yamlfile"
)

//go:embed presets/*.yaml
var presetFiles embed.FS

// Presets lists the names of the mappings that come with the bridge.
func Presets() []string {
	files, _ := fs.Glob(presetFiles, "presets/*.yaml") // the pattern is right
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(path.Base(file), ".yaml")
	}
	return names
}

// PresetSource is the text of a preset, to begin a mapping with. Its comments say which API it follows.
func PresetSource(name string) ([]byte, error) {
	if !slices.Contains(Presets(), name) {
		return nil, fmt.Errorf("there is no preset %q. %s", yamlfile.Clip(name), yamlfile.Suggest(name, Presets(), "Possible"))
	}
	return presetFiles.ReadFile("presets/" + name + ".yaml")
}

// Preset compiles a preset.
func Preset(name string) (*Mapping, error) {
	text, err := PresetSource(name)
	if err != nil {
		return nil, err
	}
	m, problems := Parse("preset "+name, text)
	if len(problems) > 0 {
		return nil, fmt.Errorf("mapping: %s", problems[0])
	}
	return m, nil
}
