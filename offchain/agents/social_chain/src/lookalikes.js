// Letters that look like others.

const LOOKS = {
  а: 'a', е: 'e', о: 'o', р: 'p', с: 'c', у: 'y', х: 'x', і: 'i', ј: 'j', ѕ: 's', һ: 'h', ԁ: 'd', ԛ: 'q', ԝ: 'w', к: 'k',
  м: 'm', т: 't', в: 'b', н: 'h', г: 'r', ӏ: 'l', α: 'a', ο: 'o', ρ: 'p', ν: 'v', ι: 'i', κ: 'k', υ: 'u', τ: 't', η: 'n',
  ε: 'e', ɡ: 'g', ı: 'i', ł: 'l', ø: 'o', đ: 'd', ß: 'b', 0: 'o', 1: 'l', 3: 'e', 5: 's', 7: 't', $: 's', '@': 'a', '|': 'l',
}; // prettier-ignore

/** What a word looks like at a glance: equal for words that a reader may take for each other. */
export function skeleton(word) {
  const bare = word.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return [...bare]
    .map((letter) => LOOKS[letter] ?? letter)
    .join('')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
    .replaceAll('i', 'l');
}

/** Whether a word has letters of two scripts, as no honest name has. */
export function mixesScripts(word) {
  const scripts = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u];
  return scripts.filter((script) => script.test(word)).length > 1;
}
