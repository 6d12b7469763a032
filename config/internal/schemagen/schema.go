package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"bizbridge/config"
)

// generator makes JSON Schemas of Go types, with their comments as descriptions.
type generator struct {
	root     string                       // folder of the module
	comments map[string]map[string]string // package path → "Type" or "Type.Field" → comment
}

// newGenerator finds the module that the working directory lies in.
func newGenerator() (*generator, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return &generator{root: dir, comments: map[string]map[string]string{}}, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil, fmt.Errorf("no go.mod above the working directory")
		}
		dir = parent
	}
}

// generate returns the schema of the struct that v points to. The values of v
// are the defaults. The comments are read from the sources of the module,
// wherever the types of the fields come from.
func (g *generator) generate(v any) (*jsonschema.Schema, error) {
	var failed error
	reflector := jsonschema.Reflector{
		Anonymous:                  true,
		ExpandedStruct:             true,
		RequiredFromJSONSchemaTags: true,
		Mapper:                     mapType,
		LookupComment: func(t reflect.Type, field string) string {
			comment, err := g.comment(t, field)
			if err != nil {
				failed = err
			}
			return comment
		},
	}
	schema := reflector.Reflect(v)
	if failed != nil {
		return nil, failed
	}
	setDefaults(schema, schema, reflect.ValueOf(v).Elem())
	return schema, nil
}

// encode is how a schema is written to a file: deterministic and readable.
func encode(schema *jsonschema.Schema) ([]byte, error) {
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, err
	}
	// JSON in a file needs none of the escapes that JSON in HTML does. The first pair steps over backslashes.
	plain := strings.NewReplacer(`\\`, `\\`, `\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
	return []byte(plain + "\n"), nil
}

// mapType describes the types that are text in the file.
func mapType(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[config.Secret]():
		return &jsonschema.Schema{Type: "string", WriteOnly: true}
	case reflect.TypeFor[config.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: config.DurationPattern}
	case reflect.TypeFor[config.Size]():
		return &jsonschema.Schema{
			Pattern: config.SizePattern,
			Minimum: "0",
			Maximum: "999999999999999999",
			Extras:  map[string]any{"type": []string{"string", "integer"}},
		}
	case reflect.TypeFor[config.ClaimNames]():
		one := uint64(1)
		return &jsonschema.Schema{
			Type: "object", MinProperties: &one, Examples: []any{map[string]string{"sub": "subject", "email": "email"}},
			AdditionalProperties: &jsonschema.Schema{Extras: map[string]any{"type": []string{"string", "object"}}},
		}
	case reflect.TypeFor[netip.Prefix]():
		return &jsonschema.Schema{Type: "string", Format: config.FormatNetwork}
	default:
		return nil
	}
}

// setDefaults notes the value of every scalar field that has one.
func setDefaults(root, schema *jsonschema.Schema, value reflect.Value) {
	for i := range value.NumField() {
		name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
		property, ok := schema.Properties.Get(name)
		if !ok {
			continue
		}
		field := value.Field(i)
		target := deref(root, property)
		switch {
		case target.Properties != nil && field.Kind() == reflect.Struct:
			setDefaults(root, target, field)
		case field.IsZero() || target.WriteOnly || target.Type == "object":
		default:
			property.Default = field.Interface()
		}
	}
}

// deref follows a reference to the definitions.
func deref(root, schema *jsonschema.Schema) *jsonschema.Schema {
	if name, ok := strings.CutPrefix(schema.Ref, "#/$defs/"); ok {
		return root.Definitions[name]
	}
	return schema
}

// comment returns the comment of a type, or of a field of it.
func (g *generator) comment(t reflect.Type, field string) (string, error) {
	pkg := t.PkgPath()
	if pkg == "main" { // this very program
		pkg = "bizbridge/config/internal/schemagen"
	}
	dir, ours := strings.CutPrefix(pkg, "bizbridge/")
	if !ours {
		return "", nil
	}
	if _, known := g.comments[pkg]; !known {
		found, err := readComments(filepath.Join(g.root, filepath.FromSlash(dir)))
		if err != nil {
			return "", err
		}
		g.comments[pkg] = found
	}
	key := t.Name()
	if field != "" {
		key += "." + field
	}
	return g.comments[pkg][key], nil
}

// readComments collects the comments of the structs of one package.
func readComments(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	comments := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, decl := range parsed.Decls {
			if types, ok := decl.(*ast.GenDecl); ok && types.Tok == token.TYPE {
				collectComments(types, comments)
			}
		}
	}
	return comments, nil
}

func collectComments(types *ast.GenDecl, comments map[string]string) {
	for _, spec := range types.Specs {
		spec := spec.(*ast.TypeSpec)
		doc := spec.Doc
		if doc == nil {
			doc = types.Doc
		}
		comments[spec.Name.Name] = flow(doc)
		structure, ok := spec.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range structure.Fields.List {
			for _, name := range field.Names {
				comments[spec.Name.Name+"."+name.Name] = flow(field.Doc)
			}
		}
	}
}

// flow makes one line of a comment.
func flow(doc *ast.CommentGroup) string {
	return strings.Join(strings.Fields(doc.Text()), " ")
}
