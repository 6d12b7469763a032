package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"bizbridge/config/yamlfile"
)

// maxFile bounds the configuration file and every ${file:…}: more is a mistake.
const maxFile = yamlfile.MaxFile

// resolver is where placeholders get their text from.
type resolver struct {
	env  func(name string) (string, bool)
	file func(path string) (string, error)
	// absent, when not nil, tells of values by their path that their files are not read, and that they have none.
	absent func(path string) bool
}

// systemResolver reads the real environment, and files relative to dir.
func systemResolver(dir string) resolver {
	return resolver{
		env: os.LookupEnv,
		file: func(path string) (string, error) {
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			data, err := readBounded(path)
			return string(data), err
		},
	}
}

var errTooLarge = fmt.Errorf("is larger than %d bytes", maxFile)

// readBounded reads a file, or a pipe, of at most maxFile bytes.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errTooLarge
	}
	return data, err
}

// Either an escaped opening, or a whole placeholder, or an opening that none closes.
var placeholder = regexp.MustCompile(`\$\$\{|\$\{([^{}]*)\}|\$\{`)

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

const placeholderHint = "Write ${env:NAME} or ${file:/path}; $${ stands for a literal ${."

// complaint is a message with its hint, before its place in the file is known.
type complaint struct{ message, hint string }

// expand replaces the placeholders of one scalar. What they stand for is not
// expanded again: a secret may hold any characters.
func (r resolver) expand(text string) (string, []complaint) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	var bad []complaint
	expanded := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		if match == "$${" {
			return "${"
		}
		value, wrong := r.lookup(strings.TrimSuffix(strings.TrimPrefix(match, "${"), "}"), match == "${")
		if wrong != nil {
			bad = append(bad, *wrong)
		}
		return value
	})
	return expanded, bad
}

// fileOf names the file that a scalar is the content of; "" where it is more than that, or something else.
func fileOf(text string) string {
	name, ok := strings.CutPrefix(text, "${file:")
	if name, closed := strings.CutSuffix(name, "}"); ok && closed && !strings.ContainsAny(name, "{}") {
		return name
	}
	return ""
}

// lookup resolves what stands between the braces.
func (r resolver) lookup(inner string, unclosed bool) (string, *complaint) {
	kind, name, found := strings.Cut(inner, ":")
	switch {
	case unclosed:
		return "", &complaint{`"${" without "}"`, placeholderHint}
	case found && kind == "env" && envName.MatchString(name):
		value, set := r.env(name)
		if !set {
			return "", &complaint{fmt.Sprintf("environment variable %s is not set", name), "Set it, or take the value from a file with ${file:/path}."}
		}
		return value, nil
	case found && kind == "file" && name != "":
		value, err := r.file(name)
		if err != nil {
			return "", &complaint{fmt.Sprintf("file %q %s", yamlfile.Clip(name), fileReason(err)), "A path in ${file:…} is absolute, or relative to the configuration file."}
		}
		return trimOneLine(value), nil
	default:
		return "", &complaint{fmt.Sprintf("unknown placeholder %q", yamlfile.Clip("${"+inner+"}")), placeholderHint}
	}
}

// fileReason says why a file cannot be read, without the path again.
func fileReason(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "does not exist"
	case errors.Is(err, os.ErrPermission):
		return "may not be read by this user"
	case errors.Is(err, errTooLarge):
		return errTooLarge.Error()
	default:
		return "cannot be read"
	}
}

// trimOneLine drops the newline that editors and echo put after a one-line
// secret. Text of several lines, such as PEM, stays as it is.
func trimOneLine(text string) string {
	line := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if strings.Contains(line, "\n") {
		return text
	}
	return line
}
