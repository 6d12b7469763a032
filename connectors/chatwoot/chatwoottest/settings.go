package chatwoottest

import "net/http"

func (d *Desk) profile(input) answer {
	return answer{http.StatusOK, map[string]any{"id": 3, "name": "Bridge", "accounts": []any{map[string]any{"id": AccountID, "role": "administrator"}}}}
}

func (d *Desk) showInbox(in input) answer {
	if in.number("id") != InboxID {
		return notFound
	}
	return answer{http.StatusOK, d.settings}
}

// OtherInbox is one that the agent sees, too.
func (d *Desk) OtherInbox(id int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.otherInboxes = append(d.otherInboxes, id)
}

func (d *Desk) listInboxes(input) answer {
	list := []any{d.settings}
	for _, id := range d.otherInboxes {
		list = append(list, map[string]any{"id": id, "name": "Another", "channel_type": "Channel::Email"})
	}
	return answer{http.StatusOK, map[string]any{"payload": list}}
}

func (d *Desk) listWebhooks(input) answer {
	list := []any{}
	for _, each := range d.accountHooks {
		list = append(list, map[string]any{"url": each})
	}
	return answer{http.StatusOK, map[string]any{"payload": map[string]any{"webhooks": list}}}
}
