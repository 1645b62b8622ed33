// Intl for one locale, en-US, and one time zone, UTC: what scripts format prices and dates with. Other locales get this
// one, as the standard has it for those that are unknown; other time zones throw.

const { plainNumberText } = shared;
const LOCALE = 'en-US';
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const SYMBOLS = {
  USD: '$',
  EUR: '€',
  GBP: '£',
  JPY: '¥',
  INR: '₹',
  CNY: 'CN¥',
  KRW: '₩',
  BRL: 'R$',
  CAD: 'CA$',
  AUD: 'A$',
};
const WITHOUT_CENTS = ['JPY', 'KRW', 'VND', 'CLP'];

class Format {
  static supportedLocalesOf(locales) {
    return [locales ?? []].flat();
  }
}

function grouped(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',');
}

class NumberFormat extends Format {
  #options;

  constructor(locales, options = {}) {
    super();
    const { style = 'decimal', currency, notation = 'standard' } = options;
    if (!['decimal', 'percent', 'currency'].includes(style)) throw new RangeError(`style ${style} is not supported`);
    if (style === 'currency' && currency === undefined)
      throw new TypeError('Currency code is required with currency style.');
    const code = currency?.toUpperCase();
    const cents = style === 'currency' ? (WITHOUT_CENTS.includes(code) ? 0 : 2) : undefined;
    const usualLeast = cents ?? 0;
    const usualMost = cents ?? (style === 'percent' || notation === 'compact' ? 0 : 3);
    const given = [options.minimumFractionDigits, options.maximumFractionDigits];
    for (const digits of given)
      if (digits !== undefined && !(digits >= 0 && digits <= 100))
        throw new RangeError('a number of digits is from 0 to 100');
    const least = given[0] ?? Math.min(usualLeast, given[1] ?? usualLeast);
    const most = given[1] ?? Math.max(usualMost, least);
    if (least > most) throw new RangeError('maximumFractionDigits value is out of range.');
    this.#options = { locale: LOCALE, numberingSystem: 'latn', style, currency: code, notation };
    Object.assign(this.#options, {
      currencyDisplay: options.currencyDisplay ?? 'symbol',
      useGrouping: options.useGrouping ?? true,
    });
    Object.assign(this.#options, { minimumFractionDigits: least, maximumFractionDigits: most });
    Object.assign(this.#options, {
      significant: options.maximumSignificantDigits,
      signDisplay: options.signDisplay ?? 'auto',
    });
    Object.assign(this.#options, {
      rounded: given.every((digits) => digits === undefined),
      least: options.minimumIntegerDigits ?? 1,
    });
  }

  get format() {
    return (value) => this.#text(value);
  }

  #text(value) {
    const { style, currency, currencyDisplay, notation, signDisplay, useGrouping } = this.#options;
    const number = typeof value === 'bigint' ? value : Number(value);
    const negative = number < 0 || Object.is(number, -0);
    let size = negative ? -number : number;
    let unit = '';
    if (style === 'percent') size = typeof size === 'bigint' ? size * 100n : size * 100;
    if (notation === 'compact' && Number(size) >= 1000) {
      const power = Math.min(4, Math.floor(Math.log10(Number(size)) / 3 + 1e-12));
      size = Number(size) / 1000 ** power;
      unit = ['', 'K', 'M', 'B', 'T'][power];
    }
    let digits = Number.isNaN(size) ? 'NaN' : size === Infinity ? '∞' : this.#digits(size, notation);
    const [whole, rest] = digits.split('.');
    const group = useGrouping !== false && useGrouping !== 'false' && /^\d+$/.test(whole);
    digits = (group ? grouped(whole) : whole) + (rest ? `.${rest}` : '') + unit;
    if (style === 'percent') digits += '%';
    if (style === 'currency') {
      const symbol = currencyDisplay === 'code' || !(currency in SYMBOLS) ? `${currency}\u00a0` : SYMBOLS[currency];
      digits = currencyDisplay === 'name' ? `${digits} ${currency}` : symbol + digits;
    }
    const sign = negative
      ? signDisplay === 'never'
        ? ''
        : '-'
      : ['always'].includes(signDisplay) || (signDisplay === 'exceptZero' && Number(size) > 0)
        ? '+'
        : '';
    return sign + digits;
  }

  #digits(size, notation) {
    const {
      minimumFractionDigits: least,
      maximumFractionDigits: most,
      significant,
      rounded,
      least: integers,
    } = this.#options;
    let text;
    if (significant !== undefined) text = plainNumberText(Number(Number(size).toPrecision(significant)));
    else if (notation === 'compact' && rounded)
      text = plainNumberText(Number(size < 100 ? Number(size).toPrecision(2) : Math.round(Number(size))));
    else if (typeof size === 'bigint') text = String(size) + (least > 0 ? `.${'0'.repeat(least)}` : '');
    else {
      text = rounding(size, most);
      if (text.includes('.')) {
        let end = text.length;
        while (text[end - 1] === '0' && end > text.indexOf('.') + 1 + least) end--;
        text = text.slice(0, text[end - 1] === '.' ? end - 1 : end);
      }
    }
    const [whole, rest] = text.split('.');
    return whole.padStart(integers, '0') + (rest ? `.${rest}` : '');
  }

  formatToParts(value) {
    return [{ type: 'literal', value: this.format(value) }];
  }

  resolvedOptions() {
    const { significant, rounded, least, ...shown } = this.#options;
    return shown;
  }
}

