package sunshinetest

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (a *App) userBy(match func(*User) bool) *User {
	if i := slices.IndexFunc(a.users, match); i >= 0 {
		return a.users[i]
	}
	return nil
}

func (a *App) userCalled(id string) *User {
	return a.userBy(func(u *User) bool { return u.ExternalID == id || u.ID == id })
}

func (u *User) json() object {
	return object{"user": object{
		"id": u.ID, "externalId": u.ExternalID, "profile": u.Profile, "metadata": u.Metadata, "identities": []any{}, "hasPaymentInfo": false,
	}}
}

func (a *App) createUser(_ http.ResponseWriter, _ *http.Request, body object) (int, any) {
	id := text(body, "externalId")
	if id == "" || utf8.RuneCountInString(id) > 1024 {
		return fault(http.StatusBadRequest, "bad_request", "externalId must have 1 to 1024 characters")
	}
	if a.userCalled(id) != nil {
		return fault(http.StatusConflict, "conflict", "User already exists")
	}
	user := &User{ID: a.newID(), ExternalID: id}
	user.Profile, _ = body["profile"].(object)
	user.Metadata, _ = body["metadata"].(object)
	a.users = append(a.users, user)
	return http.StatusCreated, user.json()
}

func (a *App) getUser(_ http.ResponseWriter, req *http.Request, _ object) (int, any) {
	user := a.userCalled(req.PathValue("user"))
	if user == nil {
		return fault(http.StatusNotFound, "user_not_found", "User not found")
	}
	return http.StatusOK, user.json()
}

func (a *App) updateUser(_ http.ResponseWriter, req *http.Request, body object) (int, any) {
	user := a.userCalled(req.PathValue("user"))
	if user == nil {
		return fault(http.StatusNotFound, "user_not_found", "User not found")
	}
	user.Metadata = a.patched(user.Metadata, body["metadata"])
	a.Inbox.Keep(req.Context(), text(user.Metadata, "apple_mbid"), text(user.Metadata, "apple_choice"))
	return http.StatusOK, user.json()
}

func (a *App) integration(name string) object {
	if name == "" {
		return nil
	}
	return object{"id": "id-of-" + name, "name": name, "integrationId": "5ef21b86e933b7355c11c605", "integrationType": strings.Replace(name, "-", ":", 1)}
}

func (a *App) conversationJSON(c *Conversation) object {
	all := object{"id": c.ID, "type": "personal", "createdAt": c.CreatedAt, "lastUpdatedAt": c.CreatedAt, "isDefault": true, "metadata": c.Metadata}
	if active := a.integration(c.Active); active != nil {
		all["activeSwitchboardIntegration"] = active
	}
	return all
}

func (a *App) listConversations(_ http.ResponseWriter, req *http.Request, _ object) (int, any) {
	query := req.URL.Query()
	user := a.userCalled(query.Get("filter[userExternalId]"))
	if user == nil {
		return fault(http.StatusNotFound, "user_not_found", "User not found")
	}
	size, err := strconv.Atoi(query.Get("page[size]"))
	if query.Get("page[size]") == "" {
		size = 25
	} else if err != nil || size < 1 || size > 100 {
		return fault(http.StatusBadRequest, "bad_request", "Invalid page query parameters")
	}
	if a.PageSize > 0 {
		size = min(size, a.PageSize)
	}
	page, more := []object{}, false
	after := query.Get("page[after]")
	for _, one := range a.conversations {
		if one.UserID != user.ID || one.ID <= after {
			continue
		}
		if more = len(page) == size; more {
			break
		}
		page = append(page, a.conversationJSON(one))
	}
	meta := object{"hasMore": more}
	if more {
		meta["afterCursor"] = page[len(page)-1]["id"]
	}
	return http.StatusOK, object{"conversations": page, "meta": meta, "links": object{}}
}

func (a *App) createConversation(_ http.ResponseWriter, _ *http.Request, body object) (int, any) {
	participants, _ := body["participants"].([]any)
	if text(body, "type") != "personal" || len(participants) != 1 {
		return fault(http.StatusBadRequest, "bad_request", "a personal conversation has one participant")
	}
	participant, _ := participants[0].(object)
	user := a.userCalled(text(participant, "userExternalId"))
	if user == nil {
		return fault(http.StatusNotFound, "user_not_found", "User not found")
	}
	made := &Conversation{ID: a.newID(), CreatedAt: a.now(), UserID: user.ID}
	made.Metadata, _ = body["metadata"].(object)
	a.conversations = append(a.conversations, made)
	answer := a.conversationJSON(made)
	delete(answer, "metadata") // as in the description's example
	return http.StatusCreated, object{"conversation": answer}
}

func (a *App) conversation(req *http.Request) *Conversation {
	i := slices.IndexFunc(a.conversations, func(c *Conversation) bool { return c.ID == req.PathValue("id") })
	if i < 0 {
		return nil
	}
	return a.conversations[i]
}

func (a *App) updateConversation(_ http.ResponseWriter, req *http.Request, body object) (int, any) {
	found := a.conversation(req)
	if found == nil {
		return fault(http.StatusNotFound, "conversation_not_found", "Conversation not found")
	}
	before := text(found.Metadata, "apple_closed")
	found.Metadata = a.patched(found.Metadata, body["metadata"])
	if before != "true" && text(found.Metadata, "apple_closed") == "true" {
		a.Inbox.Close(req.Context(), text(found.Metadata, "apple_mbid"), "")
	}
	return http.StatusOK, object{"conversation": a.conversationJSON(found)}
}

// integrations are those of the switchboard, in the order in which "next" goes through them.
var integrations = []string{"zd-answerBot", "zd-agentWorkspace"}

