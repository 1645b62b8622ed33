// Well-known names, and the registrable domains that are theirs. A name is looked for in other domains, and as a sender.
// Names that are ordinary words (`word: true`) count in a domain or as a sender's name only, never in running text.

const WORDS = { word: true };
const brand = (name, domains, { word = false } = {}) => ({ name, domains: domains.split(' '), word });

export const BRANDS = [
  brand('paypal', 'paypal.com paypal.me'),
  brand('amazon', 'amazon.com amazon.co.uk amazon.de amazon.fr amazon.in amazonaws.com'),
  brand('microsoft', 'microsoft.com live.com office.com microsoftonline.com office365.com windows.com azure.com'),
  brand('outlook', 'outlook.com live.com microsoft.com office.com'),
  brand('sharepoint', 'sharepoint.com microsoft.com'),
  brand('onedrive', 'live.com microsoft.com onedrive.com'),
  brand('google', 'google.com google.de google.co.uk goo.gl youtube.com gmail.com googleapis.com'),
  brand('apple', 'apple.com icloud.com', WORDS),
  brand('appleid', 'apple.com icloud.com'),
  brand('icloud', 'apple.com icloud.com'),
  brand('facebook', 'facebook.com facebookmail.com fb.com meta.com'),
  brand('instagram', 'instagram.com'),
  brand('whatsapp', 'whatsapp.com wa.me'),
  brand('telegram', 'telegram.org t.me'),
  brand('linkedin', 'linkedin.com lnkd.in'),
  brand('twitter', 'twitter.com x.com t.co'),
  brand('netflix', 'netflix.com'),
  brand('spotify', 'spotify.com'),
  brand('dropbox', 'dropbox.com dropboxmail.com'),
  brand('docusign', 'docusign.com docusign.net'),
  brand('wetransfer', 'wetransfer.com'),
  brand('adobe', 'adobe.com'),
  brand('zoom', 'zoom.us zoom.com', WORDS),
  brand('slack', 'slack.com', WORDS),
  brand('github', 'github.com github.io githubusercontent.com'),
  brand('steam', 'steampowered.com steamcommunity.com', WORDS),
  brand('steamcommunity', 'steampowered.com steamcommunity.com'),
  brand('discord', 'discord.com discord.gg', WORDS),
  brand('ebay', 'ebay.com ebay.co.uk ebay.de'),
  brand('walmart', 'walmart.com'),
  brand('lidl', 'lidl.com lidl.de lidl.co.uk'),
  brand('norton', 'norton.com', WORDS),
  brand('dhl', 'dhl.com dhl.de'),
  brand('fedex', 'fedex.com'),
  brand('usps', 'usps.com'),
  brand('royalmail', 'royalmail.com'),
  brand('hermes', 'myhermes.co.uk hermesworld.com', WORDS),
  brand('hmrc', 'hmrc.gov.uk'),
  brand('chase', 'chase.com jpmorganchase.com', WORDS),
  brand('wellsfargo', 'wellsfargo.com'),
  brand('bankofamerica', 'bankofamerica.com bofa.com'),
  brand('citibank', 'citi.com citibank.com'),
  brand('barclays', 'barclays.com barclays.co.uk'),
  brand('hsbc', 'hsbc.com hsbc.co.uk'),
  brand('revolut', 'revolut.com'),
  brand('sparkasse', 'sparkasse.de'),
  brand('commerzbank', 'commerzbank.de commerzbank.com'),
  brand('telekom', 'telekom.de telekom.com'),
  brand('coinbase', 'coinbase.com'),
  brand('binance', 'binance.com binance.us'),
  brand('kraken', 'kraken.com', WORDS),
  brand('metamask', 'metamask.io'),
  brand('walletconnect', 'walletconnect.com walletconnect.org reown.com'),
  brand('trustwallet', 'trustwallet.com'),
  brand('phantom', 'phantom.app phantom.com', WORDS),
  brand('ledger', 'ledger.com', WORDS),
  brand('trezor', 'trezor.io'),
  brand('uniswap', 'uniswap.org'),
  brand('opensea', 'opensea.io'),
  brand('azuki', 'azuki.com'),
  brand('polkadot', 'polkadot.com polkadot.network polkadot.io polkadot.js.org subsquare.io'),
  brand('kusama', 'kusama.network'),
  brand('stripe', 'stripe.com', WORDS),
  brand('wise', 'wise.com', WORDS),
  brand('santander', 'santander.com santander.co.uk bancosantander.es'),
  brand('intuit', 'intuit.com'),
  brand('quickbooks', 'intuit.com quickbooks.com'),
  brand('shopify', 'shopify.com myshopify.com'),
  brand('signal', 'signal.org', WORDS),
  brand('booking', 'booking.com', WORDS),
  brand('airbnb', 'airbnb.com'),
];

/** Registrable domains that belong to a name of the list: never an indicator of a campaign. */
export const OWN_DOMAINS = new Set(BRANDS.flatMap(({ domains }) => domains));

export const SHORTENERS = new Set(
  'bit.ly tinyurl.com t.co goo.gl is.gd ow.ly buff.ly cutt.ly rebrand.ly shorturl.at rb.gy tiny.cc v.gd t.ly'.split(
    ' ',
  ),
);

/** Where anybody has a page within a minute: what stands before is a stranger's. */
export const FREE_HOSTS = new Set(
  (
    'weebly.com web.app firebaseapp.com wixsite.com 000webhostapp.com blogspot.com pages.dev workers.dev vercel.app ' +
    'netlify.app glitch.me godaddysites.com square.site webflow.io r2.dev duckdns.org ngrok.io ngrok-free.app'
  ).split(' '),
);

export const FREE_MAIL = new Set(
  (
    'gmail.com googlemail.com yahoo.com outlook.com hotmail.com live.com aol.com proton.me protonmail.com gmx.de gmx.net ' +
    'web.de mail.com mail.ru yandex.ru icloud.com zohomail.com'
  ).split(' '),
);

/** Where anybody makes a form: no employer, bank or authority asks for data there. */
export const FORMS = new Set('forms.gle jotform.com jotform.site typeform.com wufoo.com formstack.com'.split(' '));

/** Words that domains for phishing are put together of. */
export const BAIT_WORDS = new Set(
  (
    'account alert alerts appeal auth bill billing bills bonus booking cancel card center claim claims confirm confirmation ' +
    'customs delivery desk direct drop email fee fees fine form fraud free gift guest help helpdesk hold id identity invoice ' +
    'kyc konto live login mail mailer migrate migration notice notification online pay payment payments payout permit permits ' +
    'portal prize profile recover recovery redelivery refund refunds release renew renewal reset restore reward rewards safe ' +
    'secure security seguro service services settlement sicherheit sign signin staking storage support tax toll tolls track ' +
    'tracking treasury unlock update upgrade validate verify vote wallet webmail anniversary anniv quick official cloud'
  ).split(' '),
);

/** Endings at which phishing is registered much oftener than other things. */
export const CHEAP_ENDINGS = new Set(
  (
    'top xyz club live support icu vip win click gift buzz rest cam pw cfd sbs monster quest bond loan work men date ' +
    'download cloud center info online site website space fun host press ru su tk ml ga cf gq'
  ).split(' '),
);
