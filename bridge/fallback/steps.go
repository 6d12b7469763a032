package fallback

import "bizbridge/bridge/message"

// Steps lists every step that can be taken, for the metrics.
var Steps = allSteps()

func allSteps() []message.Fallback {
	device, limit := message.FallbackDevice, message.FallbackLimit
	steps := []message.Fallback{
		{From: message.KindFiles, To: KindLink, Reason: limit},
		{From: message.KindRichLink, To: message.KindText, Reason: limit},
		{From: KindAppClip, To: message.KindRichLink, Reason: limit},
		{From: message.KindQuickReply, To: message.KindListPicker, Reason: limit},
		{From: message.KindQuickReply, To: message.KindListPicker, Reason: device},
		{From: message.KindQuickReply, To: message.KindText, Reason: device},
		{From: message.KindListPicker, To: message.KindQuickReply, Reason: device},
		{From: message.KindListPicker, To: message.KindText, Reason: device},
		{From: message.KindForm, To: message.KindListPicker, Reason: device},
		{From: message.KindForm, To: message.KindQuickReply, Reason: device},
		{From: message.KindForm, To: message.KindText, Reason: device},
		{From: message.KindTimePicker, To: message.KindText, Reason: device},
		{From: message.KindApp, To: message.KindRichLink, Reason: device},
		{From: message.KindApp, To: message.KindText, Reason: device},
	}
	for _, kind := range []message.Kind{message.KindQuickReply, message.KindListPicker, message.KindTimePicker, message.KindForm, message.KindApp} {
		steps = append(steps, message.Fallback{From: kind, To: kind, Reason: message.FallbackUnknownDevice})
	}
	for _, kind := range message.ReplyKinds { // helpdesks that show answers as texts
		steps = append(steps, message.Fallback{From: message.Kind(kind), To: message.KindText, Reason: message.FallbackHelpdesk})
	}
	return steps
}
