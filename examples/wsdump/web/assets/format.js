// Numbers, times and sizes as text.

const grouped = new Intl.NumberFormat('en');

/** count writes 1,234,567. */
export const count = (n) => grouped.format(n ?? 0);

/** some writes 1.2k or 3.4M, where there is little room. */
export function some(n) {
  if (n < 10_000) return count(n);
  for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e3]]) {
    if (n >= size) return `${(n / size).toFixed(n < 10 * size ? 1 : 0)}${unit}`;
  }
  return count(n);
}

/** bytes writes 512 B, 1.2 KiB, 3.4 MiB. */
export function bytes(n) {
  if (n < 1024) return `${n} B`;
  for (const [unit, size] of [['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]]) {
    if (n >= size) return `${(n / size).toFixed(n < 10 * size ? 1 : 0)} ${unit}`;
  }
  return `${n} B`;
}

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

const two = (n) => String(n).padStart(2, '0');
let second = ''; // of the last time, which the next often shares
let secondText = '';

/** clock writes the local time of an RFC 3339 time with digits of the second, of which Date knows only three. */
export function clock(time, digits = 6) {
  const s = time.slice(0, 19);
  if (s !== second) {
    const d = new Date(`${s}Z`);
    second = s;
    secondText = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  }
  return `${secondText}.${fraction(time).padEnd(digits, '0').slice(0, digits)}`;
}

/** day writes the local date of a time. */
export function day(time) {
  const d = new Date(`${time.slice(0, 19)}Z`);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

const fraction = (time) => (time[19] === '.' ? time.slice(20).replace(/\D.*$/, '') : '');

/** seconds is a time as seconds since 1970: a float, good for a microsecond. */
export function seconds(time) {
  return Date.parse(`${time.slice(0, 19)}Z`) / 1000 + Number(`0.${fraction(time) || 0}`);
}

/** rfc3339 is the opposite of seconds, to the microsecond. */
export function rfc3339(unix) {
  const whole = Math.floor(unix);
  const micro = Math.min(999_999, Math.round((unix - whole) * 1e6));
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${String(micro).padStart(6, '0')}Z`;
}

/** duration writes seconds as 12 ms, 3.4 s, 5 min 6 s, 7 h 8 min. */
export function duration(s) {
  if (s < 0.001) return `${Math.round(s * 1e6)} µs`;
  if (s < 1) return `${(s * 1000).toFixed(s < 0.01 ? 2 : 0)} ms`;
  if (s < 59.95) return `${s.toFixed(s < 9.995 ? 2 : 1)} s`;
  const whole = Math.round(s);
  const m = Math.floor(whole / 60);
  if (m < 60) return `${m} min ${whole % 60} s`;
  if (m < 2880) return `${Math.floor(m / 60)} h ${m % 60} min`;
  return `${Math.floor(m / 1440)} d ${Math.floor(m % 1440 / 60)} h`;
}
