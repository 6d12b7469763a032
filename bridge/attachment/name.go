package attachment

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest name that [CleanName] gives, in bytes.
const MaxName = 200

// maxExtension is how long an ending may be to be kept when a name is shortened.
const maxExtension = 20

const namelessFile = "file"

// CleanName makes a name that people can read and headers, URLs and file systems can carry: its last path element,
// without control characters, without marks that turn the direction of writing (they make exe.gpj look like jpg.exe),
// without what Windows reserves, not hidden, and at most [MaxName] bytes of valid UTF-8 that keep the extension. Where
// nothing is left it is "file".
func CleanName(name string) string { return ShortName(name, MaxName) }

// FileName is [CleanName], with the type's extension where the name does not say what the file is.
func FileName(name, mimeType string) string {
	clean := CleanName(name)
	if clean == namelessFile {
		clean += extensionOf(mimeType)
	}
	return clean
}

// ShortName is [CleanName] with another limit.
func ShortName(name string, limit int) string {
	name = strings.Map(cleanRune, strings.ToValidUTF8(name, ""))
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = strings.Join(strings.Fields(name), " ")
	name = strings.TrimRight(name, ". ")
	if strings.HasPrefix(name, ".") { // hidden on most systems; of ".png" the ending says what it is
		name = namelessFile + "." + strings.TrimLeft(name, ". ")
	}
	if name = shorten(name, limit); name == "" {
		return namelessFile
	}
	return name
}

// cleanRune is for [strings.Map]: a negative result drops the rune.
func cleanRune(r rune) rune {
	switch {
	case r == '\\':
		return '/' // either separates paths
	case strings.ContainsRune(`<>:"|?*`, r):
		return '_'
	case r == '\u200c', r == '\u200d', r >= 0xe0020 && r <= 0xe007f: // joiners and tags: Persian words, emoji
		return r
	case unicode.IsSpace(r), unicode.In(r, unicode.Zl, unicode.Zp, unicode.Zs):
		return ' '
	case r == utf8.RuneError, r == '\ufffc', unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
		return -1
	}
	return r
}

// shorten cuts between characters, in front of the extension.
func shorten(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	extension := path.Ext(name)
	if len(extension) > maxExtension || len(extension) >= limit {
		extension = ""
	}
	stem := name[:limit-len(extension)]
	for len(stem) > 0 && !utf8.RuneStart(name[len(stem)]) {
		stem = stem[:len(stem)-1]
	}
	return strings.TrimRight(stem, ". ") + extension
}
