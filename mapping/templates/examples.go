package templates

import (
	"embed"
	"io/fs"
)

//go:embed examples
var embedded embed.FS

// Examples are the files of the folder examples, to start from. The demo uses them.
func Examples() fs.FS {
	files, err := fs.Sub(embedded, "examples")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return files
}
