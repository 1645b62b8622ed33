'use agent';
(() => {
  var __defProp = Object.defineProperty;
  var __export = (target2, all) => {
    for (var name in all)
      __defProp(target2, name, { get: all[name], enumerable: true });
  };

  // src/index.js
  var src_exports = {};
  __export(src_exports, {
    default: () => src_default
  });

  // ../parts/guarded_page.js
  var hash = (text) => Wapo.hash("sha256", text).toBase64();
  var within = (page, tag) => page.slice(page.indexOf(`<${tag}>`) + tag.length + 2, page.indexOf(`</${tag}>`));
  var guarded = (page) => page.replace("sha256-SCRIPT", `sha256-${hash(within(page, "script"))}`).replace("sha256-STYLE", `sha256-${hash(within(page, "style"))}`);

  // ../parts/reading.js
  var BadInput = class extends Error {
    constructor(field, problem) {
      super(problem);
      this.field = field;
    }
  };
  function object(value, field) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw new BadInput(field, "must be an object");
    }
    return value;
  }
  function number(value, field, min, max = Infinity) {
    if (typeof value !== "number" || !Number.isFinite(value)) throw new BadInput(field, "must be a number");
    if (value < min || value > max) {
      throw new BadInput(field, max === Infinity ? `must be at least ${min}` : `must be from ${min} to ${max}`);
    }
    return value;
  }
  function whole(value, field, min, max) {
    if (!Number.isInteger(value)) throw new BadInput(field, "must be a whole number");
    return number(value, field, min, max);
  }
  function string(value, field, max = Infinity) {
    if (typeof value !== "string" || value === "") throw new BadInput(field, "must be a string that is not empty");
    if (value.length > max) throw new BadInput(field, `has ${value.length} characters: at most ${max} are taken`);
    return value;
  }
  function list(value, field, max) {
    if (!Array.isArray(value)) throw new BadInput(field, "must be a list");
    if (value.length > max) throw new BadInput(field, `has ${value.length} entries: at most ${max} are taken`);
    return value;
  }
  function known(value, field, names) {
    const unknown = Object.keys(object(value, field)).filter((name) => !names.includes(name));
    if (unknown.length) throw new BadInput(`${field}.${unknown[0]}`, `is none of ${names.join(", ")}`);
    return value;
  }
  function json(text, field = "input") {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new BadInput(field, `must be JSON: ${error.message}`);
    }
  }
  function refusal(error) {
    if (!(error instanceof BadInput)) throw error;
    return { error: "bad-input", field: error.field, message: `${error.field} ${error.message}` };
  }

  // ../parts/routes.js
  var JSON_HEADERS = { "content-type": "application/json", "access-control-allow-origin": "*" };
  var PAGE_HEADERS = { "content-type": "text/html; charset=utf-8", "access-control-allow-origin": "*" };
  var Refused = class extends Error {
    constructor(status, error, message) {
      super(message);
      this.status = status;
      this.error = error;
    }
  };
  var notFound = (message) => new Refused(404, "not-found", message);
  function onlyByJob(agent, path) {
    const found2 = globalThis.job;
    if (found2 === void 0) {
      const command = `fathom agent send ${agent} ${path} --mode recorded --json '…'`;
      throw new Refused(409, "only-by-job", `this changes what is on the chain, which a job does: ${command}`);
    }
    return found2;
  }
  function routed(handlers) {
    const table = Object.entries(handlers).map(([route, handler]) => {
      const [method, path] = route.split(" ");
      return { method, path: path.split("/"), handler };
    });
    return async (text) => {
      const request = JSON.parse(text);
      try {
        return answered(200, await dispatch(table, request));
      } catch (error) {
        if (error instanceof Refused) return answered(error.status, { error: error.error, message: error.message });
        return answered(400, refusal(error));
      }
    };
  }
  function dispatch(table, { method = "GET", path = "/", queries = {}, body }) {
    const given = path.split("/");
    const wanted = method === "HEAD" ? "GET" : method;
    const fits = ({ path: path2 }) => path2.length === given.length && path2.every((part, i) => part === "*" || part === given[i]);
    const found2 = table.filter(fits);
    if (!found2.length) throw notFound(`there is no ${path} here: GET / says what there is`);
    const route = found2.find((each) => each.method === wanted);
    if (!route) throw new Refused(405, "method-not-allowed", `${path} is for ${found2.map((each) => each.method)}`);
    const parts = given.filter((_, i) => route.path[i] === "*").map(decoded);
    const query = Object.fromEntries(Object.entries(queries).map(([name, values]) => [name, values[0]]));
    return route.handler({ parts, query, body: body === void 0 ? {} : json(body, "body") });
  }
  function decoded(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      throw new BadInput("path", "has an escape that is none");
    }
  }
  function answered(status, value) {
    const isPage = typeof value === "string";
    const headers = isPage ? PAGE_HEADERS : JSON_HEADERS;
    return JSON.stringify({ status, headers, body: isPage ? value : JSON.stringify(value) });
  }

  // ../parts/vectors.js
  async function embedded(texts) {
    if (!texts.length) return [];
    try {
      const found2 = await ai.embed(texts, { encoding_format: "base64" });
      return found2.map((text) => unit(Array.from(new Float32Array(Uint8Array.fromBase64(text).buffer))));
    } catch (error) {
      console.log(`no embeddings: ${error.message}`);
      return void 0;
    }
  }
  function unit(vector) {
    const length = Math.sqrt(dot(vector, vector));
    return length > 0 ? vector.map((value) => value / length) : vector;
  }
  function dot(one, other) {
    let sum = 0;
    const size = Math.min(one.length, other.length);
    for (let i = 0; i < size; i++) sum += one[i] * other[i];
    return sum;
  }
  function unpacked(text) {
    return unit(Array.from(new Int8Array(Uint8Array.fromBase64(text).buffer)));
  }
  var best = (vector, others) => others.reduce((most, other) => Math.max(most, dot(vector, other)), 0);

  // ../parts/distance.js
  function distance(one, other, limit) {
    if (Math.abs(one.length - other.length) > limit) return limit + 1;
    let [before, last] = [[], Array.from({ length: other.length + 1 }, (_, i) => i)];
    for (let i = 1; i <= one.length; i++) {
      const row = [i];
      for (let j = 1; j <= other.length; j++) {
        const same = one[i - 1] === other[j - 1];
        row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
        const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
        if (swapped) row[j] = Math.min(row[j], before[j - 2] + 1);
      }
      [before, last] = [last, row];
    }
    return Math.min(last[other.length], limit + 1);
  }

  // src/brands.js
  var WORDS = { word: true };
  var brand = (name, domains, { word = false } = {}) => ({ name, domains: domains.split(" "), word });
  var BRANDS = [
    brand("paypal", "paypal.com paypal.me"),
    brand("amazon", "amazon.com amazon.co.uk amazon.de amazon.fr amazon.in amazonaws.com"),
    brand("microsoft", "microsoft.com live.com office.com microsoftonline.com office365.com windows.com azure.com"),
    brand("outlook", "outlook.com live.com microsoft.com office.com"),
    brand("sharepoint", "sharepoint.com microsoft.com"),
    brand("onedrive", "live.com microsoft.com onedrive.com"),
    brand("google", "google.com google.de google.co.uk goo.gl youtube.com gmail.com googleapis.com"),
    brand("apple", "apple.com icloud.com", WORDS),
    brand("appleid", "apple.com icloud.com"),
    brand("icloud", "apple.com icloud.com"),
    brand("facebook", "facebook.com facebookmail.com fb.com meta.com"),
    brand("instagram", "instagram.com"),
    brand("whatsapp", "whatsapp.com wa.me"),
    brand("telegram", "telegram.org t.me"),
    brand("linkedin", "linkedin.com lnkd.in"),
    brand("twitter", "twitter.com x.com t.co"),
    brand("netflix", "netflix.com"),
    brand("spotify", "spotify.com"),
    brand("dropbox", "dropbox.com dropboxmail.com"),
    brand("docusign", "docusign.com docusign.net"),
    brand("wetransfer", "wetransfer.com"),
    brand("adobe", "adobe.com"),
    brand("zoom", "zoom.us zoom.com", WORDS),
    brand("slack", "slack.com", WORDS),
    brand("github", "github.com github.io githubusercontent.com"),
    brand("steam", "steampowered.com steamcommunity.com", WORDS),
    brand("steamcommunity", "steampowered.com steamcommunity.com"),
    brand("discord", "discord.com discord.gg", WORDS),
    brand("ebay", "ebay.com ebay.co.uk ebay.de"),
    brand("walmart", "walmart.com"),
    brand("lidl", "lidl.com lidl.de lidl.co.uk"),
    brand("norton", "norton.com", WORDS),
    brand("dhl", "dhl.com dhl.de"),
    brand("fedex", "fedex.com"),
    brand("usps", "usps.com"),
    brand("royalmail", "royalmail.com"),
    brand("hermes", "myhermes.co.uk hermesworld.com", WORDS),
    brand("hmrc", "hmrc.gov.uk"),
    brand("chase", "chase.com jpmorganchase.com", WORDS),
    brand("wellsfargo", "wellsfargo.com"),
    brand("bankofamerica", "bankofamerica.com bofa.com"),
    brand("citibank", "citi.com citibank.com"),
    brand("barclays", "barclays.com barclays.co.uk"),
    brand("hsbc", "hsbc.com hsbc.co.uk"),
    brand("revolut", "revolut.com"),
    brand("sparkasse", "sparkasse.de"),
    brand("commerzbank", "commerzbank.de commerzbank.com"),
    brand("telekom", "telekom.de telekom.com"),
    brand("coinbase", "coinbase.com"),
    brand("binance", "binance.com binance.us"),
    brand("kraken", "kraken.com", WORDS),
    brand("metamask", "metamask.io"),
    brand("walletconnect", "walletconnect.com walletconnect.org reown.com"),
    brand("trustwallet", "trustwallet.com"),
    brand("phantom", "phantom.app phantom.com", WORDS),
    brand("ledger", "ledger.com", WORDS),
    brand("trezor", "trezor.io"),
    brand("uniswap", "uniswap.org"),
    brand("opensea", "opensea.io"),
    brand("azuki", "azuki.com"),
    brand("polkadot", "polkadot.com polkadot.network polkadot.io polkadot.js.org subsquare.io"),
    brand("kusama", "kusama.network"),
    brand("stripe", "stripe.com", WORDS),
    brand("wise", "wise.com", WORDS),
    brand("santander", "santander.com santander.co.uk bancosantander.es"),
    brand("intuit", "intuit.com"),
    brand("quickbooks", "intuit.com quickbooks.com"),
    brand("shopify", "shopify.com myshopify.com"),
    brand("signal", "signal.org", WORDS),
    brand("booking", "booking.com", WORDS),
    brand("airbnb", "airbnb.com")
  ];
  var OWN_DOMAINS = new Set(BRANDS.flatMap(({ domains }) => domains));
  var SHORTENERS = new Set(
    "bit.ly tinyurl.com t.co goo.gl is.gd ow.ly buff.ly cutt.ly rebrand.ly shorturl.at rb.gy tiny.cc v.gd t.ly".split(
      " "
    )
  );
  var FREE_HOSTS = new Set(
    "weebly.com web.app firebaseapp.com wixsite.com 000webhostapp.com blogspot.com pages.dev workers.dev vercel.app netlify.app glitch.me godaddysites.com square.site webflow.io r2.dev duckdns.org ngrok.io ngrok-free.app".split(" ")
  );
  var FREE_MAIL = new Set(
    "gmail.com googlemail.com yahoo.com outlook.com hotmail.com live.com aol.com proton.me protonmail.com gmx.de gmx.net web.de mail.com mail.ru yandex.ru icloud.com zohomail.com".split(" ")
  );
  var FORMS = new Set("forms.gle jotform.com jotform.site typeform.com wufoo.com formstack.com".split(" "));
  var BAIT_WORDS = new Set(
    "account alert alerts appeal auth bill billing bills bonus booking cancel card center claim claims confirm confirmation customs delivery desk direct drop email fee fees fine form fraud free gift guest help helpdesk hold id identity invoice kyc konto live login mail mailer migrate migration notice notification online pay payment payments payout permit permits portal prize profile recover recovery redelivery refund refunds release renew renewal reset restore reward rewards safe secure security seguro service services settlement sicherheit sign signin staking storage support tax toll tolls track tracking treasury unlock update upgrade validate verify vote wallet webmail anniversary anniv quick official cloud".split(" ")
  );
  var CHEAP_ENDINGS = new Set(
    "top xyz club live support icu vip win click gift buzz rest cam pw cfd sbs monster quest bond loan work men date download cloud center info online site website space fun host press ru su tk ml ga cf gq".split(" ")
  );

  // src/lookalikes.js
  var LOOKS = {
    а: "a",
    е: "e",
    о: "o",
    р: "p",
    с: "c",
    у: "y",
    х: "x",
    і: "i",
    ј: "j",
    ѕ: "s",
    һ: "h",
    "ԁ": "d",
    "ԛ": "q",
    "ԝ": "w",
    к: "k",
    м: "m",
    т: "t",
    в: "b",
    н: "h",
    г: "r",
    "ӏ": "l",
    α: "a",
    ο: "o",
    ρ: "p",
    ν: "v",
    ι: "i",
    κ: "k",
    υ: "u",
    τ: "t",
    η: "n",
    ε: "e",
    ɡ: "g",
    ı: "i",
    ł: "l",
    ø: "o",
    đ: "d",
    ß: "b",
    0: "o",
    1: "l",
    3: "e",
    5: "s",
    7: "t",
    $: "s",
    "@": "a",
    "|": "l"
  };
  function skeleton(word) {
    const bare = word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    return [...bare].map((letter) => LOOKS[letter] ?? letter).join("").replaceAll("rn", "m").replaceAll("vv", "w").replaceAll("i", "l");
  }
  function mixesScripts(word) {
    const scripts = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u];
    return scripts.filter((script) => script.test(word)).length > 1;
  }

  // src/domains.js
  var DOUBLE_ENDINGS = new Set(
    "co.uk org.uk gov.uk ac.uk me.uk com.au net.au org.au gov.au co.nz co.jp ne.jp or.jp co.kr co.in net.in gov.in co.za com.br gov.br com.mx com.ar com.tr com.cn com.hk com.sg com.my com.ua co.il co.id com.ph com.vn com.pl uk.com us.com eu.com de.com js.org".split(" ")
  );
  function registrable(host) {
    const labels = host.toLowerCase().replace(/\.$/, "").split(".");
    if (isAddress(host) || labels.length < 3) return labels.join(".");
    return labels.slice(DOUBLE_ENDINGS.has(labels.slice(-2).join(".")) ? -3 : -2).join(".");
  }
  var isAddress = (host) => /^\[[0-9a-f:.]+\]$|^\d{1,3}(\.\d{1,3}){3}$/i.test(host);
  var isOwn = (domain) => OWN_DOMAINS.has(domain) || OWN_DOMAINS.has(domain.split(".").slice(-2).join("."));
  function shown(host) {
    const label = (text) => text.startsWith("xn--") ? decodePunycode(text.slice(4)) ?? text : text;
    return host.split(".").map(label).join(".");
  }
  function decodePunycode(text) {
    const dash = text.lastIndexOf("-");
    const out = dash > 0 ? [...text.slice(0, dash)] : [];
    let [n, i, bias] = [128, 0, 72];
    for (let at = dash > 0 ? dash + 1 : 0; at < text.length; ) {
      const before = i;
      for (let [weight, k2] = [1, 36]; ; k2 += 36) {
        if (at >= text.length) return void 0;
        const digit = parseInt(text[at++], 36);
        if (Number.isNaN(digit)) return void 0;
        const value = digit < 10 ? digit + 26 : digit - 10;
        i += value * weight;
        const threshold = Math.min(Math.max(k2 - bias, 1), 26);
        if (value < threshold) break;
        weight *= 36 - threshold;
      }
      const length = out.length + 1;
      let delta = Math.floor((i - before) / (before === 0 ? 700 : 2));
      delta += Math.floor(delta / length);
      let k = 0;
      for (; delta > 455; k += 36) delta = Math.floor(delta / 35);
      bias = k + Math.floor(36 * delta / (delta + 38));
      n += Math.floor(i / length);
      i %= length;
      if (n > 1114111) return void 0;
      out.splice(i++, 0, String.fromCodePoint(n));
    }
    return out.join("");
  }
  function pretends(host) {
    const domain = registrable(host);
    if (isOwn(domain) || isAddress(host)) return void 0;
    const front = shown(host).toLowerCase();
    const [label] = shown(domain).toLowerCase().split(".");
    const plain = skeleton(label);
    const ahead = front.slice(0, front.length - shown(domain).length);
    for (const { name, domains } of BRANDS) {
      if (domains.some((own) => `.${ahead}`.includes(`.${own}.`))) return { name, kind: "before" };
    }
    const pieces = [label, ...label.split("-"), label.replaceAll("-", "")];
    for (const { name } of BRANDS) {
      if (pieces.every((piece) => piece !== name) && pieces.some((piece) => skeleton(piece) === skeleton(name))) {
        return { name, kind: "same-look" };
      }
    }
    for (const { name, word } of BRANDS) {
      const whole2 = pieces.includes(name) || ahead.split(/[.-]/).includes(name);
      if (whole2 || !word && name.length > 4 && plain.includes(skeleton(name))) return { name, kind: "within" };
    }
    for (const { name, word } of BRANDS) {
      if (word || name.length < 6) continue;
      const far = name.length > 8 ? 2 : 1;
      if (pieces.some((piece) => distance(piece, name, far) <= far)) return { name, kind: "near" };
    }
    return void 0;
  }

  // src/fingerprint.js
  var DOMAIN = "fathom/social-chain/1";
  var FEWEST_WORDS = 8;
  var MOST_DOMAINS = 8;
  function normalised(message) {
    let text = message.body;
    text = text.replace(/\b(dear|hello|hi|hey|guten tag|bonjour)\b[^,!\n]{0,60}[,!\n]/gi, " ");
    text = text.replace(/<[^>]{0,500}>/g, " ");
    text = text.replace(/\b[a-z][a-z0-9+.-]{1,10}:\/\/\S+|\bdata:\S+/gi, " ");
    text = text.split(/\s+/).map((word) => /@|[a-z0-9]\.[a-z]|\d/i.test(word) ? " " : word).join(" ");
    const words = skeleton(text).match(/\p{L}{2,}/gu) ?? [];
    return words.length < FEWEST_WORDS ? void 0 : words.join(" ");
  }
  function fingerprint(message, signs) {
    const domains = [...new Set(signs.map(({ domain }) => domain))].filter((domain) => domain !== void 0 && !isOwn(domain) && !isAddress(domain)).sort().slice(0, MOST_DOMAINS);
    const text = normalised(message);
    if (text === void 0 && domains.length === 0) return void 0;
    const hashed = text === void 0 ? `${DOMAIN}/domains
${domains.join("\n")}` : `${DOMAIN}/text
${text}`;
    return { id: Wapo.hash("blake2b256", hashed).toHex().slice(0, 32), domains };
  }

  // src/lessons.js
  var LESSONS = {
    links: {
      title: "Links",
      text: "Read a host name from its end: of `paypal.com.sign-in.example` only `sign-in.example` counts, what stands before it anybody can choose. Don’t follow a link of a message to sign in: open the app, or type the address that you know.",
      asks: ["how do I check a link", "is this website or domain real", "what is a lookalike or punycode domain"]
    },
    sender: {
      title: "Senders",
      text: "The name of a sender is free text, and the address can be forged. Look at the domain after the @, and at where an answer would go. If it matters, ask on another way: a number you already had, or in person.",
      asks: ["is this sender real", "can an e-mail address be forged", "my boss wrote me from another address"]
    },
    secrets: {
      title: "Passwords and codes",
      text: "Nobody who is entitled to a password, PIN or code asks you for it. Use a password manager: it fills in only where it should. If you have given one away, change it now, at the real site, and wherever else you use it; end open sessions.",
      asks: ["I gave away my password what now", "they ask for a verification code", "how do I protect my account"]
    },
    wallets: {
      title: "Wallets",
      text: "Recovery words go into your own device and nowhere else. A signature can give away what you own: read what you sign, revoke approvals that you don’t need. If the words are out, move what is left to a new wallet at once.",
      asks: [
        "I entered my seed phrase",
        "is this airdrop or token approval safe",
        "I signed a transaction on a strange site"
      ]
    },
    payments: {
      title: "Payments",
      text: "Gift cards, coins and transfer services are asked for because they can’t be called back. Confirm changed bank details by a call to a number that you had before. If you have paid, call your bank now, then the police.",
      asks: ["I sent money to a scammer", "they want gift cards or bitcoin", "a supplier changed the bank account"]
    },
    attachments: {
      title: "Attachments",
      text: "Open nothing that you don’t expect, and never “enable content”. The last ending of a name says what a file is. If you have opened one, take the machine off the network and call whoever looks after it.",
      asks: ["can I open this attachment", "I opened a file from an unknown mail", "what are macros"]
    },
    pressure: {
      title: "Pressure",
      text: "Haste, fear, greed and secrecy are there so that you don’t think. Wait ten minutes, and tell somebody what is asked of you. What is true is still true then.",
      asks: ["why do they say it is urgent", "they threaten to close my account", "is this offer too good to be true"]
    },
    reporting: {
      title: "Reporting",
      text: "Forward it to whoever looks after security where you work, or to the company that is imitated, then delete it. A report here publishes a fingerprint, never the message: others can see that the same was sent to them.",
      asks: ["where do I report phishing", "what should I do with a scam message", "how do I warn others"]
    }
  };
  var WRITES = /\b(write|compose|draft|create|generate|make|craft|design|produce|improve|rewrite|translate|give me|show me|build|code|help me (with|to)?)\b[^.!?\n]{0,80}\b(phish\w*|scam\w*|spear-?phish\w*|smish\w*|vish\w*|fake (login|sign-?in|bank|paypal|invoice|mail|e-?mail|page|site)|pretext|malware|ransom\w*|credential (harvest\w*|theft|stealer)|social engineering)\b/i;
  var WRITES_FOR = /\b(write|compose|draft|create|generate|craft)\b[^.!?\n]{0,80}\b(e-?mail|message|sms|text|page|letter|site)\b[^.!?\n]{0,80}\b(steal|trick|fool|deceive|impersonat\w+|pretend\w*|harvest|get (their|his|her|people'?s) (password|card|seed|code|data))/i;
  var EVADES = /\b(avoid|bypass|evade|get (past|around)|not be (detected|flagged)|lower)\b[^.!?\n]{0,60}\b(filter|detect\w*|score|social chain|spam|scanner|this agent)\b/i;
  var asksForAttack = (text) => [WRITES, WRITES_FOR, EVADES].some((pattern) => pattern.test(text));

  // src/message.js
  var HEADER = /^([A-Za-z][A-Za-z-]{1,40}):[ \t]*(.*)$/;
  var KNOWN = new Set(
    "from to cc subject date reply-to return-path sender received message-id mime-version".split(" ")
  );
  var ENDINGS = "com net org io app info co us uk de fr eu ru cn in me live online site shop xyz top club vip support help cloud center win click gift buzz pw tk link page dev gg tv biz pro finance bank exchange network download tech store world today icu claims gle cc ly it es nl pl se no";
  var URLS = /\b(?:https?|hxxps?|ftp):\/\/[^\s<>"'`]{1,2000}|\bdata:[a-z]+\/[a-z0-9.+-]+[;,][^\s<>"'`]{0,2000}/gi;
  var BARE = new RegExp(
    String.raw`(?<![\w@/.-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,5}(?:${ENDINGS.replaceAll(" ", "|")})\b(?![\w@-])(?:/[^\s<>"'\x60]{0,500})?`,
    "gi"
  );
  var HREF = /\bhref\s*=\s*(?:"([^"]{1,2000})"|'([^']{1,2000})'|([^\s"'>]{1,2000}))/i;
  var LONGEST_TAG = 2500;
  var LONGEST_SHOWN = 1e3;
  var FILES = /(?:\battachments?:[ \t]*(\S.{0,200})$)|(?:filename="?([^";\n]{1,200})"?)|(\b[\w-]{1,80}\.(?:exe|scr|iso|apk|docm|xlsm|lnk|jar|hta|vbs)\b)/gim;
  var MOST_LINKS = 200;
  function read(text) {
    const { headers, bodyAt } = readHeaders(text);
    const body = text.slice(bodyAt);
    return { text, headers, bodyAt, body, links: links(text), files: files(text) };
  }
  function readHeaders(text) {
    const headers = /* @__PURE__ */ new Map();
    let at = 0;
    let last;
    for (const line of text.split("\n")) {
      const next = at + line.length + 1;
      const found2 = HEADER.exec(line.replace(/\r$/, ""));
      if (found2 && (KNOWN.has(found2[1].toLowerCase()) || headers.size > 0)) {
        last = found2[1].toLowerCase();
        const start = at + line.indexOf(found2[2], found2[1].length + 1);
        if (!headers.has(last)) headers.set(last, { value: found2[2], start, end: start + found2[2].length });
      } else if (last !== void 0 && /^[ \t]+\S/.test(line)) {
        const header = headers.get(last);
        header.value += ` ${line.trim()}`;
        header.end = at + line.length;
      } else {
        return headers.size > 0 ? { headers, bodyAt: line.trim() === "" ? Math.min(next, text.length) : at } : { headers, bodyAt: 0 };
      }
      at = next;
    }
    return { headers, bodyAt: headers.size > 0 ? text.length : 0 };
  }
  function mailbox(value) {
    const found2 = /^(.*?)<([^<>@\s]+@[^<>\s]+)>/.exec(value) ?? /^()([^<>@\s]+@[^<>\s]+)/.exec(value.trim());
    if (!found2) return { name: value, address: "", host: "" };
    const address = found2[2].toLowerCase();
    return { name: found2[1].trim().replace(/^"|"$/g, ""), address, host: address.slice(address.lastIndexOf("@") + 1) };
  }
  function links(text) {
    const found2 = [];
    const taken = [];
    const free = (start, end) => taken.every(([from, to]) => end <= from || start >= to);
    for (const { href, inner, start, end } of anchors(text)) {
      if (found2.length >= MOST_LINKS) break;
      taken.push([start, end]);
      found2.push(link(href, inner.replace(/<[^>]{0,500}>/g, "").trim(), start, end));
    }
    for (const pattern of [URLS, BARE]) {
      for (const match of text.matchAll(pattern)) {
        if (found2.length >= MOST_LINKS) break;
        const raw = match[0].replace(/[.,;:!?)\]}»”]+$/, "");
        const [start, end] = [match.index, match.index + raw.length];
        if (!free(start, end)) continue;
        taken.push([start, end]);
        found2.push(link(raw, raw, start, end));
      }
    }
    return found2.sort((one, other) => one.start - other.start);
  }
  function* anchors(text) {
    const small = text.toLowerCase();
    for (let start = small.indexOf("<a "); start >= 0; start = small.indexOf("<a ", start + 3)) {
      const tagEnd = small.indexOf(">", start);
      if (tagEnd < 0) return;
      const href = tagEnd - start > LONGEST_TAG ? null : HREF.exec(text.slice(start, tagEnd));
      const close = href ? small.slice(tagEnd, tagEnd + LONGEST_SHOWN).indexOf("</a>") : -1;
      if (close < 0) continue;
      const end = tagEnd + close + "</a>".length;
      yield { href: href[1] ?? href[2] ?? href[3], inner: text.slice(tagEnd + 1, tagEnd + close), start, end };
    }
  }
  function target(raw) {
    const written = raw.replace(/^hxxp/i, "http").replaceAll("[.]", ".");
    try {
      return new URL(/^[a-z][a-z0-9+.-]*:/i.test(written) ? written : `http://${written}`);
    } catch {
      return null;
    }
  }
  function link(href, shown2, start, end) {
    const url = target(href);
    return { href, shown: shown2, start, end, url, host: url?.hostname || null };
  }
  function files(text) {
    const found2 = [];
    for (const match of text.matchAll(FILES)) {
      const name = (match[1] ?? match[2] ?? match[3]).trim();
      const start = match.index + match[0].indexOf(name);
      if (found2.length < MOST_LINKS && found2.every((file) => file.start !== start)) {
        found2.push({ name, start, end: start + name.length });
      }
    }
    return found2;
  }

  // src/page.html
  var page_default = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'sha256-SCRIPT'; style-src 'sha256-STYLE'; connect-src 'self' http: https:; base-uri 'none'; form-action 'none'">
