package yamlfile

import "encoding/json"

// Kind is what a node is, in the words of problems.
type Kind string

// The kinds.
const (
	Null    Kind = "nothing"
	Boolean Kind = "true or false"
	Number  Kind = "a number"
	Text    Kind = "text"
	List    Kind = "a list"
	Mapping Kind = "a mapping"
)

// Node is one value of a file and its place. An alias is the value that it stands for, with the place of that.
type Node struct {
	Path   string
	At     Place
	Key    *Place // of its key, where it has one
	Kind   Kind
	Text   string // of a text or number
	Flag   bool
	Items  []*Node
	Fields []Field // in the order of the file
	// Bad is set where a problem has been reported of the value already.
	Bad bool
}

// Field is a key of a mapping with its value.
type Field struct {
	Name  string
	At    Place
	Value *Node
}

// Child gives the value of a key, nil if there is none.
func (n *Node) Child(name string) *Node {
	for _, f := range n.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Given is Child without the keys that have nothing behind them.
func (n *Node) Given(name string) *Node {
	if child := n.Child(name); child != nil && child.Kind != Null {
		return child
	}
	return nil
}

// Value is the node as JSON has it: map[string]any, []any, string, json.Number, bool, nil.
func (n *Node) Value() any {
	switch n.Kind {
	case Boolean:
		return n.Flag
	case Number:
		return json.Number(n.Text)
	case Text:
		return n.Text
	case List:
		items := make([]any, len(n.Items))
		for i, item := range n.Items {
			items[i] = item.Value()
		}
		return items
	case Mapping:
		object := make(map[string]any, len(n.Fields))
		for _, f := range n.Fields {
			object[f.Name] = f.Value.Value()
		}
		return object
	}
	return nil
}
