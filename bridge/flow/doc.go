// Package flow moves messages: inbound from Apple to a helpdesk, outbound from a helpdesk or a bot to Apple.
//
// An acknowledgement travels back through the call that brought the message. [Flow.Inbound] returns nil only after the
// helpdesk has it, [Flow.Outbound] only after Apple has it; everything else is a [message.Failure], which the sender
// hears of. Typing is the exception: it is answered at once and dropped when it cannot be delivered soon.
//
// What the flows remember ([Memory]) only saves repeats and keeps order within one replica. Losing it loses no message.
package flow