<title>Social Chain</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c }
  textarea { width: 100%; box-sizing: border-box; font: inherit } button { font: inherit; padding: .3rem 1rem }
  li { margin: .5rem 0 } small { color: #666 } mark { background: #ffe08a } code { background: #f2f2f2; padding: 0 .25rem }
  .phishing { color: #b00020 } .suspicious { color: #8a5a00 } .nothing-found { color: #1b6e3c }
</style>
<h1>Social Chain</h1>
<p>Paste a message: a text, an e-mail with its headers, or a list of links. It is read inside an attested worker, and kept nowhere.</p>
<form id="form">
  <textarea id="message" rows="8" maxlength="20000" required></textarea>
  <p><button>Check</button> <small id="said"></small></p>
</form>
<section id="result" hidden>
  <h2 id="verdict"></h2>
  <ul id="signs"></ul>
  <h3>What to do</h3>
  <ul id="lessons"></ul>
  <p id="report"></p>
</section>
<h2>Reported campaigns</h2>
<ul id="campaigns"></ul>
<script>
  const $ = (id) => document.getElementById(id);
  const item = (...parts) => {
    const line = document.createElement('li');
    for (const [tag, text] of parts) {
      const part = document.createElement(tag);
      part.textContent = text;
      line.append(part, ' ');
    }
    return line;
  };
  const VERDICTS = { phishing: 'This looks like phishing', suspicious: 'Be careful', 'nothing-found': 'No sign of phishing was found' };
  $('form').onsubmit = async (event) => {
    event.preventDefault();
    $('said').textContent = '…';
    const sent = { method: 'POST', body: JSON.stringify({ message: $('message').value }) };
    const found = await (await fetch('check', sent)).json();
    $('said').textContent = found.message ?? '';
    if (found.score === undefined) return;
    $('verdict').textContent = \`\${VERDICTS[found.verdict]} (\${Math.round(found.score * 100)} %)\`;
    $('verdict').className = found.verdict;
    $('signs').replaceChildren(...found.signs.map(({ title, why, where }) => item(['b', title], ['span', why], ['mark', where.text])));
    $('lessons').replaceChildren(...found.lessons.map(({ title, text }) => item(['b', title], ['span', text])));
    const print = JSON.stringify(found.fingerprint);
    $('report').textContent = found.fingerprint ? \`To report it: fathom agent send social-chain /reports --method POST --json '\${print}'\` : '';
    $('result').hidden = false;
  };
  fetch('campaigns').then((answer) => answer.json()).then(({ campaigns = [] }) => {
    const told = ({ id, domains, reporters, last }) =>
      item(['code', id.slice(0, 12)], ['span', domains.join(', ')], ['small', \`\${reporters} reporters, last \${new Date(last).toISOString()}\`]);
    $('campaigns').replaceChildren(...campaigns.map(told));
  });
</script>
`;

  // src/phrases.js
  var GAP = String.raw`[^.!?\n]{0,90}?`;
  var p = (source) => new RegExp(source.replaceAll("~", GAP), "giu");
  var phrase = (id, weight, title, lesson2, why, sources, warnable = false) => ({
    ...{ id, weight, title, lesson: lesson2, why, warnable },
    patterns: sources.map(p)
  });
  var PHRASES = [
    phrase(
      "urgency",
      9,
      "You are to hurry",
      "pressure",
      "Who has no time to think makes mistakes: that is what the deadline is for.",
      [
        String.raw`\b(with)?in (the next )?\d{1,3} (minutes?|hours?)\b`,
        String.raw`\b(immediately|right away|at once|act now|final notice|last (chance|warning)|before midnight|by midnight|before noon)\b`,
        String.raw`\b(expires?|ends?|closes?|deleted|disconnected|closed|tomorrow)\b~\b(today|tonight|in \d+ minutes)\b`,
        String.raw`\b(today|tonight|urgent|urgently|immediate effect)\b~\b(pay|send|move|need|fine|penalty|wire|transfer)\b`,
        String.raw`\b(by|before) (tonight|tomorrow|\d+ ?[ap]m)\b~\b(or|to (avoid|keep))\b|\b(or|else|otherwise)\b~\b(released|forfeited|removed|lost|late fees?|doubles)\b`,
        String.raw`\bavoid late fees?\b|\bafter tonight\b|\b\d+ hours to\b|\bin the next \d+ (hours|minutes)\b|\bfirst \d+k? (wallets|people|users)\b`,
        String.raw`\bfor \d+ minutes only\b|\binnerhalb von \d+ stunden\b|\bsofort\b|\bimmédiat`
      ]
    ),
    phrase(
      "threat",
      13,
      "Something will be taken from you",
      "pressure",
      "A loss that is threatened in a message is looked up where you have the account, not by its link.",
      [
        String.raw`\b(account|card|mailbox|membership|wallet|page|access|device|line|konto|compte|conto|cuenta)\b~\b(limited|restricted|suspended|locked|blocked|closed|barred|deleted|deactivat\w+|unpublished|flagged|compromised|on hold|damaged|gesperrt|bloqué)`,
        String.raw`\b(lose|losing) (your|all|access)\b|\b(legal action|you will be (banned|fined|charged))\b|\bavoid (a|the|any) (ban|fine|penalty|suspension)\b`,
        String.raw`\b(will|to) be (closed|deleted|erased|suspended|locked|unpublished|disconnected|removed|returned|burned)\b`,
        String.raw`\bscheduled for (deactivation|deletion|removal)\b|\bfail(ure)? to (do so|comply|renew)\b`
      ]
    ),
    phrase(
      "asks-for-secrets",
      22,
      "It asks for passwords, codes or card data",
      "secrets",
      "Nobody who is entitled to a secret asks for it in a message.",
      [
        String.raw`\b(enter|confirm|type|provide|fill in|submit|send|give|update|re-?enter|verify)\b~\b(password|passcode|pin|card (number|details|data)|security code|cvv|credentials|login (details|code|name)|bank (details|account)|national insurance number|social security|mother'?s maiden|passport|identity card|tan|ssn)\b`,
        String.raw`\b(need|needs|requires?)\b~\b(ssn|photo of (your )?id|selfie|login for|password)\b|\bwith your mail login\b|\bconfirme su clave\b|\bzahlungsmittel aktualisieren\b|\bcard check\b`,
        String.raw`\b(log|sign) ?(in|on)\b~\bwith (your )?~\b(password|user ?name|account|office 365|e-?mail)\b`,
        String.raw`\b(reply|send|fill in|need|with)\b~\b(date of birth|scan of (your )?id|copy of (your )?(id|passport|identity)|sort code|full name, )\b|\bmother'?s maiden name\b|\bremplissez le formulaire\b`,
        String.raw`\bneed (your )?(bank account|card|password|pin)\b|\bbestätigen sie\b~\b(zugangsdaten|tan|passwort|pin)\b`,
        String.raw`\benvoyer\b~\b(passeport|coordonnées bancaires|mot de passe)\b`
      ],
      true
    ),
    phrase(
      "asks-for-seed",
      30,
      "It asks for a wallet's recovery words or private key",
      "wallets",
      "Whoever has these words has all that is in the wallet, at once and for good.",
      [
        String.raw`\b(enter|type|import|validate|re-?validated?|restore|provide|submit|with)\b~\b((recovery|seed|secret|backup) (phrase|words)|private keys?|(12|24|twelve|twenty-four)[- ]words?)\b`
      ],
      true
    ),
    phrase(
      "wallet-approval",
      22,
      "It asks you to connect a wallet, sign or approve",
      "wallets",
      "A signature can hand over what is in a wallet; a claim that needs one is paid for by you.",
      [
        String.raw`\b(connect|sync|validate|link)\b~\b(wallet|extension)\b`,
        String.raw`\b(sign|approve)\b~\b(claim|contract|message|approval|gasless|transaction|setapprovalforall)\b`,
        String.raw`\bconnect and sign\b|\bconnect the signer\b|\bauthorise the\b~\bapp\b|\bmigrate\b~\b(contract|stakes?|nfts)\b|\bclaims?\b~\b(eligib\w+|allocation)\b|\b(allocation|eligibility)\b~\b(drop|live|claim\w*|checker)\b`
      ],
      true
    ),
    phrase(
      "asks-for-code",
      24,
      "It asks for a code that was sent to you",
      "secrets",
      "The code is the last thing that keeps somebody with your password out.",
      [
        String.raw`\b(send|reply|respond|forward|tell|read|give|have)\b~\b(code|digits)\b~\b(ready|received|sent|send you|to @)?`,
        String.raw`\bask for the code\b|\bread (us|me) the\b|\bask for your~\bcode\b|\bpaste the~\b(link|code)\b~\bchat\b`,
        String.raw`\b(push notification|prompt)\b~\bapprove\b|\bapprove\b~\b(push|prompt|notification)\b`
      ],
      true
    ),
    phrase(
      "gift-cards",
      28,
      "It asks for gift cards",
      "payments",
      "Gift cards are cash for whoever reads the code: no company and no authority takes them.",
      [
        String.raw`\b(buy|purchase|get|pick up|need)\b~\bgift ?cards?\b`,
        String.raw`\b(\d+ (steam|apple|google play|itunes|amazon|prepaid) cards?|prepaid cards?|numbers on the back)\b`,
        String.raw`\bgift ?cards?\b~\b(codes?|photos?|scratch)\b`
      ],
      true
    ),
    phrase(
      "crypto-payment",
      22,
      "It asks for money in a currency that can not be called back",
      "payments",
      "A transfer of coins is final, and its receiver unknown.",
      [
        String.raw`\b(send|pay|deposit|transfer|move|paying)\b~\b(bitcoins?|btc|eth|ether|usdt|sol|crypto\w*|coins)\b`,
        String.raw`\b(bc1[a-z0-9]{20,70}|0x[0-9a-f]{40})\b`
      ],
      true
    ),
    phrase(
      "odd-payment",
      18,
      "It asks for money in an unusual way",
      "payments",
      "New account, fee in advance, transfer service: each makes the money hard to get back.",
      [
        String.raw`\b(western union|money ?gram)\b`,
        String.raw`\b(bank|account) details have changed\b~\b(effect|immediately|new)|\bnew account (attached|below)\b`,
        String.raw`\b(processing|release|customs|delivery|shipping|redelivery|refundable|handling) (fee|deposit|charge)\b|\bpay(ing)? (the|a) (fee|shipping|small fee|refundable deposit)\b`,
        String.raw`\b(new|changed) iban\b|\biban\b~\b(from (this|now)|instead)\b|\b(pay|payez|paga|pagar|betaal)\b~\b[0-3][.,]\d\d\b|\bbetaal\b|\bcharge has to be paid\b|\bpay the bond\b`,
        String.raw`\b(wire|transfer) of [\d.,]+|\bcan you send me \d+|\bsend~\bfor bail\b|\bfrais par virement\b`
      ],
      true
    ),
    phrase(
      "secrecy",
      16,
      "You are to keep it to yourself",
      "pressure",
      "Who asks for silence is afraid of the question that would stop it.",
      [
        String.raw`\b(discreetly|keep (this|it) (confidential|between us|secret)|strictly confidential|don'?t (tell|mention)|can'?t (talk|take calls))\b`
      ]
    ),
    phrase(
      "bait",
      15,
      "Something for nothing",
      "pressure",
      "What nobody gives for nothing costs something: here it is your data, or a fee in advance.",
      [
        String.raw`\b(you (have|'ve) (won|been selected)|was selected for|lottery|beneficiary|inherit\w*|heir|héritez|airdrop|giveaway|gives away|twice as much|double your|unclaimed|guaranteed|profits?)\b~\b(claim|prize|funds?|account|free|reward|rewards|gift|guaranteed|contract|bank|dollars|euros?|back|deposit|holders|connect)\b`,
        String.raw`\b(due|eligible for|tried to) (a |to )?(tax )?refund\b|\bper day for\b|\bfree for holders\b|\bno experience\b`
      ]
    ),
    phrase(
      "call-back",
      16,
      "You are to call a number about a charge",
      "payments",
      "The number leads to whoever wrote this. Call the one on your card or contract.",
      [
        String.raw`\b(call|phone|contact)\b~(\+?\d[\d ()-]{7,16}\d)`,
        String.raw`\bremote access\b|\b(install|open|download) (anydesk|teamviewer|quicksupport)\b|\breply yes or no\b`
      ]
    ),
    phrase(
      "other-channel",
      12,
      "You are to go on elsewhere, or to ask nobody",
      "pressure",
      "Away from the usual way nobody else sees what is written, and nothing is filtered.",
      [
        String.raw`\b(text|add|contact|write|message) me on (telegram|whatsapp|signal)\b|\bonly reachable (here|by)\b|\breply (by mail|by e-?mail|y\b|for instructions)|\bdo not call\b|\bplease don'?t (worry|tell|involve)\b`,
        String.raw`\b(treat this with discretion|i count on you|i'?m boarding|in(to)? this chat)\b`
      ]
    ),
    phrase(
      "personal-account",
      20,
      "The money is to go to another account than usual",
      "payments",
      "Ask whoever is paid, on a number that you had before.",
      [
        String.raw`\b(private|personal|new|different) (bank )?account\b~\b(iban|tomorrow|salary|payout|pay)|\b(salary|stipend|wage|pay|fees?)\b~\b(new|private|right|another) (bank|account)\b|\bi'?ve changed banks\b`,
        String.raw`\b(zelle|cash ?app|venmo|can you wire|wired? before|wire it back)\b|\bup[ -]front\b|\b(lend|borrow) me\b|\btop up your (balance|account)\b`
      ],
      true
    ),
    phrase(
      "paste-command",
      28,
      "You are to paste something into your own machine",
      "attachments",
      "What is pasted runs as if you had written it.",
      [
        String.raw`\b(windows ?\+ ?r|win ?\+ ?r|open (a |the )?(terminal|powershell|run dialog))\b~|\bpaste\b~\b(press enter|terminal|console|powershell)\b`
      ]
    ),
    phrase(
      "task-money",
      16,
      "Money for little work",
      "pressure",
      "The first payment comes, the deposit that follows is yours.",
      [
        String.raw`\b\d+ minutes a day\b|\bpaid in (usdt|crypto)\b|\bwith commission\b|\bpremium tasks\b|\bremote position\b~\bno experience\b`
      ]
    ),
    phrase(
      "new-number",
      18,
      "A relative with a new number needs money",
      "payments",
      "Call the number that you have always had, and ask.",
      [String.raw`\b(new (phone )?number|dropped my phone|lost my phone|it'?s me)\b~`]
    ),
    phrase(
      "task-for-you",
      14,
      "A superior wants a quick favour",
      "pressure",
      "It begins with a small question, and ends with a payment. Ask in person.",
      [
        String.raw`\b(are you (at your desk|available|free right now)|run a task|quick favou?r|send me your (cell|phone|mobile) number)\b`
      ]
    ),
    phrase(
      "enable-content",
      24,
      "You are to switch a protection off",
      "attachments",
      '"Enable content" lets a document run programs: it has no other use here.',
      [
        String.raw`\benable (editing|content|macros)\b|\b(install|download) (the|this) (attached|new|cleaner)\b|\bscan the qr code\b`
      ]
    ),
    phrase(
      "recorded-you",
      26,
      "It claims to have recorded you",
      "payments",
      "It is sent to millions, and there is no recording. Paying brings more of it.",
      [String.raw`\b(recorded you|access to your (device|camera|webcam))\b`]
    ),
    phrase(
      "video-of-you",
      18,
      "It makes you curious about yourself",
      "links",
      "A friend would say what it is. The account that wrote this may be stolen.",
      [String.raw`\bis this you\b|\byou in this (video|photo|picture)\b`]
    ),
    phrase(
      "dear-nobody",
      5,
      "It does not know your name",
      "sender",
      "Whoever has a contract with you knows what you are called.",
      [
        String.raw`\b(dear|hello|hi) (customer|user|sir|madam|client|member|beneficiary|student|valued|account holder|dear)\b|\bsehr geehrter kunde\b`
      ]
    )
  ];

  // src/signs.js
  var KINDS = {
    "lookalike-domain": [30, "A domain that looks like a well-known one", "links"],
    "brand-in-foreign-domain": [28, "A well-known name in a domain that is not its own", "links"],
    "link-shows-other-domain": [30, "A link that shows one domain and leads to another", "links"],
    "punycode-domain": [20, "A domain written with letters of another alphabet", "links"],
    "address-link": [22, "A link to a bare network address", "links"],
    "userinfo-link": [30, "A link with a well-known name before an @", "links"],
    "data-link": [28, "A link that carries its own page", "links"],
    "short-link": [14, "A shortened link that hides where it leads", "links"],
    "free-host-link": [14, "A page at a free host", "links"],
    "form-link": [12, "A form that anybody can make", "links"],
    "bait-domain": [15, "A domain put together of words such as “secure” and “login”", "links"],
    "asks-at-strange-place": [13, "It asks you to act at a site that is none of the well-known ones", "links"],
    "cheap-ending": [8, "A domain ending that is often used for phishing", "links"],
    "plain-http": [5, "A link without encryption", "links"],
    "sender-not-brand": [24, "A sender that uses a name it does not belong to", "sender"],
    "reply-elsewhere": [18, "Answers go to another domain than the sender", "sender"],
    "authority-at-free-mail": [14, "Somebody of rank who writes from a free mailbox", "sender"],
    "mixed-alphabets": [22, "Words that mix alphabets", "links"],
    "risky-attachment": [24, "An attachment that can run", "attachments"],
    "double-ending": [26, "An attachment with a second, hidden ending", "attachments"],
    ...Object.fromEntries(PHRASES.map(({ id, weight, title, lesson: lesson2 }) => [id, [weight, title, lesson2]]))
  };
  var RUNS = /\.(exe|scr|com|pif|bat|cmd|ps1|vbs|js|jse|wsf|hta|lnk|iso|img|vhd|jar|apk|msi|docm|xlsm|pptm|html?|svg)$/i;
  var ACTS = /\b(log ?in|sign ?in|pay|enter|fill in|upload|submit|claim|collect|confirm|verify|re-?enter|unlock|release|restore|renew|update|settle|register|cancel|visit|sign|connect|betaal|pague|payez|paga|zahl\w*|bestätig\w*|confirme|aktualisier\w*)\b/i;
  var HIDDEN = /\.(pdf|docx?|xlsx?|jpe?g|png|txt|csv)\.[a-z0-9]{2,4}$/i;
  var RANK = /\b(ceo|cfo|cto|president|director|rector|dean|head|headmistress|headmaster|manager|principal|chairman|notaire|notary|attorney|lawyer|office of)\b/i;
  var WARNS = /\b(never (ask|share|send|give|enter)|nobody will|no[- ]one will|don'?t (share|send|pay|click)|do not (share|send)|won'?t ask|not with anyone)\b/i;
  var MOST_OF_A_KIND = 5;
  var SHOWN_CHARACTERS = 160;
  function signsOf(message) {
    const found2 = [...linkSigns(message), ...senderSigns(message), ...fileSigns(message), ...phraseSigns(message)];
    const counts = /* @__PURE__ */ new Map();
    return found2.sort((one, other) => one.start - other.start || (one.id < other.id ? -1 : 1)).filter(({ id }) => {
      counts.set(id, (counts.get(id) ?? 0) + 1);
      return counts.get(id) <= MOST_OF_A_KIND;
    }).map(({ id, start, end, why, domain }) => {
      const [weight, title, lesson2] = KINDS[id];
      const text = message.text.slice(start, Math.min(end, start + SHOWN_CHARACTERS));
      return {
        id,
        title,
        weight,
        why,
        lesson: lesson2,
        where: { start, end, text },
        ...domain === void 0 ? {} : { domain }
      };
    });
  }
  function points(signs) {
    const kinds = new Set(signs.map(({ id }) => id));
    return [...kinds].reduce((sum, id) => sum + KINDS[id][0], 0) / 10;
  }
  function* linkSigns({ links: links2, headers, body }) {
    const sender = headers.get("from") ? registrable(mailbox(headers.get("from").value).host) : void 0;
    const acts = ACTS.test(body);
    for (const { href, shown: text, start, end, url, host } of links2) {
      const sign = (id, why, domain2) => ({ id, start, end, why, domain: domain2 });
      if (/^data:/i.test(href)) yield sign("data-link", "The whole page is in the link: no site stands behind it.");
      if (!url || !host) continue;
      const domain = registrable(host);
      if (isAddress(host))
        yield sign("address-link", `It leads to ${host}: companies have names, this has none.`, domain);
      if (url.username !== "") {
        yield sign("userinfo-link", `What stands before the @ is no place: it leads to ${domain}.`, domain);
      }
      const faked = pretends(host);
      if (faked) yield pretence(sign, faked, host, domain);
      if (host.includes("xn--"))
        yield sign("punycode-domain", `It is shown as ${shown(host)}, and is really ${host}.`, domain);
      if (SHORTENERS.has(domain)) yield sign("short-link", `${domain} forwards to a place that can't be seen from here.`);
      if (FREE_HOSTS.has(domain)) yield sign("free-host-link", `At ${domain} anybody can put a page, for nothing.`, host);
      if (FORMS.has(domain))
        yield sign("form-link", `${domain} is where anybody makes a form: what you type goes to a stranger.`);
      if (!faked && isBait(domain)) yield sign("bait-domain", baitWhy(domain), domain);
      if (CHEAP_ENDINGS.has(domain.slice(domain.lastIndexOf(".") + 1)) && !isOwn(domain)) {
        yield sign(
          "cheap-ending",
          `Names under .${domain.slice(domain.lastIndexOf(".") + 1)} cost little, and many are used for a day.`
        );
      }
      if (acts && !isOwn(domain) && !headers.has("list-unsubscribe") && (sender === void 0 || sender !== domain || isBait(domain))) {
        yield sign(
          "asks-at-strange-place",
          `${domain} belongs to nobody well known: act where you have your account, not there.`
        );
      }
      if (/^http:/i.test(href)) yield sign("plain-http", "Nobody who asks you to sign in does so without https.");
      const claimed = /^(https?:\/\/)?([\w-]+\.)+[a-z]{2,}/i.test(text) ? target(text)?.hostname : void 0;
      if (text !== href && claimed && registrable(claimed) !== domain) {
        yield sign("link-shows-other-domain", `It shows ${registrable(claimed)} and leads to ${domain}.`, domain);
      }
    }
  }
  function isBait(domain) {
    if (isOwn(domain) || isAddress(domain)) return false;
    const [label] = domain.split(".");
    const words = label.split("-").filter((word) => word.length > 1);
    const baits = words.filter((word) => BAIT_WORDS.has(word)).length;
    return words.length > 1 && baits * 2 >= words.length;
  }
  var baitWhy = (domain) => `${domain} says what you are to believe, not whose it is: companies use the domain that has their name.`;
  function pretence(sign, { name, kind }, host, domain) {
    if (kind === "same-look") {
      return sign("lookalike-domain", `${shown(host)} is written so that it is taken for ${name}.`, domain);
    }
    if (kind === "near") return sign("lookalike-domain", `${domain} is a letter or two away from ${name}.`, domain);
    if (kind === "before") {
      return sign("brand-in-foreign-domain", `It begins like ${name}'s address, and belongs to ${domain}.`, domain);
    }
    return sign("brand-in-foreign-domain", `${domain} has ${name} in its name, and is none of its domains.`, domain);
  }
  function* senderSigns({ headers, text }) {
    const from = headers.get("from");
    if (from) {
      const { name, host } = mailbox(from.value);
      const sign = (id, why, domain2) => ({ id, start: from.start, end: from.end, why, domain: domain2 });
      const domain = registrable(host);
      const faked = host && pretends(host);
      if (faked) yield pretence(sign, faked, host, domain);
      if (host && !faked && isBait(domain)) yield sign("bait-domain", baitWhy(domain), domain);
      const words = name.toLowerCase().split(/[^a-z0-9]+/);
      const glued = words.join("");
      const used = BRANDS.find((brand2) => words.includes(brand2.name) || !brand2.word && glued.includes(brand2.name));
      if (host && used && !used.domains.includes(domain) && !isOwn(domain)) {
        yield sign("sender-not-brand", `It says ${used.name}, and comes from ${domain}.`, domain);
      }
      if (FREE_MAIL.has(domain) && RANK.test(`${name} ${from.value}`)) {
        yield sign("authority-at-free-mail", `People of rank write from their own domain, not from ${domain}.`);
      }
      const reply = headers.get("reply-to");
      const answered2 = reply && mailbox(reply.value).host;
      if (answered2 && registrable(answered2) !== domain) {
        const why = `It says it is from ${domain}, and your answer would go to ${registrable(answered2)}.`;
        yield { id: "reply-elsewhere", start: reply.start, end: reply.end, why };
      }
    }
    for (const word of text.matchAll(/[\p{L}]{3,40}/gu)) {
      if (!mixesScripts(word[0])) continue;
      const why = `"${word[0]}" has letters of two alphabets that look alike: filters and eyes are to be deceived.`;
      yield { id: "mixed-alphabets", start: word.index, end: word.index + word[0].length, why };
    }
  }
  function* fileSigns({ files: files2 }) {
    for (const { name, start, end } of files2) {
      if (HIDDEN.test(name))
        yield { id: "double-ending", start, end, why: `${name} is what its last ending says, not its first.` };
      if (RUNS.test(name))
        yield {
          id: "risky-attachment",
          start,
          end,
          why: `A file such as ${name} can run what it likes when it is opened.`
        };
    }
  }
  function* phraseSigns({ text }) {
    for (const { id, patterns, why, warnable } of PHRASES) {
      for (const pattern of patterns) {
        for (const match of text.matchAll(pattern)) {
          const [start, end] = [match.index, match.index + match[0].length];
          if (warnable && WARNS.test(sentence(text, start, end))) continue;
          yield { id, start, end, why };
          break;
        }
      }
    }
  }
  function sentence(text, start, end) {
    const before = Math.max(...[".", "!", "?", "\n"].map((stop) => text.lastIndexOf(stop, start - 1))) + 1;
    const after = /[.!?\n]/.exec(text.slice(end, end + 300));
    return text.slice(Math.max(before, start - 300), after ? end + after.index : Math.min(text.length, end + 300));
  }

  // src/record.js
  var DAY_MS = 864e5;
  var A_DAY = 20;
  var FORGOTTEN_MS = 180 * DAY_MS;
  var MOST_REPORTERS = 1e3;
  var HOST = /^(?=.{4,80}$)([a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,61}$/;
  function readFingerprint(body) {
    const given = object(body, "fingerprint");
    const unknown = Object.keys(given).find((name) => !["id", "domains", "signs"].includes(name));
    if (unknown !== void 0) {
      throw new BadInput(
        unknown,
        "is no part of a fingerprint: a job is public, send what POST /check gave, never the message"
      );
    }
    const domains = list(given.domains ?? [], "domains", 8).map((domain, i) => {
      if (!HOST.test(string(domain, `domains[${i}]`, 80)) || isAddress(domain)) {
        throw new BadInput(`domains[${i}]`, "is no domain in small letters");
      }
      if (isOwn(registrable(domain)))
        throw new BadInput(`domains[${i}]`, `belongs to a well-known name: it can't be reported`);
      return domain;
    });
    const signs = list(given.signs ?? [], "signs", Object.keys(KINDS).length).map((id, i) => {
      if (!Object.hasOwn(KINDS, string(id, `signs[${i}]`, 40)))
        throw new BadInput(`signs[${i}]`, "is no sign: GET /signs has them");
      return id;
    });
    return { id: readId(given.id), domains: [...new Set(domains)].sort(), signs: [...new Set(signs)].sort() };
  }
  function readId(id) {
    if (!/^[0-9a-f]{32}$/.test(string(id, "id", 32))) throw new BadInput("id", "must be 32 hex digits");
    return id;
  }
  async function report({ id, domains, signs }, account) {
    const now = Date.now();
    const day = Math.floor(now / DAY_MS);
    const own = await kv.getJson(`report/${id}/${account}`);
    if (own === void 0) {
      const known2 = await kv.getJson(`reporter/${account}`);
      const today = known2?.day === day ? known2.count : 0;
      if (today >= A_DAY) throw new Refused(429, "too-many", `an account reports ${A_DAY} campaigns a day`);
      await kv.set(`reporter/${account}`, JSON.stringify({ day, count: today + 1 }));
    }
    if (await kv.get(`campaign/${id}`) === void 0) await kv.set(`campaign/${id}`, JSON.stringify({ first: now }));
    const said = own === void 0 ? { domains, signs } : { domains: own.domains, signs: own.signs };
    if (own === void 0) for (const domain of domains) await kv.set(`domain/${domain}/${id}`, "1");
    await kv.set(
      `report/${id}/${account}`,
      JSON.stringify({ ...said, first: own?.first ?? now, last: now, count: (own?.count ?? 0) + 1 })
    );
    return { id, reported: now };
  }
  async function campaign(id) {
    const found2 = await kv.getJson(`campaign/${id}`);
    if (found2 === void 0) throw notFound(`nobody has reported ${id}`);
    const keys = await kv.keys(`report/${id}/`, { limit: MOST_REPORTERS });
    const reports = await Promise.all(keys.map((key) => kv.getJson(key)));
    const namedBy = counted(reports.flatMap(({ domains }) => domains));
    const byMost = (counts) => Object.keys(counts).filter((each) => 2 * counts[each] >= keys.length);
    return {
      id,
      domains: byMost(namedBy),
      namedBy,
      signs: byMost(counted(reports.flatMap(({ signs }) => signs))),
      first: found2.first,
      last: reports.reduce((last, each) => Math.max(last, each.last), found2.first),
      reports: reports.reduce((sum, { count }) => sum + count, 0),
      reporters: keys.length,
      proof: { pallet: "Anchors", item: "Value", keys: [`campaign/${id}`, ...keys] }
    };
  }
  function counted(names) {
    const found2 = /* @__PURE__ */ new Map();
    for (const name of names.sort()) found2.set(name, (found2.get(name) ?? 0) + 1);
    return Object.fromEntries(found2);
  }
  async function campaigns(after, limit) {
    const keys = await kv.keys("campaign/", {
      limit,
      after: after === void 0 ? void 0 : `campaign/${readId(after)}`
    });
    return Promise.all(keys.map((key) => campaign(key.slice("campaign/".length))));
  }
  async function ofDomain(domain, limit) {
    if (!HOST.test(domain)) throw new BadInput("domain", "is no domain in small letters");
    const prefix = `domain/${domain}/`;
    const keys = await kv.keys(prefix, { limit });
    return Promise.all(keys.map((key) => campaign(key.slice(prefix.length))));
  }
  async function forget(id) {
    const { namedBy, last, reporters, proof } = await campaign(id);
    if (Date.now() - last < FORGOTTEN_MS) throw new Refused(409, "too-early", "it was reported within the last 180 days");
    if (reporters >= MOST_REPORTERS) throw new Refused(409, "too-large", "it has too many reports to be dropped at once");
    for (const key of [...proof.keys, ...Object.keys(namedBy).map((domain) => `domain/${domain}/${id}`)]) await kv.delete(key);
    return { id, forgotten: true };
  }

  // src/calibration.json
  var calibration_default = {
    withModel: {
      base: -2.509,
      perPoint: 1.558,
      perMargin: 13.398
    },
    withoutModel: {
      base: -2.643,
      perPoint: 1.684
    }
  };

  // src/prototypes.json
  var prototypes_default = {
    phishing: [
      "Your account is suspended. Verify your identity and confirm your password to restore access.",
      "Your password expires today. Sign in here to keep your mailbox.",
      "Your payment failed and your subscription will be cancelled. Update your card number now.",
      "Your parcel is held. Pay a small customs or delivery fee by card to receive it.",
      "You are owed a tax refund. Fill in your bank details to receive it.",
      "Congratulations, you have won a prize or a gift card. Pay the shipping to claim it.",
      "Claim your free token airdrop: connect your wallet and sign the transaction.",
      "Enter your wallet's recovery phrase or private key to validate it and keep your funds.",
      "A cryptocurrency giveaway: send coins and get twice as much back.",
      "Invest with me on this trading platform, deposit money, and profits are guaranteed.",
      "I'm in a meeting and can't talk. Buy gift cards for a client and send me the codes.",
      "I need an urgent and confidential wire transfer to a new vendor's account.",
      "Our bank details have changed. Please pay the outstanding invoice to the new account.",
      "I hacked your camera and have a video of you. Pay bitcoin or I send it to your contacts.",
      "I am a lawyer with an inheritance of millions of dollars. I need your bank account and passport.",
      "Mum, this is my new number. My phone is broken, please send me money today.",
      "Please send me the verification code that you have just received.",
      "Call this number now to cancel a charge of several hundred dollars and get a refund.",
      "Someone shared a confidential document with you. Log in with your work e-mail and password to view it.",
      "Your page violates our rules and will be deleted. Submit an appeal with your password.",
      "Your device has viruses. Install the attached cleaner immediately.",
      "Open the attached invoice and enable macros to see its content.",
      "Are you available? I need you to do a task for me discreetly, reply by e-mail only.",
      "Your electricity will be cut off tonight, contact our officer.",
      "Earn money from home by liking videos. Pay a deposit to open your work account.",
      "Employees must confirm their direct deposit by logging in or they will not be paid.",
      "Bestätigen Sie Ihr gesperrtes Konto mit Ihren Zugangsdaten.",
      "Scan this QR code to confirm your account, or your access ends."
    ],
    ordinary: [
      "Your receipt: we've charged your card as usual. No action is needed.",
      "You asked to reset your password. If it wasn't you, ignore this message.",
      "Your security code is 123456. Never share it with anyone.",
      "There was a new sign-in to your account. If this was you, there is nothing to do.",
      "Your order has shipped and arrives on Friday. Track it in your orders.",
      "Your statement is ready in the customer portal. The amount will be debited as usual.",
      "Reminder of your appointment with the doctor. Call the practice to change it.",
      "Your booking is confirmed. Check-in from three in the afternoon.",
      "We will never ask for your password or recovery phrase. Beware of phishing.",
      "Release notes: this version fixes bugs and is faster.",
      "Could you review my pull request? The tests pass.",
      "Minutes of the meeting, and the date of the next one.",
      "The server is down, can whoever is on call look at the dashboard?",
      "Attached is this month's invoice, due in 30 days, bank details as before.",
      "Here is the contract we talked about, please sign it and bring it on Monday.",
      "Shall we have lunch together tomorrow? I'll book a table.",
      "Happy birthday! See you at the party on Saturday.",
      "Hi grandma, the photos are lovely. We'll visit on Sunday.",
      "Our summer sale: discounts in all shops until the weekend. Unsubscribe at any time.",
      "The newsletter of the week: markets, bitcoin, and what analysts think.",
      "A governance proposal is open for votes. Read the discussion on the forum.",
      "Anna invited you to a shared folder with the budget.",
      "Notice from the school: forms and money for the excursion are due on Friday.",
      "Maintenance on Saturday: the service is unavailable for three hours, you need not do anything.",
      "The books are due at the library, you can extend the loan.",
      "Dear neighbours, we celebrate in the courtyard on Saturday.",
      "Thank you for your donation, the receipt is attached.",
      "Your payout or transfer is complete and has arrived.",
      "Someone commented on your issue and asks for the logs."
    ]
  };

  // src/vectors.json
  var vectors_default = {
    phishing: "xA4g7yvkIegbEhno7+fU+9PFxivu9d7/NeHKKs3aFDEG9Fb85uwP2/jP3h8hPvE1NFT77eIYox9BHxDrGAXWIMAe0/HcwzPo3AkcKiDZOhHcyQ4JFgYWMSThJiISAcfm7wjAMz8o7voc6Ro2KuDz7w736WmhNFTJKCrAtqnBWQDLOgn/HMUJC5oJw/Qk/4H2SCRMNyS4Fwv7Tw7nYBL38iv3/Bgq2OzKD+zf6uMIURtmRan9lwXBw/4R8Kc89e7TzrLl7vQT5BVZIO/y9x0JJPnw8hckTh0H3i7b9RseEgDR5r3xDQENaQoyEScZ3wbYBxfe/uUlG0P3KTwgHxMc45dgH8FBChP3CxH0DgHLHroBKRDjOf/CT1XvPMz4ItwZRgAlDjYI1RTw5zAE4gzh7mf7A/wjszkDAf3G6/ce4gAIADEbOvnxA8LM8dfD4O6j1Nj+v98GBLvUDDp4BrDKIAfCvP7l6e0EEPID6O4L0b42+erMK1Xk2Abj+xtN58Xb",
    ordinary: "2QIg9Bj38OX+AAcFz+7n+Oes2g7t++USJQfoCeHd9Sj6AlQLDt4X/ffQ3CoXNvEXJUAE6vIE1j8u+hf3A/PFNdUH3Pz2ygoCDfEdGRjhSd/D1vUSGAIaQyfuKRDuGqgB2wrePydI8/gD1wYtE9T5AkLz7VfVI1TcLivUv6fiQgDWHBP5J7n4/rb459oa3pXuOSkcIiaj8AMSNhQBWCD0CQr1BQ8Z3OzGF+/Y5AEIWBR/JLUJsAfd1wzx/7xJCAnH1cTg7h3w9RQkFPYD+w0rLhX+7x0rJCEK3CTW+R8XCwAJ5r/+B/vzWQ458yAX2QvkFwD4C880ACTuLVAe9PP2wJtTDOc3/f8UIQD5IvbjHuD2HwcDOfTvQjHfNPHiG+gQMegMCEcK2/vL2wsFDgPg6SwL5/0hpzcBARHbDO8h4gAjBzMYT9QH/M0GGuzS6PjP2cvntOAEE9XkDiN2+sXvO/TE0e/S7BMR9Nv7/+ATycQW39bMODkFCg3NDyU08aD5",
    known: "9sUJGxUGK6FR6A4HBO7s+dn6uCXu+rUOC+XbKP8E4/XR0yrp7ywNyL/33gY6O/cWKCooEtMmrjVBKSHt4OYBALAkkdEO0xIAwkYtNx7rYksRE+IH9jH49PQUSxkk79u5HCj0KRU9+eJR6H/k7+7j2OhABV6+7vnrAyYttPfWNwC5D+wVGdb2Abj49QET1NkCa0EUJRbWRj/OLx7w9vjz+ATy9xBtxAL4597s9dbqFyD9Wec17vfTF9wO5No3H9Hc6sYGDPQxCeVHR8P+xwvbLR/s597ZKPAT0Am5GjQt8gDk6anQRO3kKrsfLCQAJTwZASOuOMclCebgGhI3HjVS5NtjKroZvfLEHT0W/hwdCtDzNQ3YewLND0K4LffN7Z0VUPsU4hL21REx/R74sCTO+Vj9zO3i7QIWPtYanKRLCAAE1lEzQwixtKbN3NMSARye57wQ7ObuBPLmDhgW+PfK/yXioCwFyxTjDRBK1tYt5CRj8MfuFTwQAgPxqtxM9MS7"
  };

  // src/nearness.js
  var PART = 600;
  var MOST_PARTS = 6;
  var SAME = 0.98;
  var kept;
  var keptVectors = () => kept ??= Object.fromEntries(Object.entries(vectors_default).map(([kind, vector]) => [kind, unpacked(vector)]));
  async function nearness(message) {
    const parts = partsOf(message);
    const vectors = await embedded([prototypes_default.phishing[0], ...parts]);
    if (vectors === void 0) return void 0;
    const [known2, ...found2] = vectors;
    const usual = known2.length === keptVectors().known.length && dot(known2, keptVectors().known) > SAME;
    const means = usual ? keptVectors() : await embeddedMeans();
    if (means === void 0) return void 0;
    const each = found2.map((vector) => ({
      phishing: dot(vector, means.phishing),
      ordinary: dot(vector, means.ordinary)
    }));
    return each.reduce((worst, one) => margin(one) > margin(worst) ? one : worst);
  }
  var margin = ({ phishing, ordinary }) => phishing - ordinary;
  function partsOf({ headers, body, text }) {
    const subject = headers.get("subject")?.value ?? "";
    const words = `${subject}
${body}`.replace(/<[^>]{0,500}>/g, " ").replace(/\bhttps?:\/\/\S+/g, " ").replace(/\s+/g, " ").trim();
    const whole2 = words === "" ? text.slice(0, PART) : words;
    const parts = [];
    for (let at = 0; at < whole2.length && parts.length < MOST_PARTS; at += PART) parts.push(whole2.slice(at, at + PART));
    return parts;
  }
  async function embeddedMeans() {
    const { phishing, ordinary } = prototypes_default;
    const vectors = await embedded([...phishing, ...ordinary]);
    return vectors && { phishing: mean(vectors.slice(0, phishing.length)), ordinary: mean(vectors.slice(phishing.length)) };
  }
  var mean = (vectors) => unit(vectors[0].map((_, i) => vectors.reduce((sum, vector) => sum + vector[i], 0)));

  // src/score.js
  var PHISHING = 0.5;
  var SUSPICIOUS = 0.2;
  var MOST_POINTS = 8;
  var round = (value) => Math.round(value * 1e4) / 1e4;
  async function judged(message) {
    const signs = signsOf(message);
    const near = await nearness(message);
    const total = Math.min(points(signs), MOST_POINTS);
    const { base, perPoint, perMargin } = near === void 0 ? calibration_default.withoutModel : calibration_default.withModel;
    const odds = base + perPoint * total + (near === void 0 ? 0 : perMargin * margin(near));
    const score = round(1 / (1 + Math.exp(-odds)));
    const model = near === void 0 ? null : { phishing: round(near.phishing), ordinary: round(near.ordinary) };
    return { score, verdict: verdict(score), points: total, signs, model };
  }
  function verdict(score) {
    if (score >= PHISHING) return "phishing";
    return score >= SUSPICIOUS ? "suspicious" : "nothing-found";
  }

  // src/index.js
  var AGENT = "social-chain";
  var MOST_CHARACTERS = 2e4;
  var MOST_MESSAGES = 20;
  var PAGE = guarded(page_default);
  var NEAR = 0.28;
  async function check({ body }) {
    notInJob();
    known(body, "input", ["message", "messages"]);
    if (body.messages === void 0) return checked(string(body.message, "message", MOST_CHARACTERS));
    if (!Array.isArray(body.messages)) throw new BadInput("messages", "must be a list");
    if (body.messages.length > MOST_MESSAGES)
      throw new BadInput("messages", `are too many: ${MOST_MESSAGES} are taken at once`);
    const all = body.messages.reduce((sum, text) => sum + (typeof text === "string" ? text.length : 0), 0);
    if (all > 2 * MOST_CHARACTERS)
      throw new BadInput("messages", `have more than ${2 * MOST_CHARACTERS} characters together`);
    const found2 = [];
    for (const [i, text] of body.messages.entries())
      found2.push(await checked(string(text, `messages[${i}]`, MOST_CHARACTERS)));
    return { messages: found2 };
  }
  async function checked(text) {
    const message = read(text);
    const { signs, ...rest } = await judged(message);
    const lessons = [...new Set(signs.map(({ lesson: lesson2 }) => lesson2))].map((id) => lesson(id));
    const found2 = fingerprint(message, signs);
    const kinds = [...new Set(signs.map(({ id }) => id))].sort();
    return { ...rest, signs, lessons, fingerprint: found2 === void 0 ? null : { ...found2, signs: kinds } };
  }
  function notInJob() {
    if (inJob()) {
      throw new Refused(
        409,
        "not-by-job",
        "a job is public for good: check messages by HTTP, report fingerprints by a job"
      );
    }
  }
  function inJob() {
    try {
      return globalThis.job !== void 0;
    } catch {
      return false;
    }
  }
  async function reported({ body }) {
    const { submitter } = onlyByJob(AGENT, "/reports");
    return report(readFingerprint(body), submitter);
  }
  async function forgotten({ parts: [id] }) {
    onlyByJob(AGENT, `/campaigns/${id}/forget`);
    return forget(readId(id));
  }
  async function asked({ body }) {
    const question = string(object(body, "input").question, "question", 2e3);
    if (asksForAttack(question)) {
      throw new Refused(
        403,
        "refused",
        "this agent detects and teaches: it writes no attacks, and helps none past a filter"
      );
    }
    const ids = Object.keys(LESSONS);
    const texts = ids.flatMap((id) => LESSONS[id].asks);
    const vectors = await embedded([question, ...texts]);
    if (vectors === void 0) return { lessons: ids.filter((id) => mentions(question, id)).map(lesson) };
    const [wanted, ...asks] = vectors;
    let at = 0;
    const near = ids.map((id) => ({ id, near: best(wanted, asks.slice(at, at += LESSONS[id].asks.length)) })).filter(({ near: near2 }) => near2 >= NEAR).sort((one, other) => other.near - one.near || (one.id < other.id ? -1 : 1));
    return { lessons: near.slice(0, 2).map(({ id }) => lesson(id)) };
  }
  function lesson(id) {
    const { title, text } = LESSONS[id];
    return { id, title, text };
  }
  function mentions(question, id) {
    const words = new Set(question.toLowerCase().match(/\p{L}{4,}/gu) ?? []);
    return LESSONS[id].asks.some((ask) => ask.match(/\p{L}{4,}/gu).some((word) => words.has(word)));
  }
  var limitOf = (query) => query.limit === void 0 ? 20 : whole(Number(query.limit), "limit", 1, 100);
  var src_default = routed({
    "GET /": () => PAGE,
    "POST /check": check,
    "POST /ask": asked,
    "GET /lessons": () => ({ lessons: Object.keys(LESSONS).map(lesson) }),
    "GET /signs": () => ({
      signs: Object.entries(KINDS).map(([id, [weight, title, lesson2]]) => ({ id, weight: weight / 10, title, lesson: lesson2 }))
    }),
    "POST /reports": reported,
    "GET /campaigns": async ({ query }) => ({ campaigns: await campaigns(query.after, limitOf(query)) }),
    "GET /campaigns/*": ({ parts: [id] }) => campaign(readId(id)),
    "POST /campaigns/*/forget": forgotten,
    "GET /domains/*": async ({ parts: [domain], query }) => ({ campaigns: await ofDomain(domain, limitOf(query)) })
  });

  // <stdin>
  var found = src_default ?? void 0 ?? src_exports;
  globalThis.agent = found;
})();
