package message

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// App opens a bubble of an iMessage app of your own (protocol §4.12).
type App struct {
	AppID       int64  `json:"app_id,omitempty"`   // in the App Store
	AppName     Label  `json:"app_name,omitempty"` // shown where the app is not installed
	BID         string `json:"bid,omitempty"`      // either this
	TeamID      string `json:"team_id,omitempty"`  // or these two
	ExtensionID string `json:"extension_id,omitempty"`
	URL         string `json:"url"` // what the app gets, usually ?name=value&…
	Received    Bubble `json:"received"`
	LiveLayout  *bool  `json:"live_layout,omitempty"` // nil: true
	Icon        *Asset `json:"icon,omitempty"`
	SessionID   string `json:"session_id,omitempty"` // a UUID, to go on with an app's bubble
	Link        string `json:"link,omitempty"`       // where a device without iMessage apps is sent
}

// Kind is [KindApp].
func (App) Kind() Kind { return KindApp }

// MarshalJSON writes the content with its kind.
func (a App) MarshalJSON() ([]byte, error) {
	type fields App // without this method
	return marshalContent(KindApp, fields(a))
}

// BalloonPlugin is what the bundle id of every message extension begins with, towards Apple.
const BalloonPlugin = "com.apple.messages.MSMessageExtensionBalloonPlugin"

const (
	appleTeam = "0000000000"
	maxAppURL = 5000
)

var (
	teamID      = regexp.MustCompile(`^[A-Z0-9]{10}$`)
	extensionID = regexp.MustCompile(`^[A-Za-z0-9.-]{1,155}$`)
	uuid        = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

func (a App) validate(r report) {
	a.validateBID(r)
	r.bubble("/received", a.Received, nil)
	if a.Received.Image != "" {
		r.fault("/received/image", "not", "is not possible: an app draws its bubble itself, or icon is shown")
	}
	if a.AppID < 0 {
		r.fault("/app_id", "minimum", "must be the number of the app in the App Store")
	}
	switch parsed, err := url.Parse(a.URL); {
	case a.URL == "":
		r.fault("/url", "required", "is required, such as ?order=1")
	case len(a.URL) > maxAppURL:
		r.fault("/url", "maxLength", "has %d bytes; at most %d are possible", len(a.URL), maxAppURL)
	case strings.ContainsFunc(a.URL, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }):
		r.fault("/url", "format", "must have no white space; write %%20 instead")
	case err != nil || !strings.HasPrefix(a.URL, "?") && !parsed.IsAbs():
		r.fault("/url", "format", "must be a query that begins with ?, or an absolute URL")
	}
	if a.Icon != nil {
		r.at("/icon").asset(*a.Icon)
	}
	if a.SessionID != "" && !uuid.MatchString(a.SessionID) {
		r.fault("/session_id", "format", "must be a UUID")
	}
	if a.Link != "" {
		r.secureLink("/link", a.Link)
	}
}

func (a App) validateBID(r report) {
	if r.misread("/bid") {
		return
	}
	if a.BID == "" {
		if !teamID.MatchString(a.TeamID) || a.TeamID == appleTeam {
			r.fault("/team_id", "pattern", "must be the ten characters of your team id in Apple's developer account (or give bid)")
		}
		if !extensionID.MatchString(a.ExtensionID) {
			r.fault("/extension_id", "pattern", "must be the bundle id of the Messages extension, such as com.example.app.MessagesExtension (or give bid)")
		}
		return
	}
	parts := strings.Split(a.BID, ":")
	if len(parts) != 3 || parts[0] != BalloonPlugin || !teamID.MatchString(parts[1]) || parts[1] == appleTeam || !extensionID.MatchString(parts[2]) {
		r.fault("/bid", "pattern", "must be %s:<team id>:<bundle id of the Messages extension>", BalloonPlugin)
	}
	if a.TeamID != "" || a.ExtensionID != "" {
		r.fault("/bid", "not", "must not stand beside team_id and extension_id")
	}
}

// BundleID is how Apple names the app.
func (a App) BundleID() string {
	if a.BID != "" {
		return a.BID
	}
	return strings.Join([]string{BalloonPlugin, a.TeamID, a.ExtensionID}, ":")
}

// Live tells whether the app may draw the bubble itself.
func (a App) Live() bool { return a.LiveLayout == nil || *a.LiveLayout }

// Pictures implements [Pictured].
func (a App) Pictures() []Picture {
	if a.Icon == nil {
		return nil
	}
	return []Picture{{Pointer: "/icon", URL: a.Icon.URL, Data: a.Icon.Data}}
}