func (a *App) passControl(_ http.ResponseWriter, req *http.Request, body object) (int, any) {
	found := a.conversation(req)
	if found == nil {
		return fault(http.StatusNotFound, "conversation_not_found", "Conversation not found")
	}
	to := text(body, "switchboardIntegration")
	if to == "next" {
		to = integrations[min(slices.Index(integrations, found.Active)+1, len(integrations)-1)]
	}
	for _, name := range integrations {
		if one := a.integration(name); to == one["id"] || to == name || to == one["integrationType"] {
			found.Active = name
			return http.StatusOK, object{}
		}
	}
	return fault(http.StatusBadRequest, "bad_request", "switchboard integration not found")
}

func (a *App) postMessage(_ http.ResponseWriter, req *http.Request, body object) (int, any) {
	found := a.conversation(req)
	if found == nil {
		return fault(http.StatusNotFound, "conversation_not_found", "Conversation not found")
	}
	limit := a.MaxMessages
	if limit == 0 {
		limit = 30000
	}
	if len(found.Messages) >= limit {
		return fault(http.StatusLocked, "locked", "Message limit of 30000 per conversation reached.")
	}
	content, _ := body["content"].(object)
	author, _ := body["author"].(object)
	if wrong := contentFault(content); wrong != "" {
		return fault(http.StatusBadRequest, "bad_request", wrong)
	}
	said := text(content, "text") + text(content, "mediaUrl")
	customer := text(found.Metadata, "apple_mbid")
	switch text(author, "type") {
	case "user":
		user := a.userCalled(text(author, "userExternalId"))
		if user == nil || user.ID != found.UserID {
			return fault(http.StatusNotFound, "user_not_found", "User not found")
		}
		author = object{"type": "user", "userId": user.ID, "user": object{"id": user.ID, "externalId": user.ExternalID}}
		a.Inbox.Add(req.Context(), customer, "", said)
		if found.Active == "" {
			found.Active = a.Responder
		}
	case "business": // the API's client writes; agents see it, and the custom integration hears of it
		a.Inbox.Note(req.Context(), customer, said)
	default:
		return fault(http.StatusBadRequest, "bad_request", "author.type must be business or user")
	}
	message := object{
		"id": a.newID(), "received": a.now(), "author": author, "content": content, "metadata": body["metadata"],
		"source": object{"type": "api:conversations"},
	}
	found.Messages = append(found.Messages, message)
	return http.StatusCreated, object{"messages": []object{message}}
}

func contentFault(content object) string {
	switch text(content, "type") {
	case "text":
		if said := text(content, "text"); said == "" || utf8.RuneCountInString(said) > maxText {
			return "text must have 1 to 4096 characters: " + said
		}
	case "image", "file":
		if text(content, "mediaUrl") == "" || utf8.RuneCountInString(text(content, "altText")) > 128 {
			return "mediaUrl is required, and altText has 128 characters at most"
		}
	default: // formResponse among them, which only the web widget may send
		return "content.type is not supported"
	}
	return ""
}

func (a *App) listMessages(_ http.ResponseWriter, req *http.Request, _ object) (int, any) {
	found := a.conversation(req)
	if found == nil {
		return fault(http.StatusNotFound, "not_found", "Resource not found")
	}
	newest := found.Messages[max(0, len(found.Messages)-100):]
	return http.StatusOK, object{"messages": slices.Clone(newest), "meta": object{"hasMore": len(found.Messages) > 100}}
}

func (a *App) listIntegrations(http.ResponseWriter, *http.Request, object) (int, any) {
	return http.StatusOK, object{"integrations": []object{{"id": "5e4af71a81966cfff3ef6550", "type": "custom", "status": "active"}}, "meta": object{"hasMore": false}}
}

func (a *App) listWebhooks(http.ResponseWriter, *http.Request, object) (int, any) {
	return http.StatusOK, object{"webhooks": a.Webhooks}
}

func (a *App) listSwitchboards(http.ResponseWriter, *http.Request, object) (int, any) {
	return http.StatusOK, object{"switchboards": []object{{"id": "5ef21b132f21af34f088530d", "enabled": a.Responder != ""}}}
}

func (a *App) listSwitchboardIntegrations(http.ResponseWriter, *http.Request, object) (int, any) {
	var all []object
	for _, name := range integrations {
		all = append(all, a.integration(name))
	}
	return http.StatusOK, object{"switchboardIntegrations": all}
}

// upload takes a file as multipart/form-data.
func (a *App) upload(w http.ResponseWriter, req *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	status, answer := a.admit(req)
	if status == 0 {
		status, answer = a.store(req)
	}
	writeJSON(w, status, answer)
}

func (a *App) store(req *http.Request) (int, any) {
	file, header, err := req.FormFile("source")
	if err != nil || req.URL.Query().Get("access") != "public" || a.RefuseFiles {
		return fault(http.StatusBadRequest, "bad_request", "Bad request")
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil || len(data) > maxUpload {
		return fault(http.StatusRequestEntityTooLarge, "payload_too_large", "Too large")
	}
	name := a.newID() + "-" + header.Filename
	a.files[name] = data
	address := "http://" + req.Host + "/sc/attachments/v2/" + name
	return http.StatusCreated, object{"attachment": object{"mediaUrl": address, "mediaType": header.Header.Get("Content-Type")}}
}

// download gives a file to those who may have it: attachments are private.
func (a *App) download(w http.ResponseWriter, req *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	data, known := a.files[req.PathValue("file")]
	status, answer := a.admit(req)
	if status == 0 && !known {
		status, answer = fault(http.StatusNotFound, "not_found", "Resource not found")
	}
	if status != 0 {
		writeJSON(w, status, answer)
		return
	}
	_, _ = w.Write(data)
}
