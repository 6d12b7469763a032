package chatwoottest

import (
	"mime"
	"net/http"
	"strconv"
)

func (d *Desk) redirect(w http.ResponseWriter, req *http.Request) {
	http.Redirect(w, req, "/rails/active_storage/disk/"+req.PathValue("id")+"/"+req.PathValue("name"), http.StatusFound)
}

func (d *Desk) download(w http.ResponseWriter, req *http.Request) {
	id, _ := strconv.ParseInt(req.PathValue("id"), 10, 64)
	d.mu.Lock()
	kept, ok := d.files[id]
	d.mu.Unlock()
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", kept.mime)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": kept.name}))
	_, _ = w.Write(kept.data)
}
