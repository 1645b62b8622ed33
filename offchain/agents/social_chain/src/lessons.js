// What is taught: a closed list. Answers to questions are chosen from it, never written by a model.

export const LESSONS = {
  links: {
    title: 'Links',
    text:
      'Read a host name from its end: of `paypal.com.sign-in.example` only `sign-in.example` counts, what stands before it ' +
      'anybody can choose. Don’t follow a link of a message to sign in: open the app, or type the address that you know.',
    asks: ['how do I check a link', 'is this website or domain real', 'what is a lookalike or punycode domain'],
  },
  sender: {
    title: 'Senders',
    text:
      'The name of a sender is free text, and the address can be forged. Look at the domain after the @, and at where an ' +
      'answer would go. If it matters, ask on another way: a number you already had, or in person.',
    asks: ['is this sender real', 'can an e-mail address be forged', 'my boss wrote me from another address'],
  },
  secrets: {
    title: 'Passwords and codes',
    text:
      'Nobody who is entitled to a password, PIN or code asks you for it. Use a password manager: it fills in only where ' +
      'it should. If you have given one away, change it now, at the real site, and wherever else you use it; end open sessions.',
    asks: ['I gave away my password what now', 'they ask for a verification code', 'how do I protect my account'],
  },
  wallets: {
    title: 'Wallets',
    text:
      'Recovery words go into your own device and nowhere else. A signature can give away what you own: read what you sign, ' +
      'revoke approvals that you don’t need. If the words are out, move what is left to a new wallet at once.',
    asks: [
      'I entered my seed phrase',
      'is this airdrop or token approval safe',
      'I signed a transaction on a strange site',
    ],
  },
  payments: {
    title: 'Payments',
    text:
      'Gift cards, coins and transfer services are asked for because they can’t be called back. Confirm changed bank details ' +
      'by a call to a number that you had before. If you have paid, call your bank now, then the police.',
    asks: ['I sent money to a scammer', 'they want gift cards or bitcoin', 'a supplier changed the bank account'],
  },
  attachments: {
    title: 'Attachments',
    text:
      'Open nothing that you don’t expect, and never “enable content”. The last ending of a name says what a file is. If you ' +
      'have opened one, take the machine off the network and call whoever looks after it.',
    asks: ['can I open this attachment', 'I opened a file from an unknown mail', 'what are macros'],
  },
  pressure: {
    title: 'Pressure',
    text:
      'Haste, fear, greed and secrecy are there so that you don’t think. Wait ten minutes, and tell somebody what is asked ' +
      'of you. What is true is still true then.',
    asks: ['why do they say it is urgent', 'they threaten to close my account', 'is this offer too good to be true'],
  },
  reporting: {
    title: 'Reporting',
    text:
      'Forward it to whoever looks after security where you work, or to the company that is imitated, then delete it. A report ' +
      'here publishes a fingerprint, never the message: others can see that the same was sent to them.',
    asks: ['where do I report phishing', 'what should I do with a scam message', 'how do I warn others'],
  },
};

const WRITES =
  /\b(write|compose|draft|create|generate|make|craft|design|produce|improve|rewrite|translate|give me|show me|build|code|help me (with|to)?)\b[^.!?\n]{0,80}\b(phish\w*|scam\w*|spear-?phish\w*|smish\w*|vish\w*|fake (login|sign-?in|bank|paypal|invoice|mail|e-?mail|page|site)|pretext|malware|ransom\w*|credential (harvest\w*|theft|stealer)|social engineering)\b/i;
const WRITES_FOR =
  /\b(write|compose|draft|create|generate|craft)\b[^.!?\n]{0,80}\b(e-?mail|message|sms|text|page|letter|site)\b[^.!?\n]{0,80}\b(steal|trick|fool|deceive|impersonat\w+|pretend\w*|harvest|get (their|his|her|people'?s) (password|card|seed|code|data))/i;
const EVADES =
  /\b(avoid|bypass|evade|get (past|around)|not be (detected|flagged)|lower)\b[^.!?\n]{0,60}\b(filter|detect\w*|score|social chain|spam|scanner|this agent)\b/i;

/** Whether somebody asks for an attack to be written, or for a way around detection. */
export const asksForAttack = (text) => [WRITES, WRITES_FOR, EVADES].some((pattern) => pattern.test(text));