// Half away from zero, of the decimal text that the number is written as.
function rounding(size, most) {
  const text = plainNumberText(size);
  const [whole, rest = ''] = text.split('.');
  if (rest.length <= most) return most > 0 ? `${whole}.${rest.padEnd(most, '0')}` : whole;
  let kept = BigInt(whole + rest.slice(0, most));
  if (rest[most] >= '5') kept++;
  const digits = String(kept).padStart(most + 1, '0');
  return most > 0 ? `${digits.slice(0, -most)}.${digits.slice(-most)}` : digits;
}

class DateTimeFormat extends Format {
  #options;

  constructor(locales, options = {}, usual = ['year', 'month', 'day']) {
    super();
    const zone = String(options.timeZone ?? 'UTC');
    if (!/^(UTC|GMT|Etc\/(UTC|GMT)|[+-]00:?00)$/i.test(zone))
      throw new RangeError(`Invalid time zone specified: ${zone}: agents have UTC alone`);
    const parts = [
      'weekday',
      'year',
      'month',
      'day',
      'hour',
      'minute',
      'second',
      'dateStyle',
      'timeStyle',
      'fractionalSecondDigits',
      'dayPeriod',
    ];
    const given = Object.fromEntries(
      parts.filter((part) => options[part] !== undefined).map((part) => [part, options[part]]),
    );
    const chosen = Object.keys(given).length > 0 ? given : Object.fromEntries(usual.map((part) => [part, 'numeric']));
    const hour12 = options.hour12 ?? (options.hourCycle ? /^h1[12]$/.test(options.hourCycle) : true);
    this.#options = { ...chosen, hour12, name: options.timeZoneName };
  }

  get format() {
    return (date) =>
      this.formatToParts(date)
        .map(({ value }) => value)
        .join('');
  }

  formatToParts(given) {
    const time = given === undefined ? Date.now() : Number(given);
    if (Number.isNaN(time)) throw new RangeError('Invalid time value');
    const date = new Date(time);
    const { dateStyle, timeStyle, hour12, name } = this.#options;
    let { weekday, year, month, day, hour, minute, second, fractionalSecondDigits } = this.#options;
    if (dateStyle) {
      [year, day] = [dateStyle === 'short' ? '2-digit' : 'numeric', 'numeric'];
      month = { short: 'numeric', medium: 'short' }[dateStyle] ?? 'long';
      if (dateStyle === 'full') weekday = 'long';
    }
    if (timeStyle) [hour, minute, second] = ['numeric', '2-digit', timeStyle === 'short' ? undefined : '2-digit'];
    const parts = [];
    const add = (type, value, before) => {
      if (parts.length > 0) parts.push({ type: 'literal', value: before });
      parts.push({ type, value });
    };
    const two = (value) => String(value).padStart(2, '0');
    const numberOf = (style, value) => (style === '2-digit' ? two(value % 100) : String(value));
    const named = month !== undefined && !['numeric', '2-digit'].includes(month);
    if (weekday)
      add(
        'weekday',
        weekday === 'long' ? DAYS[date.getUTCDay()] : DAYS[date.getUTCDay()].slice(0, weekday === 'narrow' ? 1 : 3),
        '',
      );
    if (month) {
      const text = MONTHS[date.getUTCMonth()];
      const shown = named
        ? month === 'long'
          ? text
          : text.slice(0, month === 'narrow' ? 1 : 3)
        : numberOf(month, date.getUTCMonth() + 1);
      add('month', shown, ', ');
    }
    if (day) add('day', numberOf(day, date.getUTCDate()), month ? (named ? ' ' : '/') : ' ');
    if (year)
      add('year', numberOf(year, date.getUTCFullYear()), named ? (day ? ', ' : ' ') : month || day ? '/' : ', ');
    const hours = date.getUTCHours();
    if (hour) {
      const shown = hour12 ? hours % 12 || 12 : hours;
      const between = dateStyle === 'full' || dateStyle === 'long' ? ' at ' : ', ';
      add('hour', hour === '2-digit' || !hour12 ? two(shown) : String(shown), between);
    }
    if (minute)
      add('minute', hour || second ? two(date.getUTCMinutes()) : String(date.getUTCMinutes()), hour ? ':' : ', ');
    if (second)
      add('second', minute || hour ? two(date.getUTCSeconds()) : String(date.getUTCSeconds()), minute ? ':' : ', ');
    if (fractionalSecondDigits)
      add('fractionalSecond', String(date.getUTCMilliseconds()).padStart(3, '0').slice(0, fractionalSecondDigits), '.');
    if (hour && hour12) add('dayPeriod', hours < 12 ? 'AM' : 'PM', ' ');
    if (name || timeStyle === 'full' || timeStyle === 'long')
      add(
        'timeZoneName',
        name === 'long' || timeStyle === 'full' ? 'Coordinated Universal Time' : 'UTC',
        name && !hour ? ', ' : ' ',
      );
    return parts;
  }

