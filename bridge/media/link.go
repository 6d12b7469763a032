package media

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"bizbridge/bridge/attachment"
	"bizbridge/bridge/message"
)

// MaxLink is the length of a URL that every browser, mail program and helpdesk takes.
const MaxLink = 2000

// A link that would be longer has its name shortened: in the path, where it is only for people, to pathName bytes; in
// the token, from which a download is named, through these limits.
const pathName = 60

var nameLimits = []int{attachment.MaxName, 100, 50, 20}

// ErrTooLong is the error of [Links.New] for coordinates that fit into no link.
var ErrTooLong = fmt.Errorf("the file's coordinates do not fit into a link of %d characters", MaxLink)

// New makes a link to a file, which opens until expires.
func (l *Links) New(source attachment.Source) (link string, expires time.Time, err error) {
	if source.Size < 0 || source.URL == "" {
		return "", time.Time{}, errors.New("the file has no URL or a negative size")
	}
	expires = time.Unix(l.Now().Add(l.TTL).Unix(), 0).UTC()
	source.MIMEType = attachment.MIMEType(source.MIMEType, source.Name, nil)
	source.Name = attachment.FileName(source.Name, source.MIMEType)
	prefix := strings.TrimRight(l.Base.String(), "/") + "/media/"
	for _, limit := range nameLimits {
		source.Name = attachment.ShortName(source.Name, limit)
		link := prefix + l.Ring.Seal(Purpose, "", expires, encode(sealed{source, expires})) + "/" + pathSegment(source.Name)
		if len(link) <= MaxLink {
			return link, expires, nil
		}
	}
	return "", time.Time{}, ErrTooLong
}

// pathSegment escapes a name; one whose escapes make it long is shortened until it is not.
func pathSegment(name string) string {
	for limit := pathName; ; limit -= 10 {
		segment := url.PathEscape(attachment.ShortName(name, limit))
		if len(segment) <= pathName || limit <= 20 {
			return segment
		}
	}
}

// sealed is what a link holds.
type sealed struct {
	source  attachment.Source
	expires time.Time
}

// open gives back what [Links.New] put into a token. Its errors are those of package seal.
func (l *Links) open(token string) (sealed, error) {
	payload, err := l.Ring.Open(Purpose, "", token, l.Now())
	if err != nil {
		return sealed{}, err
	}
	return decode(payload)
}

// The payload is binary, since a link has to be short: a version, then fields one after the other. Texts and lists have
// their length in front, numbers are varints.
const payloadVersion = 1

// How a business id is written: as text, or as the 16 bytes of a UUID in the case in which it is registered.
const (
	businessText  = 0
	businessLower = 1
	businessUpper = 2
)

func encode(file sealed) []byte {
	source := file.source
	b := []byte{payloadVersion}
	b = binary.AppendUvarint(b, uint64(file.expires.Unix()))
	b = appendBusiness(b, string(source.Business))
	b = append(b, source.Key[:]...)
	b = binary.AppendUvarint(b, uint64(source.Size))
	b = appendField(b, source.URL)
	b = appendOwner(b, source.Owner, source.URL)
	b = appendField(b, string(source.Signature))
	b = appendField(b, source.MIMEType)
	return appendField(b, source.Name)
}

func appendField(b []byte, field string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(field))), field...)
}

func appendBusiness(b []byte, id string) []byte {
	if raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", "")); err == nil && len(raw) == 16 {
		switch id {
		case uuid(raw):
			return append(append(b, businessLower), raw...)
		case strings.ToUpper(uuid(raw)):
			return append(append(b, businessUpper), raw...)
		}
	}
	return appendField(append(b, businessText), id)
}

func uuid(raw []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[0:4], raw[4:6], raw[6:8], raw[8:10], raw[10:16])
}

// appendOwner writes where in the URL the owner stands, plus one; it usually does. 0: it does not, and follows.
func appendOwner(b []byte, owner, url string) []byte {
	at := strings.Index(url, owner)
	b = binary.AppendUvarint(b, uint64(at+1))
	if at < 0 {
		return appendField(b, owner)
	}
	return binary.AppendUvarint(b, uint64(len(owner)))
}

// errPayload is for an authentic token that this version cannot read.
var errPayload = errors.New("a media token of another version")

func decode(payload []byte) (sealed, error) {
	reader := &payloadReader{rest: payload}
	if version := reader.take(1); version == nil || version[0] != payloadVersion {
		return sealed{}, errPayload
	}
	var file sealed
	source := &file.source
	file.expires = time.Unix(reader.number(), 0)
	source.Business = message.BusinessID(reader.business())
	copy(source.Key[:], reader.take(attachment.KeySize))
	source.Size = reader.number()
	source.URL = reader.field()
	source.Owner = reader.owner(source.URL)
	source.Signature = []byte(reader.field())
	source.MIMEType = reader.field()
	source.Name = reader.field()
	if reader.broken || len(reader.rest) > 0 {
		return sealed{}, errPayload
	}
	return file, nil
}

// payloadReader takes fields off the front. Once broken it stays so and gives zero values.
type payloadReader struct {
	rest   []byte
	broken bool
}

func (p *payloadReader) take(count int64) []byte {
	if p.broken || count < 0 || count > int64(len(p.rest)) {
		p.broken = true
		return nil
	}
	taken := p.rest[:count]
	p.rest = p.rest[count:]
	return taken
}

func (p *payloadReader) number() int64 {
	n, size := binary.Uvarint(p.rest)
	if p.broken || size <= 0 || n > 1<<62 {
		p.broken = true
		return 0
	}
	p.rest = p.rest[size:]
	return int64(n)
}

func (p *payloadReader) field() string { return string(p.take(p.number())) }

func (p *payloadReader) business() string {
	form := p.take(1)
	if form == nil {
		return ""
	}
	if form[0] == businessText {
		return p.field()
	}
	raw := p.take(16)
	if raw == nil {
		return ""
	}
	id := uuid(raw)
	if form[0] == businessUpper {
		id = strings.ToUpper(id)
	}
	return id
}

func (p *payloadReader) owner(url string) string {
	at := p.number()
	if at == 0 {
		return p.field()
	}
	length := p.number()
	if at--; p.broken || at > int64(len(url)) || length > int64(len(url))-at {
		p.broken = true
		return ""
	}
	return url[at : at+length]
}
