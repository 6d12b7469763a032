package message

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// filesOf is content of kind files with these elements.
func filesOf(elements ...string) string {
	return `{"kind":"files","files":[` + strings.Join(elements, ",") + `]}`
}

func many(n int) string {
	elements := make([]string, n)
	for i := range elements {
		elements[i] = fmt.Sprintf(`{"url":"https://files.example.com/%d"}`, i)
	}
	return filesOf(elements...)
}

func TestDecodeSendReadsFilesAndSavedMessages(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		want    Content
	}{
		"a file by URL":            {filesOf(`{"url":"https://files.example.com/a%20b.png?x=1#y"}`), Files{Files: []File{{URL: "https://files.example.com/a%20b.png?x=1#y"}}}},
		"a file at an address":     {filesOf(`{"url":"http://[::1]:8080/a"}`), Files{Files: []File{{URL: "http://[::1]:8080/a"}}}}, // whether it may be fetched is asked later
		"a scheme in capitals":     {filesOf(`{"url":"HTTPS://files.example.com"}`), Files{Files: []File{{URL: "HTTPS://files.example.com"}}}},
		"a file with its bytes":    {filesOf(`{"data":"aGk=","name":"hi.txt","mime_type":"text/plain"}`), Files{Files: []File{{Data: "aGk=", Name: "hi.txt", MIMEType: "text/plain"}}}},
		"base64 in lines":          {filesOf(`{"data":"aG\r\nk="}`), Files{Files: []File{{Data: "aG\r\nk="}}}},
		"several with a text":      {`{"kind":"files","text":"look","files":[{"url":"http://a/1"},{"data":"aGk="}]}`, Files{Text: "look", Files: []File{{URL: "http://a/1"}, {Data: "aGk="}}}},
		"the most":                 {many(MaxFiles), nil},
		"the longest name":         {filesOf(`{"data":"aGk=","name":"` + strings.Repeat("é", 200) + `"}`), Files{Files: []File{{Data: "aGk=", Name: strings.Repeat("é", 200)}}}},
		"null where nothing is":    {filesOf(`{"url":null,"data":"aGk=","name":null,"mime_type":null}`), Files{Files: []File{{Data: "aGk="}}}},
		"fields that nobody knows": {filesOf(`{"data":"aGk=","size":5,"Path":"/etc/passwd","path":"/etc/passwd"}`), Files{Files: []File{{Data: "aGk="}}}},
		"a checksum of its own":    {filesOf(`{"data":"aGk=","sha256":"00"}`), Files{Files: []File{{Data: "aGk="}}}}, // only the bridge's counts
		"an odd type":              {filesOf(`{"data":"aGk=","mime_type":"application/vnd.ms-excel.sheet.macroEnabled.12+x-y!#$&^_"}`), Files{Files: []File{{Data: "aGk=", MIMEType: "application/vnd.ms-excel.sheet.macroEnabled.12+x-y!#$&^_"}}}},
		"the last of two lists":    {`{"kind":"files","files":[{"url":"http://a/1","name":"no"}],"files":[{"data":"aGk="}]}`, Files{Files: []File{{Data: "aGk="}}}},
		"a saved message":          {`{"kind":"saved","data_ref":{"bid":"b","size":123,"dataRefSig":"s"}}`, Saved{DataRef: json.RawMessage(`{"bid":"b","size":123,"dataRefSig":"s"}`)}},
		"a reference in new words": {`{"kind":"saved","data_ref":{"later":[1,{}],"dataRefSig":"s"}}`, Saved{DataRef: json.RawMessage(`{"later":[1,{}],"dataRefSig":"s"}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := DecodeSend([]byte(sendBody(test.content)))
			if err != nil {
				t.Fatal(err)
			}
			if test.want != nil {
				if diff := cmp.Diff(test.want, out.Content); diff != "" {
					t.Error(diff)
				}
			}
			body, err := EncodeSend(out, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			if err != nil {
				t.Fatal(err)
			}
			again, err := DecodeSend(body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(out, again); diff != "" {
				t.Errorf("its own encoding reads as something else: %s", diff)
			}
		})
	}
}

func TestDecodeSendNamesEveryFaultOfFilesWithItsPointer(t *testing.T) {
	const good = `{"url":"https://files.example.com/a"}`
	url := func(text string) string { return filesOf(good, `{"url":"`+text+`"}`) }
	badURL := []string{"/data/content/files/1/url format"}
	badType := []string{"/data/content/files/0/mime_type format"}
	mimeType := func(text string) string { return filesOf(`{"data":"aGk=","mime_type":"` + text + `"}`) }
	for name, test := range map[string]struct {
		content string
		want    []string
	}{
		"files missing":   {`{"kind":"files","text":"Hi"}`, []string{"/data/content/files minItems"}},
		"files null":      {`{"kind":"files","files":null}`, []string{"/data/content/files minItems"}},
		"no files":        {filesOf(), []string{"/data/content/files minItems"}},
		"21 files":        {many(MaxFiles + 1), []string{"/data/content/files maxItems"}},
		"files an object": {`{"kind":"files","files":{"url":"https://a/b"}}`, []string{"/data/content/files type"}},
		"files a string":  {`{"kind":"files","files":"https://a/b"}`, []string{"/data/content/files type"}},

		"a file null":               {filesOf(good, `null`), []string{"/data/content/files/1 type"}},
		"a file empty":              {filesOf(`{}`, good), []string{"/data/content/files/0 oneOf"}},
		"a file with only a name":   {filesOf(`{"name":"a.png"}`), []string{"/data/content/files/0 oneOf"}},
		"a file with only a digest": {filesOf(`{"sha256":"00"}`), []string{"/data/content/files/0 oneOf"}},
		"empty url and data":        {filesOf(`{"url":"","data":""}`), []string{"/data/content/files/0 oneOf"}},
		"both url and data":         {filesOf(good, good, `{"url":"https://a/b","data":"aGk="}`), []string{"/data/content/files/2 oneOf"}},
		"a path of the bridge":      {filesOf(`{"Path":"/etc/passwd"}`), []string{"/data/content/files/0 oneOf"}},
		"two wrong files":           {filesOf(`{}`, good, `{"data":"!"}`), []string{"/data/content/files/0 oneOf", "/data/content/files/2/data contentEncoding"}},

		"a file a string":    {filesOf(good, `"https://a/b"`), []string{"/data/content/files/1 type"}},
		"a file a number":    {filesOf(`5`), []string{"/data/content/files/0 type"}},
		"a file an array":    {filesOf(good, good, `[]`), []string{"/data/content/files/2 type"}},
		"url a number":       {filesOf(good, `{"url":5}`), []string{"/data/content/files/1/url type"}},
		"url an object":      {filesOf(`{"url":{"href":"https://a/b"}}`), []string{"/data/content/files/0/url type"}},
		"data an array":      {filesOf(good, good, `{"data":[1,2]}`), []string{"/data/content/files/2/data type"}},
		"name a bool":        {filesOf(`{"data":"aGk=","name":true}`), []string{"/data/content/files/0/name type"}},
		"mime_type a number": {filesOf(`{"data":"aGk=","mime_type":1}`), []string{"/data/content/files/0/mime_type type"}},
		"text a number":      {`{"kind":"files","text":5,"files":[` + good + `]}`, []string{"/data/content/text type"}},

		"base64 of other letters": {filesOf(`{"data":"hello, world"}`), []string{"/data/content/files/0/data contentEncoding"}},
		"base64 for URLs":         {filesOf(`{"data":"_-8="}`), []string{"/data/content/files/0/data contentEncoding"}},
		"base64 without padding":  {filesOf(`{"data":"aGk"}`), []string{"/data/content/files/0/data contentEncoding"}},
		"a data URL":              {filesOf(`{"data":"data:text/plain;base64,aGk="}`), []string{"/data/content/files/0/data contentEncoding"}},

		"a relative URL":          {url("/a.png"), badURL},
		"a URL without a scheme":  {url("//files.example.com/a"), badURL},
		"a name for a URL":        {url("a.png"), badURL},
		"ftp":                     {url("ftp://files.example.com/a"), badURL},
		"a file URL":              {url("file:///etc/passwd"), badURL},
		"a data URL as a URL":     {url("data:text/plain,hi"), badURL},
		"javascript":              {url("javascript:alert(1)"), badURL},
		"a user name":             {url("https://ada@files.example.com/a"), badURL},
		"a password":              {url("https://ada:pw@files.example.com/a"), badURL},
		"an empty user name":      {url("https://@files.example.com/a"), badURL},
		"no host":                 {url("https:///a"), badURL},
		"a port without a host":   {url("http://:8080/a"), badURL},
		"an opaque URL":           {url("https:files.example.com/a"), badURL},
		"a control character":     {url(`https://files.example.com/\u0000`), badURL},
		"white space in the host": {url("https://files example.com/a"), badURL},
		"a port that is none":     {url("https://files.example.com:x/"), badURL},

		"a name too long": {filesOf(`{"data":"aGk=","name":"` + strings.Repeat("é", 201) + `"}`), []string{"/data/content/files/0/name maxLength"}},

		"a type without a slash":  {mimeType("png"), badType},
		"a type of a slash":       {mimeType("/"), badType},
		"half a type":             {mimeType("image/"), badType},
		"a type of three":         {mimeType("a/b/c"), badType},
		"a type with parameters":  {mimeType("text/plain; charset=utf-8"), badType},
		"a type of a header":      {mimeType(`image/png\r\nX: y`), badType},
		"a type with wildcards":   {mimeType("image/*"), badType},
		"a type that is not text": {mimeType("image/é"), badType},
		"a type too long":         {mimeType("image/" + strings.Repeat("x", 122)), badType},

		"a text too long":          {`{"kind":"files","text":"` + strings.Repeat("é", MaxTextLength+1) + `","files":[` + good + `]}`, []string{"/data/content/text maxLength"}},
		"a text with a place mark": {`{"kind":"files","text":"see \ufffc","files":[{}]}`, []string{"/data/content/text character", "/data/content/files/0 oneOf"}},
		"a text that is no text":   {`{"kind":"files","text":"\ud83d","files":[` + good + `]}`, []string{"/data/content/text unicode"}},
		"a name that is no text":   {filesOf(good, `{"data":"aGk=","name":"\udc00.png"}`), []string{"/data/content/files/1/name unicode"}},

		"no reference":                  {`{"kind":"saved"}`, []string{"/data/content/data_ref required"}},
		"reference null":                {`{"kind":"saved","data_ref":null}`, []string{"/data/content/data_ref required"}},
		"reference a string":            {`{"kind":"saved","data_ref":"abc"}`, []string{"/data/content/data_ref required"}},
		"reference an array":            {`{"kind":"saved","data_ref":[{"dataRefSig":"s"}]}`, []string{"/data/content/data_ref required"}},
		"reference empty":               {`{"kind":"saved","data_ref":{}}`, []string{"/data/content/data_ref required"}},
		"reference without a signature": {`{"kind":"saved","data_ref":{"bid":"b","url":"u"}}`, []string{"/data/content/data_ref required"}},
		"reference's signature empty":   {`{"kind":"saved","data_ref":{"dataRefSig":""}}`, []string{"/data/content/data_ref required"}},
		"reference's signature no text": {`{"kind":"saved","data_ref":{"dataRefSig":7}}`, []string{"/data/content/data_ref required"}},
		"the whole event's sent":        {`{"kind":"saved","data_ref":{"message_id":"m","data_ref":{"dataRefSig":"s"}}}`, []string{"/data/content/data_ref required"}},
		"reference too large":           {`{"kind":"saved","data_ref":{"dataRefSig":"` + strings.Repeat("s", maxDataRef) + `"}}`, []string{"/data/content/data_ref maxLength"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, faultsOf(t, sendBody(test.content))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// beside are files that came as parts of the same request.
func beside(n int) []File {
	files := make([]File, n)
	for i := range files {
		files[i] = File{Name: fmt.Sprint(i), SHA256: fmt.Sprintf("%064d", i), Path: "/tmp/" + fmt.Sprint(i)}
	}
	return files
}

func TestFilesBesideAMessageJoinThoseInIt(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		want    Files
	}{
		"none in it":    {`{"kind":"files","text":"look"}`, Files{Text: "look", Files: beside(2)}},
		"an empty list": {filesOf(), Files{Files: beside(2)}},
		"one in it":     {filesOf(`{"data":"aGk="}`), Files{Files: append([]File{{Data: "aGk="}}, beside(2)...)}},
	} {
		out, err := DecodeSend([]byte(sendBody(test.content)), beside(2)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(Content(test.want), out.Content); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestFilesBesideAMessageAreHeldToTheSameRules(t *testing.T) {
	long := beside(2)
	long[1].Name, long[1].MIMEType = strings.Repeat("n", 1000), "text"
	for name, test := range map[string]struct {
		content string
		files   []File
		want    []string
	}{
		"a text":                {`{"kind":"text","text":"Hi"}`, beside(1), []string{"/data/content/kind const"}},
		"typing":                {`{"kind":"typing","state":"on"}`, beside(1), []string{"/data/content/kind const"}},
		"saved":                 {`{"kind":"saved","data_ref":{"dataRefSig":"s"}}`, beside(1), []string{"/data/content/kind const"}},
		"no kind":               {`{}`, beside(1), []string{"/data/content/kind enum"}},
		"together too many":     {many(15), beside(6), []string{"/data/content/files maxItems"}},
		"a bad name and type":   {filesOf(`{"data":"aGk="}`), long, []string{"/data/content/files/2/name maxLength", "/data/content/files/2/mime_type format"}},
		"a fault of the JSON's": {filesOf(`{}`), beside(1), []string{"/data/content/files/0 oneOf"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeSend([]byte(sendBody(test.content)), test.files...)
			failure, ok := errors.AsType[*Failure](err)
			if !ok || failure.Class != Invalid {
				t.Fatalf("%v, want a failure of class invalid", err)
			}
			var got []string
			for _, fault := range failure.Faults {
				got = append(got, fault.Pointer+" "+fault.Rule)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The flow tells messages apart by the JSON of their content: what a file holds must be in it, where the bridge keeps it
// meanwhile must not.
func TestTheBytesOfAFileBesideAMessageTellItFromOthers(t *testing.T) {
	written := func(change func(*File)) string {
		file := beside(1)[0]
		change(&file)
		text, err := json.Marshal(Files{Files: []File{file}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	same := written(func(*File) {})
	if got := written(func(f *File) { f.Path = "/tmp/elsewhere" }); got != same {
		t.Errorf("a repeat reads as another message: %s, first %s", got, same)
	}
	if strings.Contains(same, "/tmp") {
		t.Errorf("the bridge's own path is in %s", same)
	}
	for what, change := range map[string]func(*File){
		"bytes": func(f *File) { f.SHA256 = strings.Repeat("f", 64) },
		"name":  func(f *File) { f.Name = "other" },
		"type":  func(f *File) { f.MIMEType = "image/png" },
	} {
		if written(change) == same {
			t.Errorf("a file with other %s reads as the same message", what)
		}
	}
}

func FuzzFiles(f *testing.F) {
	for _, content := range []string{
		filesOf(`{"url":"https://a/b"}`, `{"data":"aGk=","name":"n","mime_type":"a/b"}`), filesOf(`null`, `5`), filesOf(`{"url":5}`), many(21),
		`{"kind":"files","files":[{"url":"http://[::1%25eth0]/"}],"text":"x"}`,
	} {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content string) {
		out, err := DecodeSend([]byte(sendBody(content)))
		if err != nil {
			return
		}
		files, ok := out.Content.(Files)
		if !ok {
			return
		}
		for _, file := range files.Files {
			if (file.URL == "") == (file.Data == "") || file.Path != "" || file.SHA256 != "" {
				t.Fatalf("accepted %+v", file)
			}
			if _, err := base64.StdEncoding.DecodeString(file.Data); err != nil {
				t.Fatal(err)
			}
		}
		body, err := EncodeSend(out, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeSend(body)
		if err != nil {
			t.Fatalf("%s was accepted, but not its own encoding %s: %v", content, body, err)
		}
		if diff := cmp.Diff(out, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
