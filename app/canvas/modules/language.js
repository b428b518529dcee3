// The page's words: see ../language.js, which is in the page's head before any module is loaded.

/** Return words by their key, with the places in braces filled: word("tray.hide", {name: "#3"}). */
export const word = (key, places) => globalThis.sphinx.word(key, places);
