package sandbox

// checkQuickReply checks data["quick-reply"]: words, and two to five buttons below them.
func checkQuickReply(quick node) {
	quick.needLabel("summaryText")
	items := quick.list("items", 2)
	if len(items) > 5 {
		quick.wrong("items", "has %d entries: at most 5 are possible", len(items))
	}
	seen := map[string]bool{}
	for _, item := range items {
		item.identifier("identifier", seen)
		item.needLabel("title")
	}
}

// answerQuickReply presses one button. All of them go back, without the words above.
func answerQuickReply(data content, choice answerChoice, r *reply) error {
	quick := data.object("quick-reply")
	items := quick.objects("items")
	index := 0
	if choice.Index != nil {
		index = *choice.Index
	}
	if index < 0 || index >= len(items) {
		return badRequest("answer.index is that of no button")
	}
	shown := make([]any, len(items))
	for i, item := range items {
		shown[i] = item.only("identifier", "title")
	}
	chosen := items[index]
	r.data["quick-reply"] = map[string]any{
		"items": shown, "selectedIndex": index, "selectedIdentifier": chosen["identifier"],
	}
	r.title = chosen.str("title")
	return nil
}
