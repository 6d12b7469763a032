// Package templates holds rich messages that were prepared by name: agents write them as one line, /name key="value",
// and bots send them as content of kind template.
//
// [Load] reads the YAML files and tells every mistake with its line. [Set.Expand] makes the content of a template and
// its variables. [ParseLine] reads what an agent wrote; [Set.Help] is the answer to /help. README.md describes the files.
//
// There is no logic in templates. Values go into strings that have been decoded already: none can change the structure.
package templates
