// Dates and times of pickers: a slot's wall clock in the zone that is shown, and dates in a form page's own format.

const two = (n) => String(n).padStart(2, "0");

const offsetName = (minutes) => {
  const far = Math.abs(minutes);
  return `GMT${minutes < 0 ? "−" : "+"}${two(Math.floor(far / 60))}:${two(far % 60)}`;
};

// slotClock shows slots in a fixed offset, in minutes, or in the device's zone where there is none.
export function slotClock(offset) {
  const fixed = Number.isFinite(offset);
  const shift = fixed ? offset * 60000 : 0;
  const format = (options) => new Intl.DateTimeFormat(undefined, fixed ? { ...options, timeZone: "UTC" } : options);
  const day = format({ weekday: "long", day: "numeric", month: "long" });
  const dayOfYear = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
  const year = format({ year: "numeric" });
  const time = format({ hour: "numeric", minute: "2-digit" });
  return {
    // Apple writes the zone as +0000, and leaves the seconds out.
    parse: (text) => Date.parse(String(text).replace(/([+-]\d\d)(\d\d)$/, "$1:$2")),
    day: (at) => (year.format(at + shift) === year.format(Date.now() + shift) ? day : dayOfYear).format(at + shift),
    range: (at, seconds) => (seconds > 0 && seconds < 86400 ? time.formatRange(at + shift, at + shift + seconds * 1000) : time.format(at + shift)),
    zone(at) {
      if (fixed) return `Times in ${offsetName(offset)}, the event’s zone`;
      const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
      return `Times in ${name.replace(/_/g, " ")} (${offsetName(-new Date(at).getTimezoneOffset())}), this device’s zone`;
    },
  };
}

// durationOf says how long a slot is. Some have no length.
export function durationOf(seconds) {
  if (!(seconds > 0)) return "";
  const parts = [[Math.floor(seconds / 86400), "day"], [Math.floor(seconds / 3600) % 24, "hour"], [Math.floor(seconds / 60) % 60, "minute"]];
  return parts.filter(([n]) => n).map(([n, unit]) => `${n} ${unit}${n > 1 ? "s" : ""}`).join(" ");
}

const months = Array.from({ length: 12 }, (_, m) => new Intl.DateTimeFormat("en", { month: "long", timeZone: "UTC" }).format(Date.UTC(2024, m, 1)));
const token = /yyyy|yy|MMMM|MMM|MM|M|dd|d/g;

// toFormat writes an ISO date, 2030-02-24, in a page's format.
export function toFormat(iso, format = "MM/dd/yyyy") {
  const [y, m, d] = iso.split("-").map(Number);
  const parts = {
    yyyy: String(y).padStart(4, "0"), yy: two(y % 100), MMMM: months[m - 1], MMM: months[m - 1].slice(0, 3),
    MM: two(m), M: String(m), dd: two(d), d: String(d),
  };
  return format.replace(token, (name) => parts[name]);
}

// fromFormat reads a date in a page's format. What does not fit is "".
export function fromFormat(text, format = "MM/dd/yyyy") {
  const names = [];
  const pattern = format.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(token, (name) => {
    names.push(name[0]);
    if (name === "yyyy") return "(\\d{4})";
    return /MMM/.test(name) ? "([A-Za-z]+)" : "(\\d{1,2})";
  });
  const found = new RegExp(`^${pattern}$`).exec(text || "");
  if (!found) return "";
  const part = {};
  names.forEach((name, at) => { part[name] = found[at + 1]; });
  const month = /^\d/.test(part.M || "") ? Number(part.M) : months.findIndex((name) => part.M && name.startsWith(part.M)) + 1;
  if (!part.y || !month || !part.d) return "";
  return `${part.y.length === 2 ? "20" + part.y : part.y}-${two(month)}-${two(part.d)}`;
}
