package message

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEventsHaveTheDocumentedJSONForm(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678000000, time.UTC)
	expires := at.Add(168 * time.Hour)
	device := Device{
		Locale: "en_US", Intent: "billing", Group: "vip", Agent: "iPhone OS",
		Capabilities: []Capability{CapabilityQuickReply, CapabilityAuth2},
	}
	for name, data := range map[EventType]Data{
		EventReceived: {
			Device: device, Text: "Liked “<b> & more”", Subject: "Order", PossibleRepeat: true,
			Attachments: []Attachment{
				{ID: "a-1", Name: "IMG_0001.png", MIMEType: "image/png", Size: 69, URL: "https://bridge.example.com/media/t/IMG_0001.png", ExpiresAt: &expires},
				{ID: "a-2", Name: "no bytes", MIMEType: "", Size: 0},
			},
			Reaction: &Reaction{Verb: VerbLiked, Quoted: "<b> & more"},
		},
		EventReplied: {Device: device, Reply: &Reply{
			Kind: ReplyForm, RequestID: "r-1", SessionID: "s-1", Title: "Thank you", Subtitle: "See you", Private: true,
			Selections: []Selection{
				{ID: "0_1", Title: "Blue", Subtitle: "Colour?", Value: "blue", Page: "0"},
				{ID: "slot-2", Start: &at, Duration: 3600},
			},
			Files: []Attachment{{ID: "a-1", Name: "seat.png", MIMEType: "image/png", Size: 69}}, URL: "?choice=2",
		}},
		EventUnsupported:   {Device: device, AppleType: "richLink", Note: "The customer sent a message of a kind that cannot be shown here."},
		EventFailed:        {Failed: &Failed{MessageID: "m-1", Code: CodeUnreachable, Reason: "the customer cannot be reached"}},
		EventTypingStarted: {Device: Device{Capabilities: []Capability{CapabilityList}}},
		EventTypingStopped: {},
		EventClosed:        {},
	} {
		t.Run(string(name), func(t *testing.T) {
			data.ID, data.BusinessID, data.CustomerID, data.Sealed = "00000000-0000-4000-8000-000000000001", businessID, customerID, "opaque"
			var out bytes.Buffer
			encoder := json.NewEncoder(&out)
			encoder.SetIndent("", "  ")
			if err := encoder.Encode(Event{Type: name, Schema: SchemaVersion, Timestamp: at, Data: data}); err != nil {
				t.Fatal(err)
			}
			golden(t, "event."+string(name)+".json", out.Bytes())
			var back Event
			if err := json.Unmarshal(out.Bytes(), &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Event{Type: name, Schema: 1, Timestamp: at, Data: data}, back); diff != "" {
				t.Errorf("a reader of the JSON gets something else: %s", diff)
			}
		})
	}
}

func TestOnlyTypingIsEphemeral(t *testing.T) {
	for event, want := range map[EventType]bool{
		EventTypingStarted: true, EventTypingStopped: true,
		EventReceived: false, EventReplied: false, EventUnsupported: false, EventFailed: false, EventClosed: false,
	} {
		if event.Typing() != want {
			t.Errorf("%s: %v", event, !want)
		}
	}
}

var uuidV8 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestDeriveIDGivesOneUUIDPerListOfParts(t *testing.T) {
	list := rapid.SliceOf(rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		a, b := list.Draw(t, "a"), list.Draw(t, "b")
		if !uuidV8.MatchString(string(DeriveID(a...))) {
			t.Errorf("%s is no UUID of version 8", DeriveID(a...))
		}
		if same := DeriveID(a...) == DeriveID(b...); same != slices.Equal(a, b) {
			t.Errorf("%q and %q: same id %v", a, b, same)
		}
	})
	if DeriveID("ab", "c") == DeriveID("a", "bc") || DeriveID("a") == DeriveID("a", "") {
		t.Error("parts that join to the same text must differ")
	}
	if got, want := DeriveID("event", "a"), ID("48503d94-5d60-83b0-a36a-2ac8bf98eb01"); got != want {
		t.Errorf("a new version of the bridge gives %s where old replicas give %s", got, want)
	}
}

