// The page's words, for its scripts and templates: sphinx.word("tools.point"). The language is the one that was
// chosen on the page and lies in a cookie, where the server reads it too; else the browser's first one.

globalThis.sphinx = (() => {
  const COOKIE = "sphinx-language", YEAR = 365 * 24 * 3600;
  const WORDS = "WORDS"; // {language: {key: words}}, put in by the server

  function chosen() {
    const found = document.cookie.split("; ").find((one) => one.startsWith(COOKIE + "="));
    return found ? found.slice(COOKIE.length + 1) : navigator.language.slice(0, 2).toLowerCase();
  }

  const language = chosen() in WORDS ? chosen() : "en";
  document.documentElement.lang = language === "zh" ? "zh-CN" : language;

  /** Return words by their key, with the places in braces filled. */
  function word(key, places = {}) {
    const words = WORDS[language][key] ?? WORDS.en[key] ?? key;
    return words.replace(/\{(\w+)\}/g, (place, name) => places[name] ?? place);
  }

  /** Have the page speak another language from now on: it is loaded anew, and the visit comes back. */
  function speak(other) {
    // in a frame on another site only a partitioned cookie is kept, and only over https
    const safe = location.protocol === "https:" ? "SameSite=None; Secure; Partitioned" : "SameSite=Lax";
    document.cookie = COOKIE + "=" + other + "; Path=/; Max-Age=" + YEAR + "; " + safe;
    location.reload();
  }

  return { language, word, speak };
})();
