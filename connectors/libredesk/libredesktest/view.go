package libredesktest

import "maps"

// Conversation is what an agent sees of one, for tests.
type Conversation struct {
	UUID, Status, Name, Email, External string
	Attributes                          map[string]any // of the contact
	Messages                            []Message
}

// Message is one line of a [Conversation].
type Message struct {
	Type, Content, ContentType string
	Private                    bool
	Files                      []string // names, and what is in them
}

// Conversations gives all of them, the one that was used last first.
func (d *Desk) Conversations() []Conversation {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Conversation
	for _, one := range d.newestFirst() {
		view := Conversation{
			UUID: one.uuid, Status: one.status, Name: one.contact.first + " " + one.contact.last, Email: one.contact.email,
			External: one.contact.external, Attributes: maps.Clone(one.contact.attributes),
		}
		for _, said := range one.messages {
			line := Message{Type: said.kind, Content: said.content, ContentType: said.contentType, Private: said.private}
			for _, file := range said.files {
				line.Files = append(line.Files, file.name+": "+string(file.data))
			}
			view.Messages = append(view.Messages, line)
		}
		all = append(all, view)
	}
	return all
}

// SetStatus is what an agent does with the newest conversation of a customer.
func (d *Desk) SetStatus(customer, status string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.change(d.of(customer), status)
}

// Rename is what an agent does with a customer's contact.
func (d *Desk) Rename(customer, first, last, email string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	who := d.of(customer).contact
	who.first, who.last, who.email = first, last, email
}
