package yamlfile

import (
	"regexp"
	"strconv"
	"strings"
)

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// KeyPath is the path of a key of the mapping at path.
func KeyPath(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return path + "[" + strconv.Quote(Clip(key)) + "]"
	case path == "":
		return Clip(key)
	default:
		return path + "." + Clip(key)
	}
}

// ItemPath is the path of an item of the list at path.
func ItemPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// ParentPath cuts the last step off a path.
func ParentPath(path string) string {
	if quoted := strings.LastIndex(path, `["`); quoted >= 0 && strings.HasSuffix(path, `"]`) {
		return path[:quoted]
	}
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}