  resolvedOptions() {
    const { name, hour12, ...shown } = this.#options;
    return { locale: LOCALE, calendar: 'gregory', numberingSystem: 'latn', timeZone: 'UTC', ...shown };
  }
}

class Collator extends Format {
  #compare;

  constructor(locales, options = {}) {
    super();
    const base = (text) => text.normalize('NFD').replace(/\p{M}/gu, '');
    const plain = (text) =>
      options.sensitivity === 'base'
        ? base(text).toLowerCase()
        : options.sensitivity === 'accent'
          ? text.toLowerCase()
          : text;
    const order = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
    const parts = (text) => (options.numeric ? (text.match(/\d+|\D+/g) ?? []) : [text]);
    const inner = (one, other) =>
      order(base(one).toLowerCase(), base(other).toLowerCase()) ||
      order(one.toLowerCase(), other.toLowerCase()) ||
      -order(one, other);
    this.#compare = (one, other) => {
      const [mine, theirs] = [parts(plain(String(one))), parts(plain(String(other)))];
      for (let i = 0; i < Math.min(mine.length, theirs.length); i++) {
        const numbers = /^\d/.test(mine[i]) && /^\d/.test(theirs[i]);
        const found = numbers ? Math.sign(Number(mine[i]) - Number(theirs[i])) : inner(mine[i], theirs[i]);
        if (found) return found;
      }
      return Math.sign(mine.length - theirs.length);
    };
  }

  get compare() {
    return this.#compare;
  }

  resolvedOptions() {
    return {
      locale: LOCALE,
      usage: 'sort',
      sensitivity: 'variant',
      ignorePunctuation: false,
      collation: 'default',
      numeric: false,
    };
  }
}

class PluralRules extends Format {
  #ordinal;

  constructor(locales, options = {}) {
    super();
    this.#ordinal = options.type === 'ordinal';
  }

  select(value) {
    const number = Number(value);
    if (!this.#ordinal) return number === 1 ? 'one' : 'other';
    const teen = number % 100 >= 11 && number % 100 <= 13;
    return teen ? 'other' : ({ 1: 'one', 2: 'two', 3: 'few' }[number % 10] ?? 'other');
  }

  resolvedOptions() {
    return { locale: LOCALE, type: this.#ordinal ? 'ordinal' : 'cardinal' };
  }
}

class ListFormat extends Format {
  #word;

  constructor(locales, options = {}) {
    super();
    this.#word = options.type === 'unit' ? '' : options.type === 'disjunction' ? 'or' : 'and';
  }

  format(list) {
    const items = [...list];
    const last = this.#word === '' ? ', ' : ` ${this.#word} `;
    if (items.length < 3) return items.join(last);
    return `${items.slice(0, -1).join(', ')},${this.#word === '' ? '' : ` ${this.#word}`} ${items.at(-1)}`;
  }
}

// Each can be called without `new`, but for those that are newer than that custom.
const callable = (constructor) => new Proxy(constructor, { apply: (target, self, values) => new target(...values) });
const Intl = {
  ...{ NumberFormat: callable(NumberFormat), DateTimeFormat: callable(DateTimeFormat), Collator: callable(Collator) },
  ...{ PluralRules, ListFormat, getCanonicalLocales: (locales) => [locales ?? []].flat() },
};
Object.defineProperty(Intl, Symbol.toStringTag, { value: 'Intl', configurable: true });
for (const name of Object.keys(Intl)) Object.defineProperty(Intl, name, { enumerable: false });
const TIME = ['hour', 'minute', 'second'];
const DATE = ['year', 'month', 'day'];
const dated =
  (usual) =>
  (date, options = {}) => {
    const has = (parts) => parts.some((part) => options[part] !== undefined);
    const own = has(['weekday', ...DATE, ...TIME, 'dateStyle', 'timeStyle', 'fractionalSecondDigits']);
    const wanted = usual === null ? [...DATE, ...TIME] : usual;
    // Time of a date, or date of a time: what is usual is added to what is asked for.
    const lacking =
      own &&
      usual !== null &&
      !has(usual) &&
      !options.dateStyle &&
      !options.timeStyle &&
      !(usual === DATE && options.weekday);
    const more = lacking ? Object.fromEntries(usual.map((part) => [part, 'numeric'])) : {};
    return new DateTimeFormat(LOCALE, { ...more, ...options }, wanted).format(date);
  };
return {
  Intl,
  ofNumber: (value, options) => new NumberFormat(LOCALE, options).format(value),
  ofDate: dated(null),
  ofDay: dated(DATE),
  ofTime: dated(TIME),
};