func TestIDsDependOnSourceBusinessCustomerKeyAndPartOnly(t *testing.T) {
	base := Outbound{Key: "k", BusinessID: businessID, CustomerID: customerID, Content: Text{"a"}}
	again := base
	again.Content, again.Sealed, again.Sender = Text{"b"}, "x", Sender{SenderBot, "n"}
	if base.PartID("s", 1) != again.PartID("s", 1) || base.RepeatKey("s") != again.RepeatKey("s") {
		t.Error("a repeat with another context or sender must keep its ids")
	}
	otherKey, otherCustomer, otherBusiness := base, base, base
	otherKey.Key, otherCustomer.CustomerID, otherBusiness.BusinessID = "l", customerID+"x", "other"
	ids := []ID{
		base.PartID("s", 0), base.PartID("s", 1), base.PartID("t", 0), otherKey.PartID("s", 0), otherCustomer.PartID("s", 0),
		otherBusiness.PartID("s", 0), ID(base.RepeatKey("s")), Subject(EventClosed, businessID, customerID, "s"),
		Subject(EventFailed, businessID, customerID, "s"), ID(base.RequestID("s", 0)), ID(base.RequestID("s", 1)),
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 11 || base.RequestID("s", 1) != again.RequestID("s", 1) {
		t.Errorf("ids collide: %v", ids)
	}
}

func TestParseIDComparesInAnyCase(t *testing.T) {
	if ParseID(" ABCDEF00-0000-4000-8000-00000000000A\n") != "abcdef00-0000-4000-8000-00000000000a" {
		t.Error("not in lower case")
	}
	if !BusinessID("AAAA").Equal("aaaa") || BusinessID("AAAA").Equal("aaab") {
		t.Error("BusinessID.Equal")
	}
}

func TestParseCapabilitiesReadsEveryWayOfWritingThem(t *testing.T) {
	all := []Capability{CapabilityQuickReply, CapabilityList, CapabilityTime, CapabilityAuth, CapabilityAuth2, CapabilityForm}
	for header, want := range map[string][]Capability{
		"":                                {}, // the Watch: known to show nothing of this
		",":                               {},
		"LIST,TIME,AUTH,AUTH2,QUICK,FORM": all,
		"AUTH%2CLIST%2CTIME%2CAUTH2%2CQUICK%2CFORM": all,
		"quick, list ,Time,auth,AUTH2,fOrM":         all,
		"AUTH":                                      {CapabilityAuth},
		"auth":                                      {CapabilityAuth},
		"AUTH2":                                     {CapabilityAuth2},
		"AUTH22,XAUTH,LISTS":                        {},
		"NEW,LIST,NEWER":                            {CapabilityList},
		"LIST,LIST":                                 {CapabilityList},
		"LIST%":                                     {},
		"LIST,%":                                    {CapabilityList},
	} {
		if diff := cmp.Diff(want, ParseCapabilities(header)); diff != "" {
			t.Errorf("%q: %s", header, diff)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.SliceOf(rapid.SampledFrom([]string{"LIST", "quick", "Form", "OTHER", ""})).Draw(t, "tokens")
		header := strings.Join(tokens, ",")
		if !slices.Equal(ParseCapabilities(header), ParseCapabilities(url.QueryEscape(header))) {
			t.Errorf("%q differs when percent-encoded", header)
		}
	})
}

// What a device cannot show and what is not known of it are two things, also after the way through a sealed context.
func TestADeviceThatShowsNothingStaysKnown(t *testing.T) {
	for written, device := range map[string]Device{
		`{"device":"Watch OS","capabilities":[]}`:           {Agent: "Watch OS", Capabilities: []Capability{}},
		`{"device":"Watch OS"}`:                             {Agent: "Watch OS"},
		`{"device":"Mac OS X","capabilities":["LIST"]}`:     {Agent: "Mac OS X", Capabilities: []Capability{CapabilityList}},
		`{"locale":"de_DE"}`:                                {Locale: "de_DE"},
		`{"locale":"de_DE","capabilities":["TIME","FORM"]}`: {Locale: "de_DE", Capabilities: []Capability{CapabilityTime, CapabilityForm}},
	} {
		raw, err := json.Marshal(device)
		if err != nil || string(raw) != written {
			t.Errorf("%+v is written %s (%v), want %s", device, raw, err, written)
		}
		var again Device
		if err := json.Unmarshal([]byte(written), &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(device, again); diff != "" {
			t.Errorf("%s: %s", written, diff)
		}
	}
}

func TestEveryClassHasItsOutcomeCodeAndFinality(t *testing.T) {
	for class, want := range map[Class]string{
		Transient: "transient failed_transient unavailable false", Permanent: "permanent failed_permanent invalid true",
		Throttled: "throttled throttled rate_limited false", Auth: "auth unauthorized unavailable false",
		Closed: "closed closed closed true", Unreachable: "unreachable unreachable unreachable true",
		Invalid: "invalid invalid invalid true", Uncertain: "uncertain uncertain uncertain false",
		Canceled: "canceled canceled unavailable false",
	} {
		if got := fmt.Sprint(class, " ", class.Outcome(), " ", class.Code(), " ", class.Final()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if !slices.Contains(Outcomes, class.Outcome()) {
			t.Errorf("%s is not among the outcomes", class.Outcome())
		}
	}
	if len(classes) != 9 || len(Outcomes) != 13 {
		t.Error("the sets are closed: 9 classes, 13 outcomes")
	}
}

func TestFailureOfClassifiesEveryError(t *testing.T) {
	known := &Failure{Class: Closed, Reason: "closed", Err: errors.New("cause")}
	for name, test := range map[string]struct {
		err  error
		want Class
	}{
		"a failure":         {known, Closed},
		"a wrapped failure": {fmt.Errorf("desk: %w", known), Closed},
		"cancelled":         {fmt.Errorf("call: %w", context.Canceled), Canceled},
		"out of time":       {fmt.Errorf("call: %w", context.DeadlineExceeded), Transient},
		"anything else":     {errors.New("nil map"), Transient},
	} {
		got := FailureOf(test.err)
		if got == nil || got.Class != test.want || !errors.Is(got, test.err) && !errors.Is(test.err, got) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if FailureOf(nil) != nil {
		t.Error("no error is no failure")
	}
	if !errors.Is(known, known.Err) || known.Error() != "closed: cause" {
		t.Errorf("%q must wrap its cause", known)
	}
	if (&Failure{Class: Permanent, Code: CodeUnsupported}).SenderCode() != CodeUnsupported || known.SenderCode() != CodeClosed {
		t.Error("a failure's own code comes before its class's")
	}
}
